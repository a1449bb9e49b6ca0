"""CUDA graphs: every run captured once and replayed ever after, at the cost of one launch. NVIDIA GPUs only.

Everything that a run reads and writes stands still (compile/buffers.py), so nothing of a family is known here. A graph
is good for one fill of the caches, and a walk has but a few of those: it grows until the window is full and stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compile.buffers import Buffers
from compile.engines import Bound, Engine, Progress, compiled, eager, silent
from compile.plan import Job, Place
from model.graph import STATE, Seen, Unavailable

if TYPE_CHECKING:
    import torch

QUICK = False
WARM_UP = 2  # runs before a capture, in which kernels are chosen and workspaces allocated


class CudaGraph:
    """Captures what another torch engine runs."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner

    def bind(self, buffers: Buffers) -> CudaGraphBound:
        return CudaGraphBound(self.inner.bind(buffers), buffers)


class CudaGraphBound:
    def __init__(self, inner: Bound, buffers: Buffers) -> None:
        self._inner, self._buffers = inner, buffers
        self._graphs: dict[tuple[str, Seen], torch.cuda.CUDAGraph] = {}
        import torch

        self._pool = torch.cuda.graph_pool_handle()

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        key = (graph, seen)
        if key not in self._graphs:
            self._graphs[key] = self._capture(*key)
        self._graphs[key].replay()

    def _capture(self, graph: str, seen: Seen) -> torch.cuda.CUDAGraph:
        """Caches are written alike however often a run is repeated, but state moves on: warming up must not count."""
        import torch

        state = [self._buffers[port.name] for port in self._buffers.graphs[graph].updates if port.role == STATE]
        before = [tensor.clone() for tensor in state]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._inner.run(graph, seen)
        torch.cuda.current_stream().wait_stream(stream)
        captured = torch.cuda.CUDAGraph()
        # Another thread may be playing on another engine meanwhile: what it does is not to be captured.
        with torch.cuda.graph(captured, pool=self._pool, capture_error_mode="thread_local"):
            self._inner.run(graph, seen)
        for tensor, old in zip(state, before, strict=True):
            tensor.copy_(old)
        return captured


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable where there is no NVIDIA GPU."""
    if place.kind != "cuda":
        raise Unavailable("needs an NVIDIA GPU")
    eager.probe(place, precision)


def build(job: Job, progress: Progress = silent) -> CudaGraph:
    """See compile.engines: graphs of compiled regions where torch.compile can run, else of eager ones."""
    try:
        compiled.probe(job.place, job.precision)
    except Unavailable:
        return CudaGraph(eager.build(job, progress))
    return CudaGraph(compiled.build(job, progress))
