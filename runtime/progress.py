"""Progress: the slot between whoever loads, downloads or builds and whoever shows it, and the hand that stops it.

The worker tells (model/progress.py), on any thread; the loop reads, whenever it draws, and cancels. Nothing is drawn
here, and no window is known. What cannot be stopped is a library's call that is under way: reading a graph (ONNX
Runtime), compiling one (OpenVINO), exporting one (torch), importing a library, or a hub that does not answer. The
worker then ends when that returns; whoever shows need not wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from model.progress import STAGES, Cancelled, Reading, Slot, counted, in_words, left

__all__ = ["Cancelled", "Lines", "Progress", "Reading", "in_words", "shown"]

SAY_EVERY_S = 5.0


class Progress(Slot):
    """What one loading or download is told to; see model.progress.Watcher. One per attempt: it stays cancelled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._cancelled = threading.Event()

    def stage(self, words: str, total: int = 0, unit: str = "", name: str = "", done: int = 0) -> None:
        """See Watcher; raises Cancelled in the worker once `cancel` was called."""
        self._go_on()
        super().stage(words, total, unit, name, done)

    def advance(self, done: int) -> None:
        """See Watcher; raises Cancelled in the worker once `cancel` was called."""
        self._go_on()
        super().advance(done)

    def cancel(self) -> None:
        """Nobody wants it any more: the worker ends at its next sign of progress."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def _go_on(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled


class Lines(Slot):
    """A watcher for a terminal: a line for what takes longer than a moment, and then one now and then."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._say, self._said = say, clock()

    def stage(self, words: str, total: int = 0, unit: str = "", name: str = "", done: int = 0) -> None:
        """See Watcher."""
        super().stage(words, total, unit, name, done)
        self._perhaps()

    def advance(self, done: int) -> None:
        """See Watcher."""
        super().advance(done)
        self._perhaps()

    def _perhaps(self) -> None:
        now = self._clock()
        if now - self._said >= SAY_EVERY_S and (line := in_words(self.reading())):
            self._said = now
            self._say(line)


def shown(reading: Reading) -> str:
    """One line for a window, in its language; empty where nothing is done."""
    from runtime.strings import text  # which knows pygame, as nothing else here does

    if not reading.stage:
        return ""
    words = text(f"stage.{reading.stage}") if reading.stage in STAGES else reading.stage
    parts = [text("progress.named", name=reading.name, words=words) if reading.name else words]
    if amounts := counted(reading):
        parts.append(text("progress.of", done=amounts[0], total=amounts[1]))
    if reading.seconds_left is not None:
        count, unit = left(reading.seconds_left)
        parts.append(text(f"progress.left.{unit}", count=count))
    return text("progress.comma").join(parts)
