"""Eager: torch's own operations, one after the other. Every other engine is proved against it."""

from __future__ import annotations

import importlib.util

from compile.buffers import Buffers
from compile.engines import Progress, silent
from compile.plan import Job, Place
from model.graph import Contract, Seen, Unavailable

QUICK = True  # needs no build


class Eager:
    """The modules of a contract, run as they are."""

    def __init__(self, contract: Contract, modules: dict[str, object]) -> None:
        self.contract, self.modules = contract, modules

    def bind(self, buffers: Buffers) -> EagerBound:
        return EagerBound(self, buffers)


class EagerBound:
    def __init__(self, engine: Eager, buffers: Buffers) -> None:
        self._modules = engine.modules
        graphs = engine.contract.graphs.values()
        self._inputs = {graph.name: [buffers.tensor(port.name) for port in graph.inputs] for graph in graphs}
        self._outputs = {graph.name: [buffers.tensor(port.name) for port in graph.outputs] for graph in graphs}

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound. Caches and state are written in place, outputs are copied to where they stand."""
        import torch

        with torch.inference_mode():
            made = self._modules[graph](*self._inputs[graph], seen=seen)
            for standing, fresh in zip(self._outputs[graph], made, strict=False):
                standing.copy_(fresh)


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable unless torch computes in `precision` at `place`."""
    require_torch(place)
    if precision in ("fp8", "int8"):
        from compile.precision import probe_precision

        probe_precision(precision, place)


def require_torch(place: Place) -> None:
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("torch is not installed")
    if place.kind == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise Unavailable("there is no NVIDIA GPU that torch can use")


def build(job: Job, progress: Progress = silent) -> Eager:
    """See compile.engines."""
    progress(0, 1, "loading")
    return Eager(job.contract, job.modules)
