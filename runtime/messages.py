"""Messages: what goes to the generator's thread and what comes back, and who is told of it. No thread in here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.world import WorldInfo


@dataclass(frozen=True)
class Frame:
    """One picture (uint8 BGRA [h, w, 4]) and where it comes from; times are seconds on the loop's clock.

    `chunk` counts from the last reset, `index` within the chunk; `sampled_at` is when the controls were read that the
    chunk was dreamt from, `ready_at` when the world yielded the frame.
    """

    pixels: np.ndarray
    epoch: int
    chunk: int
    index: int
    sampled_at: float
    ready_at: float


@dataclass(frozen=True)
class Request:
    """Reset with `seed` where there are no controls, else dream the next chunk."""

    epoch: int
    seed: int
    controls: np.ndarray | None = None
    sampled_at: float = 0.0


@dataclass(frozen=True)
class Begun:
    """A chunk whose frames are on their way; `busy_s` is what beginning it took."""

    request: Request
    frames: Iterator[np.ndarray]
    chunk: int
    busy_s: float


class Witness(Protocol):
    """Is told on the generator's thread, in order, all that happens to the world: a log or a check."""

    def loaded(self, info: WorldInfo) -> None:
        """The world is there; may raise to refuse it."""

    def begun(self, seed: int) -> None:
        """The world was reset."""

    def dreamt(self, controls: np.ndarray, frames: list[np.ndarray]) -> None:
        """A chunk was dreamt to its end."""
