"""Heartbeat: what a player tells of itself while it plays, in a small file that another process maps too.

The player's side writes (`Beat`), the supervisor's and the soak's side reads (`Heart`). What is in the file survives a
killed player: counters go on from there in the next one, and the last picture stays. Nothing is decided here: whether a
heart has stopped is runtime/watch.py.

One word is 8 bytes and is written at once. Of the two places for a picture only the one that is not shown is written,
so that a picture half written is never seen.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import UserError

# The environment variable in which a supervisor names the file to its player.
VARIABLE = "REVERIE_KIOSK_BEAT"
MAGIC = 0x31544145_42565252

# Words at the start of the file.
(_MAGIC, _STARTS, _PID, _PHASE, _TURNS, _CHUNKS, _FRAMES, _PICTURES, _LINES, _RECORDED, _DROPPED) = range(11)
# Per place of a picture: width and height. Behind them the period in nanoseconds, then the histogram of intervals.
_SIZES, _PERIOD, _BUCKETS = 16, 20, 32
# Frame intervals are counted in steps of a quarter of a millisecond; the last bucket has all that are longer.
BUCKETS, BUCKET_S = 1024, 0.00025
HEADER = 8 * (_BUCKETS + BUCKETS)
MOST_PIXELS = 1280 * 720
PLACE = 4 * MOST_PIXELS
SIZE = HEADER + 2 * PLACE
PICTURE_EVERY_S = 1.0

# What a player is at: not yet there; loading a world; waiting for the first chunk of one; playing; standing still
# because a person wants it so; on its way out.
STARTING, LOADING, WAKING, PLAYING, RESTING, LEAVING = range(6)


@dataclass(frozen=True)
class Pulse:
    """The counters at one moment. `starts` counts players; all others but `pid` and `phase` go on over restarts.

    `lines`: lines that session logs took, `recorded`: frames that recordings took, `dropped`: those that they left out.
    `intervals`: frames by the time since the frame before, in steps of BUCKET_S; `period` in seconds, 0 if unknown.
    """

    starts: int = 0
    pid: int = 0
    phase: int = STARTING
    turns: int = 0
    chunks: int = 0
    frames: int = 0
    lines: int = 0
    recorded: int = 0
    dropped: int = 0
    pictures: int = 0
    period: float = 0.0
    intervals: tuple[int, ...] = ()


def make(path: Path) -> None:
    """Make the file, all zero; raises UserError where that cannot be done.

    It is written to its end: a page that finds no room on the disk later would kill the player.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(MAGIC.to_bytes(8, "little") + bytes(SIZE - 8))
        partial.replace(path)
    except OSError as error:
        raise UserError("cannot write the heartbeat", str(path), error.strerror or str(error)) from error


class _Mapped:
    """The file as words and bytes."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("r+b") as file:
                self._pages = mmap.mmap(file.fileno(), SIZE)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", "") or str(error)
            raise UserError("cannot read the heartbeat", str(path), said) from error
        if int.from_bytes(self._pages[:8], "little") != MAGIC:
            raise UserError("not a heartbeat", str(path), "name another file, or remove this one")
        self._whole = memoryview(self._pages)
        self._header = self._whole[:HEADER]
        self._words = self._header.cast("Q")

    def still(self) -> np.ndarray | None:
        """The last picture that was kept, by this player or one before, uint8 BGRA [h, w, 4]; None if there is none."""
        for _ in range(3):
            number = self._words[_PICTURES]
            place = number % 2
            width, height = self._words[_SIZES + 2 * place], self._words[_SIZES + 2 * place + 1]
            if not number or not 0 < width * height <= MOST_PIXELS:
                return None
            start = HEADER + place * PLACE
            pixels = np.frombuffer(self._whole[start : start + 4 * width * height], np.uint8).copy()
            if self._words[_PICTURES] == number:
                return pixels.reshape(height, width, 4)
        return None

    def close(self) -> None:
        """Let go of the file, which stays."""
        for view in (self._words, self._header, self._whole):
            view.release()
        self._pages.close()


class NoBeat:
    """The heartbeat of a player that nobody watches: the same methods, and nothing happens."""

    def phase(self, phase: int) -> None: ...

    def turn(self) -> None: ...

    def chunk(self, number: int) -> None: ...

    def frame(self, now: float) -> None: ...

    def rest(self) -> None: ...

    def picture(self, pixels: np.ndarray, now: float) -> None: ...

    def kept(self, lines: int, recorded: int, dropped: int) -> None: ...

    def period(self, seconds: float) -> None: ...

    def still(self) -> np.ndarray | None:
        return None

    def close(self) -> None: ...


class Beat(_Mapped):
    """The writing side, for the loop's thread alone. Each call but `picture` takes about a microsecond or less."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        words = self._words
        self._last: float | None = None
        self._picture_at = -PICTURE_EVERY_S
        self._chunk = 0
        self._kept = (0, 0, 0)
        words[_PHASE] = STARTING
        words[_PID] = os.getpid()
        words[_STARTS] += 1  # last: whoever sees it sees the above

    def phase(self, phase: int) -> None:
        """Say what the player is at: STARTING to LEAVING. Frame intervals begin anew."""
        self._last = None
        self._words[_PHASE] = phase

    def turn(self) -> None:
        """The loop has made a turn."""
        self._words[_TURNS] += 1

    def chunk(self, number: int) -> None:
        """The engine has finished work: `number` is any count of it that grows, such as of frames dreamt."""
        if number != self._chunk:
            self._chunk = number
            self._words[_CHUNKS] += 1
            if self._words[_PHASE] == WAKING:
                self._words[_PHASE] = PLAYING

    def frame(self, now: float) -> None:
        """A frame was shown at `now` seconds, on any clock."""
        words, last, self._last = self._words, self._last, now
        words[_FRAMES] += 1
        if last is not None:
            words[_BUCKETS + min(BUCKETS - 1, max(0, int((now - last) / BUCKET_S)))] += 1

    def rest(self) -> None:
        """The next frame does not follow on the last one: its interval does not count."""
        self._last = None

    def picture(self, pixels: np.ndarray, now: float) -> None:
        """Keep uint8 BGRA [h, w, 4] as the last picture, once in PICTURE_EVERY_S at most; a large one is thinned."""
        if now - self._picture_at < PICTURE_EVERY_S:
            return
        self._picture_at = now
        step = 1
        while -(-pixels.shape[0] // step) * -(-pixels.shape[1] // step) > MOST_PIXELS:
            step += 1
        pixels = pixels[::step, ::step]
        height, width = pixels.shape[:2]
        number = self._words[_PICTURES] + 1
        place = number % 2
        start = HEADER + place * PLACE
        flat = np.frombuffer(self._whole[start : start + 4 * width * height], np.uint8)
        np.copyto(flat.reshape(height, width, 4), pixels)
        self._words[_SIZES + 2 * place], self._words[_SIZES + 2 * place + 1] = width, height
        self._words[_PICTURES] = number

    def kept(self, lines: int, recorded: int, dropped: int) -> None:
        """How many lines of session logs were written by this player so far, frames recorded, and frames left out."""
        for word, now, before in zip(
            (_LINES, _RECORDED, _DROPPED), (lines, recorded, dropped), self._kept, strict=True
        ):
            self._words[word] += max(0, now - before)
        self._kept = (lines, recorded, dropped)

    def period(self, seconds: float) -> None:
        """The time that a frame is meant to be shown."""
        self._words[_PERIOD] = round(seconds * 1e9)


class Heart(_Mapped):
    """The reading side, in another process."""

    def pulse(self, intervals: bool = False) -> Pulse:
        """The counters now; with the histogram where `intervals` are asked for."""
        words = self._words
        return Pulse(
            starts=words[_STARTS],
            pid=words[_PID],
            phase=words[_PHASE],
            turns=words[_TURNS],
            chunks=words[_CHUNKS],
            frames=words[_FRAMES],
            lines=words[_LINES],
            recorded=words[_RECORDED],
            dropped=words[_DROPPED],
            pictures=words[_PICTURES],
            period=words[_PERIOD] / 1e9,
            intervals=tuple(words[_BUCKETS : _BUCKETS + BUCKETS]) if intervals else (),
        )


def percentile_s(intervals: tuple[int, ...], share: float) -> float:
    """The time in seconds that `share` in [0, 1] of the intervals do not exceed, up to one bucket; 0 of none."""
    wanted, seen = share * sum(intervals), 0
    for bucket, count in enumerate(intervals):
        seen += count
        if count and seen >= wanted:
            return (bucket + 1) * BUCKET_S
    return 0.0


def from_environment() -> Beat | NoBeat:
    """The heartbeat that this process was told to have, if it was."""
    path = os.environ.get(VARIABLE)
    return Beat(Path(path)) if path else NoBeat()
