"""Recorder: what was shown, as an H.264 file, encoded on a thread of its own. Not a video (runtime/video.py).

It neither slows the loop down nor ends a walk. Its queue is bounded: a frame that finds it full is dropped and counted,
and the video holds the frame before for one slot longer, so its time stays right. Whatever goes wrong, a full disk
above all, ends the recording with a reason in `ended`; what was written before still plays. The file is a fragmented
mp4, a fragment a second, so a killed process leaves one that plays too. Pauses are not in it: the rate is constant.
"""

from __future__ import annotations

import math
import queue
import shutil
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from runtime import encoder
from runtime.errors import reason_of
from runtime.video import Sink, Video, enlargement

FRAMES_QUEUED = 64
# The recording leaves this much of the disk to everyone else.
RESERVE_BYTES = 64 * 2**20
# A disk or a driver that hangs must not keep anyone in the program.
PATIENCE_S = 60.0


def free_bytes(path: Path) -> float:
    """What is free on the disk where `path` is to be; infinite where the system does not tell."""
    try:
        return shutil.disk_usage(path.absolute().parent).free
    except OSError:
        return math.inf


class Recorder:
    """One recording: `start`, then `put` for every frame, then `finish` or `close`. Methods are for the loop's thread.

    `say` is told in a line which encoder is taken, and why the recording ended if it was not asked to, on the
    recorder's thread. `ended` is that reason, "" while there is none; from then on `put` does nothing. `free` gives the
    bytes free where the file is.
    """

    def __init__(
        self,
        path: Path,
        say: Callable[[str], None] = lambda line: None,
        free: Callable[[Path], float] = free_bytes,
    ) -> None:
        self.path, self._say, self._free = path, say, free
        # One place more than frames are let in, for the end, which must never wait.
        self._queue: queue.Queue[tuple[int, np.ndarray] | None] = queue.Queue(FRAMES_QUEUED + 1)
        self._thread: threading.Thread | None = None
        self._video: Video | None = None
        self._shape: tuple[int, ...] = ()
        self._put = self._refused = 0
        self._finishing = self._over = False
        self.ended = ""
        self.encoder = ""

    def start(self, fps: float, metadata: Mapping[str, str] | None = None) -> None:
        """Pictures will come at `fps` frames per second; `metadata` goes into the file (runtime/provenance.py).

        An older recording stays until the first of them.
        """
        self._rate, self._metadata = Fraction(fps).limit_denominator(1001), dict(metadata or {})

    def put(self, pixels: np.ndarray) -> None:
        """Record a frame, uint8 BGRA [h, w, 4], that is never written again."""
        if self.ended or self._finishing:
            return
        if self._thread is None:
            self._shape = pixels.shape
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()
        if pixels.shape != self._shape:
            self.ended = "the pictures became of another size"
            self.finish()
            return
        if self._queue.qsize() < FRAMES_QUEUED:
            self._queue.put_nowait((self._put, pixels))
        else:
            self._refused += 1
        self._put += 1

    @property
    def queued(self) -> int:
        """Frames that wait for the encoder, at most FRAMES_QUEUED."""
        return self._queue.qsize()

    @property
    def frames(self) -> int:
        """Frames that are in the file and play, whatever happens next; all that were not dropped, once it is done."""
        return self._video.frames if self._video else 0

    @property
    def dropped(self) -> int:
        """Frames put in that are not in the file and will not be: too many waited, or the recording ended first."""
        return self._put - self.frames if self._over else self._refused

    @property
    def done(self) -> bool:
        """Whether nothing is left to do: nothing was recorded, or the file is finished."""
        return self._thread is None or self._over

    def finish(self) -> None:
        """Let the recording end. Returns at once; `done` tells when what is queued is in the file."""
        if self._thread is not None and not self._finishing:
            self._finishing = True
            self._queue.put_nowait(None)

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Finish, and wait for it, but not longer than `patience_s` seconds."""
        self.finish()
        if self._thread is None:
            return
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self.ended = self.ended or f"it could not be finished within {patience_s:g} s"
            self._say(f"the recording may lack its end: {self.ended} ({self.path})")

    # ---- the recorder's thread ----

    def _work(self) -> None:
        try:
            self._record()
        except Exception as error:  # whatever the disk or the encoder does, it is not worth a walk
            self.ended = self.ended or reason_of(error)
        self._over = True
        while not self._queue.empty():
            self._queue.get_nowait()
        if self.ended:
            kept = (
                f"its first {float(self.frames / self._rate):.1f} s are kept" if self.frames else "nothing was recorded"
            )
            self._say(f"the recording ended, for {self.ended}; {kept} ({self.path})")

    def _record(self) -> None:
        if not self._has_room():
            return
        height, width = self._shape[:2]
        factor = enlargement(width, height)
        size = (width * factor, height * factor)
        chosen = encoder.choose(size, self._rate, self._say)
        self.encoder = chosen.name
        # Unbuffered: what the encoder has let go of is in the file, even when the process is killed.
        with self.path.open("wb", buffering=0) as file:
            self._video = Video(Sink(file), size, self._rate, chosen, self._metadata)
            try:
                self._encode(self._video)
                self._video.finish()
            except BaseException:
                self._video.abandon()
                raise

    def _encode(self, video: Video) -> None:
        """Until the end is asked for, or the disk is as full as it may get."""
        second, taken = max(1, round(self._rate)), 0
        while (item := self._queue.get()) is not None:
            video.add(*item)
            taken += 1
            if taken % second == 0 and not self._has_room():
                return

    def _has_room(self) -> bool:
        free = self._free(self.path)
        if free < RESERVE_BYTES:
            self.ended = f"only {free / 2**20:.0f} MB are free on the disk"
        return free >= RESERVE_BYTES
