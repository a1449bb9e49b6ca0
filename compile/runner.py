"""A world's hand on its engine: the buffers, and whichever engine computes on them at present.

Engines hold no state (model/graph.py), so another one may take over between any two runs. A world lets that happen
between two chunks, by `settle`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from compile.buffers import Array, Buffers
from compile.engines import Bound
from compile.rehearsal import CHUNKS, Rehearsal
from model.graph import Contract, Seen


class Runner:
    """Owned by the world's thread, but for `offer`, `listen` and `rehearsed`."""

    def __init__(
        self, contract: Contract, buffers: Buffers, bound: Bound, backend: str, notes: tuple[str, ...] = ()
    ) -> None:
        """backend: what computes, in words; notes: lines for a person about the choice."""
        self.contract, self.buffers, self._bound = contract, buffers, bound
        self.backend, self.notes = backend, notes
        self.rehearsed = threading.Event()
        self.recorded: Rehearsal | None = None
        self.upgrade = None  # compile.upgrade.Upgrade, where there is one
        self._rehearsal: Rehearsal | None = None
        self._chunks = 0
        self._offered: Callable[[], None] | None = None

    def put(self, name: str, value: Array) -> None:
        """Copy `value` into a buffer."""
        self.buffers.put(name, value)
        if self._rehearsal is not None:
            self._rehearsal.put(name)

    def run(self, graph: str, seen: Seen = ()) -> None:
        """Compute a graph from the buffers into the buffers."""
        if self._rehearsal is None:
            self._bound.run(graph, seen)
        else:
            self._rehearsal.run(graph, seen, self.buffers, self._bound.run)

    def begin(self) -> None:
        """A walk begins."""
        self._chunks = 0
        if self._rehearsal is not None:
            self._rehearsal.begin()

    def settle(self) -> None:
        """Between two chunks: change engines if another one was offered."""
        if self._rehearsal is not None and self._chunks == CHUNKS:
            self._rehearsal = None
            self.rehearsed.set()
        self._chunks += 1
        if self._offered is not None:
            take, self._offered = self._offered, None
            take()

    def listen(self) -> Rehearsal:
        """Record the first chunks of the next walk; `rehearsed` is set when they are all there."""
        self._rehearsal = self.recorded = Rehearsal()
        self._chunks = 0
        self.rehearsed.clear()
        return self.recorded

    def take(self, bound: Bound, backend: str) -> None:
        """Compute by `bound` from now on."""
        self._bound, self.backend = bound, backend

    def offer(self, take: Callable[[], None]) -> None:
        """Have `take` called at the next `settle`, by the world's thread; from any thread."""
        self._offered = take
