"""Driver: who decides where a walk goes. The loop says when a chunk is wanted, the driver with what controls.

Here is the driver for a person; the one for a logged walk is runtime/replay.py.
"""

from __future__ import annotations

from typing import Protocol

from input.controls import Controls
from runtime.generator import Generator


class Driver(Protocol):
    """What the loop asks; `interactive` is whether a person may reset the world."""

    interactive: bool

    def begin(self, generator: Generator) -> None:
        """Ask for the first reset."""

    def submit(self, generator: Generator, now: float) -> bool:
        """Ask for the next chunk, with controls read at `now` seconds; False when there is none."""


class Live:
    """A person at the controls, or a script that feeds them."""

    interactive = True

    def __init__(self, controls: Controls, seed: int) -> None:
        self._controls, self._seed = controls, seed

    def begin(self, generator: Generator) -> None:
        """Reset with the seed that was asked for."""
        generator.begin(self._seed)

    def submit(self, generator: Generator, now: float) -> bool:
        """Sample the controls and hand them over."""
        # A row is one frame of the world's own time, at whatever rate it is presented.
        info = generator.info
        rows = self._controls.sample_chunk(generator.chunk_length, 1 / info.fps, info.held_columns)
        generator.step(rows, now)
        return True
