"""Progress: how what takes long tells how far it is, how long that may still take, and how it is told to stop.

A worker tells a Watcher; nobody has to look. `Slot` keeps what was told last, for any thread to read; the estimate is a
pure function of what was told and when. How it looks, and who may cancel, is runtime/progress.py.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

BYTES, STEPS = "bytes", "steps"
# What a stage is called; a stage of an engine may have words of its own.
STAGES = (
    *("asking", "checking", "reading", "downloading", "encoding"),
    *("loading", "exporting", "compiling", "waiting", "rehearsing", "trying"),
)
SHORTEST_S = 0.25  # signs that come closer than this are taken together
LEAST_S = 0.5  # of work, before which nothing is said of the rest
MEMORY_S = 8.0  # what bytes a second is said by: a network's rate of a minute ago says little
STALLED_S = 10.0  # without a sign, after which nobody knows
LONGEST_S = 100 * 3600.0


class Cancelled(Exception):
    """Raised by a watcher, and out of the work that told it, when nobody wants the outcome any more."""


@dataclass(frozen=True)
class Reading:
    """How far something is: `stage` says what is done ("checking"; empty: nothing), `name` what with.

    `done` of `total` (0: not known) in `unit`: BYTES, STEPS or "". `seconds_left` is None where there is no telling.
    """

    stage: str = ""
    name: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    seconds_left: float | None = None

    @property
    def fraction(self) -> float | None:
        """In [0, 1]; None where the total is not known."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else None


@dataclass(frozen=True)
class Pace:
    """What an estimate remembers: `done` at `at` seconds, and how much was done in how long, the older counting less.

    `memory_s` is the time after which something counts a third.
    """

    at: float
    done: int = 0
    moved: float = 0.0
    spent: float = 0.0
    memory_s: float = math.inf


def advanced(pace: Pace, done: int, now: float) -> Pace:
    """The pace once `done` is done at `now`; work that had to be begun again counts for nothing."""
    took = now - pace.at
    if took < SHORTEST_S:
        return pace if done >= pace.done else replace(pace, done=done)
    fade = math.exp(-took / pace.memory_s)
    return replace(
        pace, at=now, done=done, moved=pace.moved * fade + max(done - pace.done, 0), spent=pace.spent * fade + took
    )


def seconds_left(pace: Pace, total: int, now: float) -> float | None:
    """How long the rest up to `total` may take, in [0, LONGEST_S]; None where there is no telling.

    Between two signs it counts down, but for no longer than until the next one is due.
    """
    if pace.moved <= 0 or pace.spent < LEAST_S or total <= 0:
        return None
    rest, each = max(total - pace.done, 0), pace.spent / pace.moved
    idle = max(now - pace.at, 0.0)
    if not rest * each <= LONGEST_S or idle > max(STALLED_S, 2 * each):
        return None
    return max(rest * each - min(idle, each), 0.0)


class Watcher(Protocol):
    """Whom work tells how far it is. Either call may raise Cancelled, which ends the work."""

    def stage(self, words: str, total: int = 0, unit: str = "", name: str = "", done: int = 0) -> None:
        """`words` begins, with `name`; there is `total` to do, of which `done` was done before. See Reading."""

    def advance(self, done: int) -> None:
        """As much is done by now."""


class Unwatched:
    """For when nobody looks."""

    def stage(self, words: str, total: int = 0, unit: str = "", name: str = "", done: int = 0) -> None:
        """See Watcher."""

    def advance(self, done: int) -> None:
        """See Watcher."""


UNWATCHED = Unwatched()


class Tally:
    """Counts pieces for a watcher: `add` is called with the size of each."""

    def __init__(self, watcher: Watcher, done: int = 0) -> None:
        self._watcher, self.done = watcher, done

    def add(self, count: int) -> None:
        """One more piece; raises what the watcher raises."""
        self.done += count
        self._watcher.advance(self.done)


class Slot:
    """A watcher that keeps what it was told last. Any thread may tell it, any may read it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._reading, self._pace = Reading(), Pace(0.0)

    def stage(self, words: str, total: int = 0, unit: str = "", name: str = "", done: int = 0) -> None:
        """See Watcher. Other words for the same work go on with its estimate."""
        with self._lock:
            now, before = self._clock(), self._reading
            self._reading = Reading(words, name, done, total, unit)
            if total > 0 and (total, unit, name) == (before.total, before.unit, before.name) and done >= before.done:
                self._pace = advanced(self._pace, done, now)
            else:
                self._pace = Pace(now, done, memory_s=MEMORY_S if unit == BYTES else math.inf)

    def advance(self, done: int) -> None:
        """See Watcher."""
        with self._lock:
            self._reading = replace(self._reading, done=done)
            self._pace = advanced(self._pace, done, self._clock())

    def reading(self) -> Reading:
        """How far it is now."""
        with self._lock:
            now, reading, pace = self._clock(), self._reading, self._pace
        return replace(reading, seconds_left=seconds_left(pace, reading.total, now))


def size_in_words(size: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def counted(reading: Reading) -> tuple[str, str] | None:
    """How much of how much, for people; None where that is not known. Of steps, the one that is being done."""
    if reading.total <= 0 or not reading.stage:
        return None
    if reading.unit == BYTES:
        return size_in_words(reading.done), size_in_words(reading.total)
    return str(min(reading.done + 1, reading.total)), str(reading.total)


def left(seconds: float) -> tuple[int, str]:
    """About how long, as a count of "s", "min" or "h": so rounded that it does not flicker."""
    if seconds < 90:
        return (max(math.ceil(seconds), 1) if seconds < 20 else 5 * math.ceil(seconds / 5)), "s"
    minutes = math.ceil(seconds / 60)
    return (minutes, "min") if minutes < 100 else (math.ceil(seconds / 3600), "h")


def in_words(reading: Reading) -> str:
    """One line in English: "openvino bf16: compiling, 3 of 4, about 12 s left"; empty where nothing is done."""
    if not reading.stage:
        return ""
    parts = [f"{reading.name}: {reading.stage}" if reading.name else reading.stage]
    if amounts := counted(reading):
        parts.append("{} of {}".format(*amounts))
    if reading.seconds_left is not None:
        parts.append("about {} {} left".format(*left(reading.seconds_left)))
    return ", ".join(parts)
