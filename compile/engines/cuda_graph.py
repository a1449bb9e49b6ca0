"""CUDA graphs: every run captured once and replayed ever after, at the cost of one launch. NVIDIA GPUs only.

Everything that a run reads and writes stands still (compile/buffers.py), so nothing of a family is known here. A graph
is good for one fill of the caches, and a walk has but a few of those: it grows until the window is full and stays so.
Where text lies in the caches, a prompt of another length has fills of its own; those of prompts of long ago are let go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from compile.buffers import Buffers
from compile.engines import Bound, Engine, Progress, compiled, eager, silent
from compile.plan import Job, Place
from model.graph import STATE, Seen, Unavailable

if TYPE_CHECKING:
    import torch

QUICK = False
WARM_UP = 2  # runs before a capture, in which kernels are chosen and workspaces allocated
MOST = 48  # graphs that are kept: a walk from its beginning under guidance has 24, a new prompt in it brings 3


class CudaGraph:
    """Captures what another torch engine runs."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner

    def bind(self, buffers: Buffers) -> CudaGraphBound:
        return CudaGraphBound(self.inner.bind(buffers), buffers)


class Recent:
    """What was made for keys, for those that were asked for last; of the others nothing is held."""

    def __init__(self, most: int, release: Callable[[], object]) -> None:
        """release: called before something is let go, which may still be in use."""
        self._made: dict[Hashable, object] = {}
        self._most, self._release = most, release

    def __len__(self) -> int:
        return len(self._made)

    def obtain(self, key: Hashable, make: Callable[[], object]) -> object:
        # A dict keeps the order in which things came: what is asked for comes anew.
        made = self._made.pop(key, None)
        if made is None:
            if len(self._made) == self._most:
                self._release()
                del self._made[next(iter(self._made))]  # before the new one is made, which may need its memory
            made = make()
        self._made[key] = made
        return made


class CudaGraphBound:
    def __init__(self, inner: Bound, buffers: Buffers) -> None:
        self._inner, self._buffers = inner, buffers
        import torch

        self._graphs = Recent(MOST, torch.cuda.synchronize)
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        self._graphs.obtain((graph, seen), lambda: self._capture(graph, seen)).replay()

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
