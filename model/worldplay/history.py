"""History: the cameras and labels of a walk's latents, which of the latents are kept, and which a chunk looks back on.

The latents themselves lie elsewhere, in as many places as `most`; the history says in which (`append`, `places`). All
is of fixed size: nothing grows with the walk. NumPy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from model.state import COUNTS, POSES, REMEDY, Layout, check_state
from model.worldplay.overlap import MEMORY_8B, Memory, distance, overlap, own_points
from model.worldplay.redundancy import Redundancy
from model.worldplay.views import Views
from runtime.errors import UserError

MOST = 7200  # latents that are kept: twenty minutes, of which 720 MB are latents of 32 x 30 x 52 at half precision
# How many clips are counted point by point where there are no more; and else, of the LONGLIST that guesses are best
# for, the SHORTLIST of those for which guess and count of every THINNED-th point together are.
FEW, LONGLIST, SHORTLIST, THINNED = 24, 48, 12, 8
STEPS = 2**13  # shares closer than one part in this are the same, and the earlier clip goes first
LABELS = 81


class History:
    """What is known of every latent that is kept, by its number in the walk; latents come and go chunk by chunk.

    `choose` takes the overlap of model/worldplay/overlap.py, with points of its own that never change. While a chunk
    chooses from no more than FEW clips, its choice is exactly that of overlap.choose. Beyond that it is a cap that
    bounds the time it takes: all clips are guessed (views.Views.guess), and only a shortlist of them is counted.
    """

    def __init__(self, memory: Memory = MEMORY_8B, most: int = MOST, points: np.ndarray | None = None) -> None:
        """most: latents that are kept, at least the budget and two chunks. points [n, 3]: other points, in view."""
        if most % memory.chunk or most < memory.budget + 2 * memory.chunk:
            raise ValueError(f"a history of {most} latents is not whole chunks, or has no room for {memory.budget}")
        self.memory = memory
        points = own_points(memory) if points is None else points
        self.views, self._thinned = Views(memory, points), Views(memory, points[::THINNED], np.float32)
        self.capacity = most // memory.chunk
        self.begin()

    def begin(self) -> None:
        """A new walk: nothing is kept."""
        chunk = self.memory.chunk
        self.cameras = np.zeros((self.capacity, chunk, 4, 4), POSES)
        self.labels = np.zeros((self.capacity, chunk), COUNTS)
        self.numbers = np.zeros(self.capacity, COUNTS)  # of the chunk in each slot, counted from 1; 0: none
        self.chunks = 0
        # Of the cameras that stand for each clip: positions, then directions. Close together, for speed.
        self._scored = np.zeros((self.capacity, 2, len(self.memory.scored), 3))
        self._redundancy = Redundancy(self.capacity, 6 * len(self.memory.scored))

    @property
    def latents(self) -> int:
        """How many latents the walk has had, those that were forgotten among them."""
        return self.chunks * self.memory.chunk

    def append(self, c2w: np.ndarray, labels: np.ndarray) -> int:
        """Take in the cameras [chunk, 4, 4] and labels [chunk] of the walk's next chunk, and give its slot.

        Where nothing is free, a clip is forgotten: the one nearest in pose to another that is kept, of the two the
        later; never the first chunk, nor the recent ones. What lay in the slot may be overwritten from now on.
        """
        oldest = self.chunks - self.memory.recent // self.memory.chunk
        if oldest >= 1:  # the last chunk that is no longer among the recent ones
            self._settle(oldest)
        slot = self.chunks if self.chunks < self.capacity else self._redundancy.drop()
        self.chunks += 1
        self.cameras[slot], self.labels[slot], self.numbers[slot] = c2w, labels, self.chunks
        self._scored[slot] = self._scored_of(self.cameras[slot])
        return slot

    def _scored_of(self, cameras: np.ndarray) -> np.ndarray:
        """Positions and directions [..., 2, 2, 3] of those cameras [..., chunk, 4, 4] that stand for a clip."""
        scored = cameras[..., list(self.memory.scored), :3, 2:]
        return np.moveaxis(scored[..., ::-1], -1, -3)

    def _settle(self, number: int) -> None:
        """The clip `number` is no longer recent, and may be forgotten."""
        (slot,) = np.flatnonzero(self.numbers == number)
        # Such that a step and a turn that move the picture alike count alike: points in a ball are that far on average.
        positions, forwards = self._scored[slot]
        pose = np.stack([positions / (0.75 * self.memory.radius), forwards])
        self._redundancy.settle(int(slot), number, pose.ravel())

    def choose(self, current: int) -> tuple[int, ...]:
        """The latents, in order, that the chunk beginning at latent `current` looks back on.

        That chunk must have been appended. ValueError where it is not there.
        """
        memory = self.memory
        if current % memory.chunk:
            raise ValueError(f"no chunk of {memory.chunk} latents begins at {current}")
        queries = self.cameras[self._slot(current // memory.chunk)]
        if current <= memory.budget:
            return tuple(range(current))
        if not memory.retrieved:
            return memory.context(current, [])
        first, end = memory.first_candidate // memory.chunk, (current - memory.recent) // memory.chunk
        slots = np.flatnonzero((self.numbers > first) & (self.numbers <= end))
        if len(slots) > FEW:
            # The first and the last camera of a chunk stand for those between them.
            slots = self._best(slots, self.views.guess(queries[[0, -1]], *self._views_of(slots)), LONGLIST)
            scored = self._views_of(slots)
            share = overlap(self._thinned.counts(queries, *scored), self._thinned.points).mean((1, 2))
            slots = self._best(slots, share + self.views.guess(queries, *scored), SHORTLIST)
        slots = slots[np.argsort(self.numbers[slots])]
        counts = self.views.counts(queries, *self._views_of(slots))
        order = np.argsort(distance(counts, self.views.points), kind="stable")[: memory.retrieved]
        return memory.context(current, [(int(self.numbers[slot]) - 1) * memory.chunk for slot in slots[order]])

    def _best(self, slots: np.ndarray, shares: np.ndarray, most: int) -> np.ndarray:
        """At most `most` of the slots: those with the largest shares, and of equal ones the earliest."""
        ranks = np.rint(shares * STEPS).astype(np.int64) * (self.chunks + 1) - self.numbers[slots]
        return slots[np.argpartition(-ranks, most)[:most]] if len(slots) > most else slots

    def _views_of(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and directions [n, 2, 3] of the cameras that stand for the clips in `slots`."""
        scored = self._scored[slots]
        return scored[:, 0], scored[:, 1]

    def _slot(self, chunk: int) -> int:
        slots = np.flatnonzero(self.numbers == chunk + 1)
        if not len(slots):
            raise ValueError(f"chunk {chunk} is not kept: the walk has had {self.chunks}")
        return int(slots[0])

    def places(self, latents: Sequence[int]) -> np.ndarray:
        """Where kept latents lie, int [n]: the slot of their chunk times the chunk, plus their place in it."""
        chunk = self.memory.chunk
        return np.array([self._slot(latent // chunk) * chunk + latent % chunk for latent in latents], np.int64)

    def conditions(self, latents: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The cameras c2w float64 [n, 4, 4] and the labels int64 [n] of kept latents."""
        places = self.places(latents)
        return self.cameras.reshape(-1, 4, 4)[places], self.labels.reshape(-1)[places]

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        chunks = np.array(self.chunks, COUNTS)
        return {"cameras": self.cameras, "labels": self.labels, "numbers": self.numbers, "chunks": chunks}

    def layout(self) -> Layout:
        """What `state` is made of, for model/state.py."""
        return {name: (array.shape, array.dtype) for name, array in self._arrays.items()}

    def state(self) -> dict[str, np.ndarray]:
        """Everything that choosing and forgetting depend on, as copies."""
        return {name: array.copy() for name, array in self._arrays.items()}

    def require_state(self, state: Mapping[str, np.ndarray], where: str) -> None:
        """Raise UserError, which names `where`, unless `load_state` takes `state`."""
        check_state(self.layout(), state, where)
        if not self._walked(int(state["chunks"]), state["numbers"]):
            raise UserError("'numbers' of the saved state are not those of a walk", where, REMEDY)
        if not ((state["labels"] >= 0) & (state["labels"] < LABELS)).all():
            raise UserError("'labels' of the saved state has what is no label", where, REMEDY)

    def _walked(self, chunks: int, numbers: np.ndarray) -> bool:
        """Whether a walk of so many chunks can have left these `numbers`."""
        if chunks <= self.capacity:  # nothing was forgotten yet, and each chunk is in its own slot
            slots = np.arange(self.capacity)
            return np.array_equal(numbers, np.where(slots < chunks, slots + 1, 0))
        kept = set(numbers.tolist())
        always = {1, *range(chunks - self.memory.recent // self.memory.chunk, chunks + 1)}
        return len(kept) == self.capacity and always <= kept and min(kept) == 1 and max(kept) == chunks

    def load_state(self, state: Mapping[str, np.ndarray], where: str) -> None:
        """Go on from a `state`: what is chosen and forgotten from then on is the same. Raises as `require_state`."""
        self.require_state(state, where)
        self.begin()
        self.cameras[:], self.labels[:], self.numbers[:] = state["cameras"], state["labels"], state["numbers"]
        self.chunks = int(state["chunks"])
        self._scored[:] = self._scored_of(self.cameras)
        oldest = self.chunks - self.memory.recent // self.memory.chunk
        for number in np.sort(self.numbers[(self.numbers > 0) & (self.numbers < oldest)]):
            self._settle(int(number))
