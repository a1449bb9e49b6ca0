"""Driver: who decides where a walk goes. The loop says when a chunk is wanted, the driver with what controls.

Here are the driver for a person, and the one who goes on where a session ended; the one for a logged walk alone is
runtime/replay.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from input.controls import Controls
from model.world import WorldInfo
from runtime.generator import Generator
from runtime.messages import Moment
from runtime.replay import Replay
from runtime.strings import text

# Where a walk in a world goes on from; raises UserError where that is of another world.
Whence = Callable[[WorldInfo], Moment]


class Driver(Protocol):
    """What the loop asks.

    `interactive` is whether a person may change the walk; `hurries` whether what is dreamt now is only to be got
    through, as fast as it goes, `progress` how far that is: chunks done, of how many.
    """

    @property
    def interactive(self) -> bool: ...

    @property
    def hurries(self) -> bool: ...

    @property
    def progress(self) -> tuple[int, int]: ...

    def begin(self, generator: Generator) -> None:
        """Ask for the first reset."""

    def submit(self, generator: Generator, now: float) -> bool:
        """Ask for the next chunk, with controls read at `now` seconds; False when there is none."""


class Live:
    """A person at the controls, or a script that feeds them."""

    interactive = True
    hurries = False
    progress = (0, 0)

    def __init__(self, controls: Controls, seed: int, start: Whence | None = None) -> None:
        """start: where to go on from, None to begin with `seed`."""
        self._controls, self._seed, self._start = controls, seed, start

    def begin(self, generator: Generator) -> None:
        """Begin with the seed that was asked for, or go on."""
        if self._start is None:
            generator.begin(self._seed)
        else:
            generator.restore(self._start(generator.info))

    def submit(self, generator: Generator, now: float) -> bool:
        """Sample the controls and hand them over."""
        # A row is one frame of the world's own time, at whatever rate it is presented.
        info = generator.info
        rows = self._controls.sample_chunk(generator.chunk_length, 1 / info.fps, info.held_columns)
        generator.step(rows, now)
        return True


class Resumed:
    """A logged walk up to its end, then a person."""

    def __init__(self, logged: Replay, live: Live) -> None:
        self._logged, self._live = logged, live
        self._walked = self._told = False

    def news(self) -> list[str]:
        """Once, that what the walk goes on from is not what it was then, if so."""
        if self._told or not self._walked or self._logged.verdict().identical:
            return []
        self._told = True
        return [text("session.differs")]

    @property
    def interactive(self) -> bool:
        return self._walked

    @property
    def hurries(self) -> bool:
        return not self._walked

    @property
    def progress(self) -> tuple[int, int]:
        return self._logged.progress

    def begin(self, generator: Generator) -> None:
        self._logged.begin(generator)

    def submit(self, generator: Generator, now: float) -> bool:
        """The session's next chunk; after its last one, the person's."""
        if self._walked:
            return self._live.submit(generator, now)
        self._walked = not self._logged.submit(generator, now)
        return True
