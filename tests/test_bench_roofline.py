"""bench/roofline.py by hand arithmetic: layers whose operations and bytes anybody can count."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from torch import nn  # noqa: E402

from bench import roofline  # noqa: E402
from bench.roofline import Count, count, fraction, ideal_ms  # noqa: E402
from model.graph import CACHE, STATE, Graph, Port  # noqa: E402


class Wrapped(nn.Module):
    """A layer as graphs have it; `idle` is a weight that no run touches."""

    def __init__(self, layer: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.idle = layer, nn.Linear(100, 100)

    def forward(self, *inputs, seen=None):
        return (self.layer(*inputs),)


class Attention(Wrapped):
    def forward(self, q, keys, values, seen=None):
        return (nn.functional.scaled_dot_product_attention(q, keys, values),)


def test_a_linear_layer():
    graph = Graph("g", (Port("x", (5, 32)),), (Port("y", (5, 48)),))
    found = count(Wrapped(nn.Linear(32, 48)), graph)
    assert found == Count(2 * 5 * 32 * 48, 32 * 48 + 48, 5 * 32 + 5 * 48, 0), "what is idle does not count"
    assert found.bytes("fp32") == 4 * found.bytes("int8") == 2 * found.bytes("bf16") == 4 * (1584 + 400)


def test_a_convolution_and_ports_of_their_own_type():
    graph = Graph("g", (Port("x", (1, 3, 8, 10)),), (Port("frames", (1, 4, 8, 10), "uint8"),))
    found = count(Wrapped(nn.Conv2d(3, 4, 3, padding=1)), graph)
    assert found == Count(2 * 4 * 8 * 10 * 3 * 9, 4 * 3 * 9 + 4, 240, 320)
    assert found.bytes("fp16") == 2 * (112 + 240) + 320


def test_attention_over_a_cache_that_counts_once_and_state_twice():
    heads, queries, keys, width = 2, 6, 24, 16
    cache = (1, heads, keys, width)
    ports = (Port("q", (1, heads, queries, width)), Port("k", cache, role=CACHE), Port("v", cache, role=CACHE))
    found = count(Attention(), Graph("g", ports, (Port("y", (1, heads, queries, width)),)))
    assert found.flops == 2 * 2 * heads * queries * keys * width, "scores, then values"
    assert (found.weights, found.floats) == (0, 2 * heads * queries * width + 2 * heads * keys * width)
    assert roofline.port_numbers(Graph("g", (Port("s", (7,), role=STATE),))) == (14, 0)


def test_weights_that_two_layers_share_move_once_and_real_ones_stay_where_they_are():
    layer = nn.Linear(16, 16)
    module = Wrapped(nn.Sequential(layer, layer)).bfloat16()
    graph = Graph("g", (Port("x", (2, 16)),), (Port("y", (2, 16)),))
    found = count(module, graph)
    assert (found.flops, found.weights) == (2 * 2 * 2 * 256, 272)
    assert layer.weight.device.type == "cpu" and layer.weight.dtype == torch.bfloat16


@pytest.mark.parametrize(("flops", "moved", "expected"), [(2e9, 1e6, 20.0), (1e6, 5e8, 50.0), (0, 0, 0.0)])
def test_the_longer_of_computing_and_moving_counts(flops, moved, expected):
    assert ideal_ms(flops, moved, rate=1e11, bandwidth=1e10) == pytest.approx(expected)


def test_fractions():
    assert fraction(5.0, 20.0) == 0.25 and fraction(5.0, 0.0) == 0.0


def test_the_embedded_world_is_counted_as_large_as_it_is():
    from bench.families import Spec
    from bench.worlds import contracts

    found = roofline.survey(contracts(Spec("cloister", "eager", "fp32"), sketch=True))
    weights = 53.6e6  # bytes of its files
    assert weights < found["denoise"]["bytes"]["fp32"] < 1.3 * weights
    assert found["commit"]["bytes"]["fp32"] < found["denoise"]["bytes"]["fp32"], "a commit draws nothing"
    assert 2e9 < found["denoise"]["flops"] < 5e9 and found["decode"]["flops"] == 0


def test_full_size_is_counted_without_memory():
    from bench.families import Spec
    from bench.worlds import contracts
    from runtime.process import rss_mb

    before = rss_mb()
    found = {}
    for contract in contracts(Spec("matrix-game-2-templerun", "eager", "bf16"), sketch=True):
        if "decode" in contract.graphs:
            found |= roofline.survey([contract])
    assert found["decode"]["flops"] > 1e12
    assert rss_mb() - before < 3000, "the caches alone are allocated"


def test_this_machine_has_rates(monkeypatch):
    monkeypatch.setattr(roofline, "COPY_BYTES", {"cpu": 1 << 22})
    monkeypatch.setattr(roofline, "SIDES", {"cpu": 256})
    threads = torch.get_num_threads()
    found = roofline.machine("cpu", threads=1, seconds=0.02)
    torch.set_num_threads(threads)
    assert {"fp32", "bf16"} <= set(found["rates"]) | set(found["missing"])
    assert all(1e7 < rate < 1e15 for rate in (*found["rates"].values(), found["bandwidth"]))
    ticks = iter(np.arange(100.0))
    monkeypatch.setattr(roofline.time, "perf_counter", lambda: next(ticks))
    assert roofline.best_rate(lambda: None, 8.0, lambda: None, 3) == 8.0, "8 in a tick of one second"
