"""Trail: what was seen in the last seconds, newest first, to go back through and to land on. Immutable and pure.

It is made by runtime/rewind.py when somebody begins to go back, and stays what it was whatever happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from runtime.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Kept:
    """A picture as it is kept: every `step`-th pixel of one of (height, width) `size`."""

    pixels: np.ndarray
    step: int
    size: tuple[int, int]

    @property
    def bytes(self) -> int:
        return self.pixels.nbytes

    def whole(self) -> np.ndarray:
        """uint8 BGRA [height, width, 4], C-contiguous; itself where all pixels were kept."""
        if self.step == 1:
            return self.pixels
        height, width = self.size
        tall = self.pixels.repeat(self.step, 0)[:height]
        return np.ascontiguousarray(tall.repeat(self.step, 1)[:, :width])


def thinned(frame: np.ndarray, step: int) -> Kept:
    """Keep every `step`-th pixel of a frame, uint8 BGRA [h, w, 4], that is never written again."""
    pixels = frame if step == 1 else np.ascontiguousarray(frame[::step, ::step])
    return Kept(pixels, step, frame.shape[:2])


@dataclass(frozen=True, eq=False)
class Moment:
    """One picture of the past, the `index`-th of its `chunk`; `ago`: seconds before the one that the trail begins with.

    picture: uint8 BGRA, as large as the world's; coarser where memory was short.
    """

    chunk: int
    index: int
    ago: float
    picture: np.ndarray


@dataclass(frozen=True, eq=False)
class Landing:
    """Where a walk goes on: the world's `state` after `chunk`, the `picture` that was last seen then."""

    chunk: int
    picture: np.ndarray
    state: dict[str, np.ndarray]


class Trail:
    """See above. False where there is nothing to go back to."""

    def __init__(
        self,
        pictures: Mapping[int, tuple[Kept, ...]],
        snapshots: Mapping[int, Snapshot],
        fps: float,
        shown: tuple[int, int] | None = None,
    ) -> None:
        """pictures: of chunks in a row; snapshots: states after chunks; shown: (chunk, index) of the picture that is
        shown now, which the trail begins with, None for the newest. Nothing lies before the oldest snapshot, so there
        is one to land on everywhere.
        """
        self._fps = fps
        self._snapshots = {chunk: kept for chunk, kept in snapshots.items() if chunk in pictures}
        self._last = {chunk: len(kept) - 1 for chunk, kept in pictures.items()}
        oldest = min(((chunk, self._last[chunk]) for chunk in self._snapshots), default=None)
        self._moments = [
            (chunk, index, picture)
            for chunk in sorted(pictures, reverse=True)
            for index, picture in reversed(list(enumerate(pictures[chunk])))
            if oldest and oldest <= (chunk, index) and (shown is None or (chunk, index) <= shown)
        ]

    def __len__(self) -> int:
        """Pictures in it."""
        return len(self._moments)

    @property
    def seconds(self) -> float:
        """How far back it goes, in the world's own time."""
        return max(0, len(self) - 1) / self._fps

    def at(self, seconds_held: float, speed: float = 1.0) -> Moment:
        """What is seen after going back for `seconds_held`, at `speed` times the pace it was walked in; at the end it
        stays there. Raises IndexError where the trail is empty.
        """
        place = min(max(0, int(seconds_held * speed * self._fps)), len(self) - 1)
        chunk, index, picture = self._moments[place]
        return Moment(chunk, index, place / self._fps, picture.whole())

    def landing(self, moment: Moment) -> Landing:
        """The newest state that is not later than a moment of this trail, in arrays that are the caller's own."""
        chunk = max(chunk for chunk in self._snapshots if (chunk, self._last[chunk]) <= (moment.chunk, moment.index))
        picture = next(kept for known, _, kept in self._moments if known == chunk)
        return Landing(chunk, picture.whole(), self._snapshots[chunk].state())
