"""Blocks compile whole, once for all layers, in whatever precision their linear layers are."""

from __future__ import annotations

from threading import Thread

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from network_fixtures import Walk, sized  # noqa: E402

from compile import precision  # noqa: E402
from compile.buffers import Buffers  # noqa: E402
from compile.engines.compiled import Compiled, compile_regions, twin  # noqa: E402
from model.graph import Contract, Graph, Port  # noqa: E402


@pytest.fixture
def counted():
    """A back end that notes what it compiles, and runs it as it is; on one thread, as cores may be shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._dynamo.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    yield backend, graphs
    torch._dynamo.reset()
    torch.set_num_threads(threads)


class Summed(torch.nn.Module):
    """A region."""

    def forward(self, x):
        return x.sum(0)


class Sliced(torch.nn.Module):
    """A graph whose region sees as much as is filled."""

    def __init__(self) -> None:
        super().__init__()
        self.regions = torch.nn.ModuleList([Summed()])

    def forward(self, x, seen):
        return (self.regions[0](x[: seen[0]]),)


def test_every_fill_of_a_long_window_is_compiled(counted):
    """The last ones too, which stay: there are more than torch's own limit, which each thread has for itself."""
    backend, graphs = counted
    contract = Contract("sliced", "", {"denoise": Graph("denoise", (Port("x", (12, 4)),), (Port("y", (4,)),))})
    modules = {"denoise": Sliced()}
    compile_regions(modules, backend=backend)
    bound = Compiled(contract, modules).bind(Buffers(contract, None, "cpu", torch.float32))

    def walk():
        for filled in (*range(2, 13), 12):
            bound.run("denoise", (filled,))

    walking = Thread(target=walk)
    walking.start()
    walking.join()
    assert len(graphs) == 11


@pytest.mark.parametrize("bits", ["", "fp8", "int8"])
def test_blocks_compile_whole_and_once_for_all_layers(counted, bits):
    """No graph breaks, and no compilation per layer, per pass or per chunk: one per fill of the caches."""
    backend, graphs = counted
    walk = Walk(sized(layers=4, acting=4))
    modules = twin(walk.modules)
    if bits:
        precision.apply(modules, precision.measure(modules, bits, lambda: walk.play(modules)))
    expected = walk.play(modules, 5)
    compiled = twin(modules)
    assert compile_regions(compiled, backend=backend, fullgraph=True) == 4
    assert (walk.play(compiled, 5) - expected).abs().max() < 1e-3
    assert 1 <= len(graphs) <= 2, f"{len(graphs)} compilations of 4 blocks and 2 fills"
