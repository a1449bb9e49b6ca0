"""Which slot of a fixed-size key-value cache a latent frame is written to, and what each slot holds. Pure bookkeeping.

The buffers belong to model/rings.py, or to whoever runs a graph. A cache has sink + past + chunk slots of one latent
frame each: the **sink** is never overwritten, the rest is a **rolling window** in which a new chunk takes the places of
the oldest frames, whole chunks or parts of them. Nothing is ever moved, and memory and time per chunk are constant.
Full attention does not care in which order the slots lie; what has been filled is always a prefix of them.
Attention sinks: Xiao et al. 2023, "Efficient Streaming Language Models"; rolling window: Self-Forcing, Huang et al.
2025; recaching on a new prompt: LongLive, Yang et al. 2025, sec. 3; a context that is chosen anew for every chunk:
`Gathered`, as HY-World 1.5 has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EMPTY = -1  # what an unfilled slot holds
DROPPED = -1  # the slot of a frame that is computed but not kept


@dataclass(frozen=True)
class Place:
    """Where a pass over `len(slots)` latent frames reads and writes.

    slots: for each frame of the pass its slot, or DROPPED. filled: slots that hold something once it is written.
    visible: the slots that the pass sees, None where it sees all that are filled. queries: the frames' positions in
    time, and keys: the position of each filled slot's content; in absolute frames where keys are stored turned (keys is
    None then), else counted from the window's oldest frame.
    """

    slots: tuple[int, ...]
    filled: int
    queries: tuple[int, ...]
    keys: tuple[int, ...] | None = None
    visible: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Window:
    """Sizes in latent frames: the sink, the frames seen before the present chunk, and the chunk itself.

    relative: rotary positions count from the window's oldest frame instead of from the start of the walk. kept: frames
    that have slots before the present chunk, where those are more than are seen: see `whole`.
    """

    sink: int
    past: int
    chunk: int
    relative: bool = False
    kept: int = 0

    def __post_init__(self) -> None:
        if self.sink < 0 or self.past < 0 or self.chunk < 1:
            raise ValueError(f"a window of sink {self.sink}, past {self.past} and chunk {self.chunk} cannot be")
        if self.kept and self.kept < self.past:
            raise ValueError(f"{self.kept} frames kept are less than the {self.past} that are seen")

    @classmethod
    def whole(cls, sink: int, past: int, chunk: int, relative: bool = False) -> Window:
        """A window that keeps whole chunks, so that none is torn by the buffer's end: exported graphs want them so."""
        kept = -(-past // chunk) * chunk
        return cls(sink, past, chunk, relative, kept if kept > past else 0)

    @property
    def ring(self) -> int:
        """Slots of the rolling part."""
        return max(self.kept, self.past) + self.chunk

    @property
    def capacity(self) -> int:
        return self.sink + self.ring

    def slot_of(self, frame: int) -> int:
        """The slot that latent frame `frame` (from 0) is written to."""
        return frame if frame < self.sink else self.sink + (frame - self.sink) % self.ring

    def held(self, end: int) -> list[int]:
        """The frame that each slot holds once all frames before `end` were written, EMPTY where there is none."""
        frames = [EMPTY] * self.capacity
        for frame in [*range(min(end, self.sink)), *range(max(self.sink, end - self.ring), end)]:
            frames[self.slot_of(frame)] = frame
        return frames

    def seen(self, end: int) -> list[int]:
        """The frames that a pass which ends at frame `end` sees, oldest first."""
        first = max(min(self.sink, end), end - self.past - self.chunk)
        return [*range(min(self.sink, end)), *range(first, end)]

    def stage(self, end: int, count: int) -> Place:
        """The place of a new chunk of `count` frames, `end` frames having been committed before it."""
        if not 0 < count <= self.past + self.chunk:
            raise ValueError(f"a chunk of {count} latent frames does not fit in {self}")
        return self._place(tuple(range(end, end + count)), end + count)

    def recache(self, end: int, count: int) -> Place:
        """The place of a pass that computes the last `count` of `end` committed frames anew, as for a new prompt.

        What the window no longer holds only looks; so does the sink, unless the pass begins at the very first frame.
        """
        if not 0 < count <= end:
            raise ValueError(f"{count} of {end} latent frames cannot be recached")
        return self._place(tuple(range(end - count, end)), end, keep_sink=end > count)

    def _place(self, frames: Sequence[int], end: int, keep_sink: bool = False) -> Place:
        held = self.held(end)
        writable = set(held[self.sink :] if keep_sink else held)
        slots = tuple(self.slot_of(frame) if frame in writable else DROPPED for frame in frames)
        filled, seen = len(held) - held.count(EMPTY), self.seen(end)
        visible = tuple(self.slot_of(frame) for frame in seen) if self.kept else None
        if not self.relative:
            return Place(slots, filled, tuple(frames), None, visible)
        rank = {frame: position for position, frame in enumerate(seen)}
        # Queries take the last positions, also those of frames that the window no longer holds.
        queries = tuple(range(len(seen) - len(frames), len(seen)))
        keys = tuple(rank.get(frame, 0) for frame in held if frame != EMPTY)
        return Place(slots, filled, queries, keys, visible)


@dataclass(frozen=True)
class Gathered:
    """The other kind of window: a context that is chosen anew for every chunk, and computed anew by one pass over it.

    The chosen latent frames take the first slots, in their order and without gaps, and positions from 0; the chunk lies
    behind them. Nothing is kept from chunk to chunk. Sizes in latent frames: the most that are ever chosen, the chunk.
    """

    context: int
    chunk: int

    def __post_init__(self) -> None:
        if self.context < 0 or self.chunk < 1:
            raise ValueError(f"a context of {self.context} before a chunk of {self.chunk} cannot be")

    @property
    def capacity(self) -> int:
        return self.context + self.chunk

    def gather(self, count: int) -> Place:
        """The place of the pass over the `count` chosen frames."""
        if not 0 <= count <= self.context:
            raise ValueError(f"{count} latent frames do not fit in {self}")
        return Place(tuple(range(count)), count, tuple(range(count)))

    def stage(self, end: int, count: int) -> Place:
        """The place of a chunk of `count` frames behind the `end` that were gathered."""
        if not (0 < count <= self.chunk and 0 <= end <= self.context):
            raise ValueError(f"a chunk of {count} latent frames behind {end} does not fit in {self}")
        slots = tuple(range(end, end + count))
        return Place(slots, end + count, slots)
