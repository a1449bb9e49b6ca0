"""Redundancy: which of the clips that are kept shows least that no other one shows. NumPy only.

Every settled clip knows its nearest neighbour by pose. Settling and dropping one costs a pass over all of them, and one
more for each clip whose neighbour was dropped, which geometry keeps to a few.
"""

from __future__ import annotations

import numpy as np


class Redundancy:
    """Clips in slots, each with the distance to its nearest neighbour among the settled ones.

    Of equally near neighbours the earliest counts, so that what is known does not depend on the order of settling.
    """

    def __init__(self, capacity: int, width: int) -> None:
        """capacity: slots. width: numbers of which a clip's pose is made."""
        self.poses = np.zeros((capacity, width))
        self.numbers = np.full(capacity, np.iinfo(np.int64).max)  # of the clips, in the order of the walk
        self.nearest = np.full(capacity, np.inf)
        self.neighbour = np.full(capacity, -1)
        self.settled = np.zeros(capacity, bool)

    def settle(self, slot: int, number: int, pose: np.ndarray) -> None:
        """The clip `number` of the walk, with a later number than all that have settled, is in `slot` from now on."""
        self.poses[slot], self.numbers[slot], self.settled[slot] = pose, number, True
        distances = self._find(slot)
        closer = distances < self.nearest
        self.nearest[closer], self.neighbour[closer] = distances[closer], slot

    def drop(self) -> int:
        """Forget the clip that is nearest to another one, of the two the later, and say in which slot it was.

        So it is never the earliest, with which the walk began. At least two clips must have settled.
        """
        candidates = np.flatnonzero(self.settled & (self.nearest == self.nearest.min()))
        slot = int(candidates[np.argmax(self.numbers[candidates])])
        self.settled[slot], self.nearest[slot], self.neighbour[slot] = False, np.inf, -1
        self.numbers[slot] = np.iinfo(np.int64).max
        for orphan in np.flatnonzero(self.neighbour == slot):
            self._find(int(orphan))
        return slot

    def _find(self, slot: int) -> np.ndarray:
        """Find the neighbour of the clip in `slot`; gives the squared distances to all, infinite where none is."""
        away = self.poses - self.poses[slot]
        distances = np.where(self.settled, np.einsum("ij,ij->i", away, away), np.inf)
        distances[slot] = np.inf
        near = np.flatnonzero(distances == distances.min())
        best = int(near[np.argmin(self.numbers[near])])
        self.nearest[slot] = distances[best]
        self.neighbour[slot] = best if np.isfinite(distances[best]) else -1
        return distances
