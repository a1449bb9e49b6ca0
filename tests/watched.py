"""Watch: a watcher of progress for tests, which remembers what it was told and may end it."""

from __future__ import annotations

from collections.abc import Callable

from model.progress import Reading, Slot
from runtime.progress import Cancelled


class Watch(Slot):
    """Remembers every reading; `at` is called with each, and may raise."""

    def __init__(self, at: Callable[[Reading], object] = lambda reading: None) -> None:
        super().__init__()
        self.seen, self._at = [], at

    def stage(self, *words, **more) -> None:
        super().stage(*words, **more)
        self._look()

    def advance(self, done: int) -> None:
        super().advance(done)
        self._look()

    def _look(self) -> None:
        self.seen.append(self.reading())
        self._at(self.seen[-1])

    def of(self, stage: str) -> list[Reading]:
        return [reading for reading in self.seen if reading.stage == stage]


def cancelled_at(stage: str) -> Callable[[Reading], None]:
    """For a Watch: raises Cancelled at the first reading of that stage."""

    def at(reading: Reading) -> None:
        if reading.stage == stage:
            raise Cancelled

    return at
