"""A rehearsal: the first chunks of a walk as an engine computed them, to try another engine against. Pure bookkeeping.

What was put into the buffers before each run and what came out of it is kept on the CPU; caches and state are not: an
engine that is tried grows its own, from empty ones, and so a roll-out longer than the window tries eviction too. Where
the walk went on from a saved state, what they held then is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from compile.buffers import Array, Buffers
from compile.engines import Bound
from model.graph import Seen

TURNS = 2  # that two engines are timed in
CHUNKS = 3  # enough for every graph to run in a state that another run left


def nothing() -> None:
    """A sign that nobody waits for."""


@dataclass(frozen=True)
class Run:
    """One run: what the buffers were given before, and what it gave."""

    graph: str
    seen: Seen
    inputs: dict[str, Array]
    outputs: dict[str, Array]


@dataclass(frozen=True)
class Verdict:
    """error: the largest relative error of an output, that of `where`; seconds: the best of each run, summed."""

    error: float
    where: str
    seconds: float


@dataclass
class Rehearsal:
    """Recorded by a Runner while a world plays. `begin` forgets what was recorded so far.

    sign: called before every run, and may raise Cancelled.
    """

    runs: list[Run] = field(default_factory=list)
    sign: Callable[[], None] = nothing
    _known: set[str] = field(default_factory=set)
    _held: set[str] = field(default_factory=set)

    def begin(self, held: Iterable[str] = ()) -> None:
        """held: the caches and states that do not begin empty."""
        self.runs.clear()
        self._known.clear()
        self._held = set(held)

    def put(self, name: str) -> None:
        """The world wrote into a buffer."""
        self._known.discard(name)

    def run(self, graph: str, seen: Seen, buffers: Buffers, run: Callable[[str, Seen], None]) -> None:
        """Have a graph run, and record it. What an earlier run of the rehearsal left needs no copy."""
        plan = buffers.graphs[graph]
        made = {port.name for other in buffers.graphs.values() for port in other.outputs}
        names = [port.name for port in plan.inputs if not port.role and port.name not in self._known & made]
        names += [port.name for port in plan.inputs if port.name in self._held]
        self._held.difference_update(names)
        inputs = {name: copied(buffers[name]) for name in names}
        self.sign()
        run(graph, seen)
        outputs = {port.name: copied(buffers[port.name]) for port in plan.outputs}
        self._known |= {*names, *outputs}
        self.runs.append(Run(graph, seen, inputs, outputs))


def copied(array: Array) -> Array:
    """A copy on the CPU."""
    return array.copy() if isinstance(array, np.ndarray) else array.to("cpu", copy=True)


def wait(buffers: Buffers) -> None:
    """Until the device is done."""
    if buffers.device is not None and buffers.device.type == "cuda":
        import torch

        torch.cuda.synchronize(buffers.device)


def summed(times: list[tuple[str, float]]) -> float:
    best: dict[str, float] = {}
    for graph, seconds in times:
        best[graph] = min(best.get(graph, math.inf), seconds)
    return sum(best[graph] for graph, _ in times)


def relative_error(made: Array, wanted: Array) -> float:
    """|made - wanted| / |wanted| in the L2 norm; infinite where anything is not finite."""
    a, b = (
        np.asarray(part if isinstance(part, np.ndarray) else part.double().numpy(), np.float64)
        for part in (made, wanted)
    )
    if not np.isfinite(a).all():
        return math.inf
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12))


def try_on(rehearsal: Rehearsal, bound: Bound, buffers: Buffers, sign: Callable[[], None] = nothing) -> Verdict:
    """Run a rehearsal anew by `bound` over `buffers`, which begin empty, and compare.

    sign: called before every run, and may raise Cancelled.
    """
    worst, where, times = 0.0, "", []
    for run in rehearsal.runs:
        sign()
        for name, value in run.inputs.items():
            buffers.put(name, value)
        wait(buffers)
        started = time.perf_counter()
        bound.run(run.graph, run.seen)
        wait(buffers)
        times.append((run.graph, time.perf_counter() - started))
        for name, wanted in run.outputs.items():
            error = relative_error(copied(buffers[name]), wanted)
            if error > worst:
                worst, where = error, f"{run.graph}'s {name}"
    return Verdict(worst, where, summed(times))


def times_as_fast(
    rehearsal: Rehearsal, base: Bound, new: Bound, buffers: Buffers, sign: Callable[[], None] = nothing
) -> float:
    """How many times as fast `new` is as `base`: turn by turn, as what else the machine does falls on both."""
    seconds = {}
    for _ in range(TURNS):
        for name, each in (("base", base), ("new", new)):
            took = try_on(rehearsal, each, buffers, sign).seconds
            seconds[name] = min(seconds.get(name, took), took)
    return seconds["base"] / seconds["new"]
