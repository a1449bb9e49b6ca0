"""A world's hand on its engine: the buffers, and whichever engine computes on them at present.

Engines hold no state (model/graph.py), so another one may take over between any two runs. A world lets that happen
between two chunks, by `settle`.
"""

from __future__ import annotations

from collections.abc import Callable

from compile.buffers import Array, Buffers
from compile.engines import Bound
from model.graph import Contract, Seen


class Runner:
    """Owned by the world's thread, but for `offer`."""

    def __init__(
        self, contract: Contract, buffers: Buffers, bound: Bound, backend: str, notes: tuple[str, ...] = ()
    ) -> None:
        """backend: what computes, in words; notes: lines for a person about the choice."""
        self.contract, self.buffers, self._bound = contract, buffers, bound
        self.backend, self.notes = backend, notes
        self._offered: Callable[[Buffers], Bound] | None = None

    def put(self, name: str, value: Array) -> None:
        """Copy `value` into a buffer."""
        self.buffers.put(name, value)

    def run(self, graph: str, seen: Seen = ()) -> None:
        """Compute a graph from the buffers into the buffers."""
        self._bound.run(graph, seen)

    def offer(self, bind: Callable[[Buffers], Bound]) -> None:
        """Have another engine take over at the next `settle`; from any thread."""
        self._offered = bind

    def settle(self) -> None:
        """Between two chunks: change engines if another one was offered."""
        if self._offered is not None:
            bind, self._offered = self._offered, None
            self._bound = bind(self.buffers)
