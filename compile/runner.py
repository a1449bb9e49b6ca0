"""A world's hand on its engine: the buffers, and whichever engine computes on them at present.

Engines hold no state (model/graph.py), so another one may take over between any two runs. A world lets that happen
between two chunks, by `settle`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from compile.buffers import Array, Buffers
from compile.engines import Bound
from compile.rehearsal import CHUNKS, Rehearsal, nothing
from model.graph import Contract, Seen
from model.progress import Reading, in_words
from model.world import PARTS

# The part that a graph belongs to, by its name before a point; all others are "other".
PART_OF = {"denoise": "denoise", "commit": "commit", "context": "commit", "decode": "decode", "decode_first": "decode"}


class Runner:
    """Owned by the world's thread, but for `offer`, `listen`, `rehearsed`, `reading`, `building` and `close`."""

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
        self._spent = dict.fromkeys(PARTS, 0.0)
        self._offered: Callable[[], None] | None = None

    def reading(self) -> Reading:
        """How far a better engine is; an empty reading where none is being built."""
        return self.upgrade.reading() if self.upgrade is not None else Reading()

    @property
    def building(self) -> str:
        """`reading` in words: "openvino bf16: compiling, 3 of 4, about 12 s left"; empty where nothing is built."""
        return in_words(self.reading())

    def close(self) -> None:
        """Nobody wants a better engine any more."""
        if self.upgrade is not None:
            self.upgrade.cancel()

    def put(self, name: str, value: Array) -> None:
        """Copy `value` into a buffer."""
        self.buffers.put(name, value)
        if self._rehearsal is not None:
            self._rehearsal.put(name)

    def run(self, graph: str, seen: Seen = ()) -> None:
        """Compute a graph from the buffers into the buffers."""
        started = time.perf_counter()
        if self._rehearsal is None:
            self._bound.run(graph, seen)
        else:
            self._rehearsal.run(graph, seen, self.buffers, self._bound.run)
        self._spent[PART_OF.get(graph.partition(".")[0], "other")] += time.perf_counter() - started

    def begin(self, empty: bool = True) -> None:
        """A walk begins; with caches that are not `empty` where it goes on from a saved state."""
        self._chunks = 0
        if self._rehearsal is not None:
            kept = () if empty else (port.name for port in self.buffers.ports.values() if port.role)
            self._rehearsal.begin(kept)

    def settle(self) -> None:
        """Between two chunks: change engines if another one was offered."""
        if self._rehearsal is not None and self._chunks == CHUNKS:
            self._rehearsal = None
            self.rehearsed.set()
        self._chunks += 1
        for part in PARTS:
            self._spent[part] = 0.0
        if self._offered is not None:
            take, self._offered = self._offered, None
            take()

    def listen(self, sign: Callable[[], None] = nothing) -> Rehearsal:
        """Record the first chunks of the next walk; `rehearsed` is set when they are all there. sign: see Rehearsal."""
        self._rehearsal = self.recorded = Rehearsal(sign=sign)
        self._chunks = 0
        self.rehearsed.clear()
        return self.recorded

    def take(self, bound: Bound, backend: str) -> None:
        """Compute by `bound` from now on."""
        self._bound, self.backend = bound, backend

    def offer(self, take: Callable[[], None]) -> None:
        """Have `take` called at the next `settle`, by the world's thread; from any thread."""
        self._offered = take


def spent(*runners: Runner) -> dict[str, float]:
    """Milliseconds by part that the graphs of `runners` took since their last `settle`: see World.spent."""
    return {part: sum(runner._spent[part] for runner in runners) * 1e3 for part in PARTS}
