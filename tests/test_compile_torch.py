"""Blocks compile whole, once for all layers, in whatever precision their linear layers are."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from network_fixtures import Walk, sized  # noqa: E402

from compile import precision  # noqa: E402
from compile.engines.compiled import compile_regions, twin  # noqa: E402


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
