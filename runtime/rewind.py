"""Rewind: the last seconds of a walk, kept within a budget of memory, so that a person can go back and play on.

After each chunk its pictures are kept, and after some the world's state. How many, follows from what they take: states
are thinned out, from every chunk to every second, every fourth and so on, until all fit; pictures may take a quarter of
the budget, and are kept with fewer pixels where they would take more. The budget counts what is kept, not the copy
that a world makes of its state while one is taken. It does not restore anything: see Landing in runtime/trail.py.

Two threads: `dreamt`, `cut` and `clear` are the generator's, in the order in which things happen to the world; `begin`
and the properties are anybody's. A lock is held while books are kept, never while a state is copied. What a trail
refers to stays in memory as long as the trail.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from runtime.snapshot import Ledger, Snapshot, bytes_alone, take
from runtime.strings import text
from runtime.trail import Kept, Trail, thinned

PICTURES_SHARE = 0.25  # of the budget
COARSEST = 8  # every eighth pixel of a row and of a column
# Taking states may cost this share of the time that there is for dreaming; the best of a few says what it costs.
LOAD, TAKES_REMEMBERED = 0.1, 4


def thinning(height: int, width: int, frames: int, room: float) -> int | None:
    """Which pixels of `frames` pictures to keep, so that they take `room` bytes at most: every one (1), every second
    one of rows and columns (2), ...; None where not even COARSEST is enough.
    """
    for step in range(1, COARSEST + 1):
        if -(-height // step) * -(-width // step) * 4 * frames <= room:
            return step
    return None


def spared(chunks: Iterable[int], stride: int) -> set[int]:
    """The chunks whose states stay where every `stride`-th one does: those, and the newest of all."""
    chunks = set(chunks)
    return {chunk for chunk in chunks if chunk % stride == 0 or chunk == max(chunks)}


def affordable(take_s: float, chunk_s: float) -> int:
    """The least stride, a power of two, at which taking a state costs no more than its share of the time."""
    return 1 << max(0, math.ceil(math.log2(max(take_s, 1e-9) / (LOAD * chunk_s))))


def expired(lengths: Iterable[int], most: int) -> int:
    """How many of the oldest chunks, of so many pictures each (oldest first), may go: the oldest state that stays is
    that after a chunk, and still lies `most` pictures back or more.
    """
    lengths = list(lengths)
    newer, gone = sum(lengths[1:]), 0
    while gone + 1 < len(lengths) and newer - lengths[gone + 1] >= most:
        gone += 1
        newer -= lengths[gone]
    return gone


class Rewind:
    """See above. `seconds`: how far back; `fps`, `chunk_s`: pictures per second, and seconds that a chunk lasts."""

    def __init__(
        self,
        seconds: float,
        budget_bytes: int,
        fps: float,
        chunk_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._most, self._budget, self._fps, self._chunk_s = math.ceil(seconds * fps), budget_bytes, fps, chunk_s
        self._clock = clock
        self._lock = threading.Lock()
        self._pictures: dict[int, tuple[Kept, ...]] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._ledger, self._picture_bytes = Ledger(), 0
        self._takes: deque[float] = deque(maxlen=TAKES_REMEMBERED)
        self._too_large = 0
        self._stride = self._pace = 1

    # ---- anybody's ----

    @property
    def refusal(self) -> str:
        """Why nothing is kept, in words; "" where there is no reason."""
        if self._budget <= 0:
            return text("rewind.off")
        if not self._too_large:
            return ""
        return text("rewind.refused", needed=-(-self._too_large // 2**20), budget=self._budget // 2**20)

    @property
    def bytes(self) -> int:
        """What is kept takes."""
        return self._ledger.bytes + self._picture_bytes

    @property
    def snapshots(self) -> int:
        """How many states are kept."""
        return len(self._snapshots)

    @property
    def stride(self) -> int:
        """After every how many chunks a state is taken at present."""
        return max(self._stride, self._pace)

    def begin(self, shown: tuple[int, int] | None = None) -> Trail:
        """The way back from the picture that is shown, (chunk, index), or from the newest."""
        with self._lock:
            return Trail(dict(self._pictures), dict(self._snapshots), self._fps, shown)

    def allow(self, budget_bytes: int) -> None:
        """What is kept may take this much from now on."""
        with self._lock:
            self._budget, self._too_large = budget_bytes, 0
            self._trim()

    # ---- the generator's ----

    def dreamt(
        self,
        chunk: int,
        frames: list[np.ndarray],
        take_state: Callable[[], Mapping[str, np.ndarray]],
        after: int | None = None,
    ) -> None:
        """`chunk`, counted since the reset, was dreamt to its end; frames: uint8 BGRA, never written again.

        take_state: gives the world's state as it is now, after chunk `after` (None: this one; a later one in a world
        that has begun the next one already). It is called for some chunks only.
        """
        if self._too_large or self._budget <= 0 or not frames:
            return
        step = thinning(*frames[0].shape[:2], max(self._most, len(frames)), self._budget * PICTURES_SHARE)
        after = chunk if after is None else after
        with self._lock:
            self._follow(chunk)
            before = self._snapshots.get(max(self._snapshots, default=0))
        wanted = step is not None and after % self.stride == 0
        snapshot = self._take(take_state, before) if wanted else None
        kept = tuple(thinned(frame, step or COARSEST) for frame in frames)
        with self._lock:
            self._add(chunk, kept, after, snapshot)
            self._trim()
            if not self._snapshots and (step is None or snapshot is not None):
                self._refuse(kept, bytes_alone(snapshot) if snapshot else 0)

    def cut(self, chunk: int) -> None:
        """The walk goes on after `chunk`: whatever is newer is forgotten."""
        with self._lock:
            self._forget(later for later in self._chunks() if later > chunk)

    def clear(self) -> None:
        """Another walk begins."""
        with self._lock:
            self._forget(self._chunks())

    # ---- books, under the lock but for the first ----

    def _take(self, take_state: Callable[[], Mapping[str, np.ndarray]], before: Snapshot | None) -> Snapshot:
        started = self._clock()
        snapshot = take(take_state(), before)
        self._takes.append(self._clock() - started)
        return snapshot

    def _chunks(self) -> set[int]:
        return {*self._pictures, *self._snapshots}

    def _follow(self, chunk: int) -> None:
        """Where `chunk` does not come after the newest one, what cannot be before it is forgotten."""
        newest = max(self._pictures, default=chunk - 1)
        if newest >= chunk:
            self._forget(known for known in self._chunks() if known >= chunk)
        elif newest < chunk - 1:
            self._forget(self._chunks())

    def _add(self, chunk: int, kept: tuple[Kept, ...], after: int, snapshot: Snapshot | None) -> None:
        self._pictures[chunk] = kept
        self._picture_bytes += sum(picture.bytes for picture in kept)
        if snapshot is not None:
            self._drop_snapshot(after)
            self._snapshots[after] = snapshot
            self._ledger.add(snapshot)
            self._pace = affordable(min(self._takes), self._chunk_s)

    def _trim(self) -> None:
        """Let go of what is too old, of what nothing leads back to, and of what there is no room for."""
        lengths = {chunk: len(self._pictures[chunk]) for chunk in sorted(self._pictures)}
        self._forget(list(lengths)[: expired(lengths.values(), self._most)])
        self._thin()
        while self.bytes > self._budget and self._chunks():
            if len(spared(self._snapshots, self._stride * 2)) < len(self._snapshots):
                self._stride *= 2
            else:
                self._forget([min(self._chunks())])
            self._thin()

    def _thin(self) -> None:
        for chunk in self._snapshots.keys() - spared(self._snapshots, self._stride):
            self._drop_snapshot(chunk)
        # Nobody can go back behind the oldest state, so its chunk's last picture is the oldest that is of use.
        oldest = min(self._snapshots, default=math.inf)
        self._forget(chunk for chunk in self._chunks() if chunk < oldest)

    def _forget(self, chunks: Iterable[int]) -> None:
        for chunk in list(chunks):
            self._picture_bytes -= sum(picture.bytes for picture in self._pictures.pop(chunk, ()))
            self._drop_snapshot(chunk)

    def _drop_snapshot(self, chunk: int) -> None:
        snapshot = self._snapshots.pop(chunk, None)
        if snapshot is not None:
            self._ledger.drop(snapshot)

    def _refuse(self, kept: tuple[Kept, ...], state_bytes: int) -> None:
        """Not even one state has room, or not the coarsest pictures: nothing is kept from now on."""
        coarsest = self._most * max(picture.bytes for picture in kept)
        self._too_large = math.ceil(max(coarsest / PICTURES_SHARE, state_bytes + coarsest))
        self._forget(self._chunks())
