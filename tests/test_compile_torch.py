"""FP8 layers by their numbers, and that blocks compile whole, once for all layers."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config  # noqa: E402

from bench.synthetic import matrix_game  # noqa: E402
from compile.fp8 import Fp8Linear, quantise, quantised  # noqa: E402
from model.placement import place  # noqa: E402
from model.world import LoadOptions  # noqa: E402


def test_rows_keep_their_largest_value():
    rows = torch.tensor([[1.0, -3.0, 0.5], [0.0, 0.0, 0.0], [1e4, 1.0, -2e4]])
    small, scale = quantised(rows)
    back = small.float() * scale
    assert torch.allclose(back.abs().amax(1), rows.abs().amax(1)) and not back[1].any()
    assert ((back - rows).abs() <= rows.abs() / 16 + scale / 512).all(), "three bits of mantissa"


@pytest.mark.parametrize("bias", [True, False])
def test_fp8_linear_is_near_the_exact_one(bias):
    torch.manual_seed(0)
    linear = torch.nn.Linear(64, 48, bias=bias).bfloat16()
    x = torch.randn(3, 5, 64).bfloat16()
    with torch.inference_mode():
        exact, fast = linear(x).float(), Fp8Linear(linear)(x).float()
    assert fast.shape == (3, 5, 48)
    error = (fast - exact).norm() / exact.norm()
    assert 1e-3 < error < 0.06, "it rounds, and no more than it must"


def test_quantise_takes_what_is_named_and_fits():
    world = synthetic()
    net = world.net
    patterns = ("blocks.*.ffn.*", "blocks.*.self_attn.[qkvo]")
    assert quantise(net, patterns) == 0, "24 is not a multiple of 16"
    net.blocks[0].ffn[0] = torch.nn.Linear(32, 48)
    net.blocks[0].cross_attn.q = torch.nn.Linear(32, 48)
    assert quantise(net, patterns) == 1
    assert isinstance(net.blocks[0].ffn[0], Fp8Linear) and isinstance(net.blocks[0].cross_attn.q, torch.nn.Linear)


def synthetic(layers: int = 4):
    from dataclasses import replace

    config = tiny_config(width=32, height=32)
    actions = replace(config.network.actions, layers=tuple(range(layers)))
    config = replace(config, network=replace(config.network, layers=layers, actions=actions))
    return matrix_game(config, place(LoadOptions(device="cpu", threads=1)))


def play(world, chunks: int) -> np.ndarray:
    world.reset(None, None, 2)
    pictures = []
    for chunk in range(chunks):
        frames = world.info.chunk_frames if chunk else world.info.first_chunk_frames
        pictures += world.step(np.full((frames, world.info.control_columns), 0.02, np.float32))
    return np.stack(pictures)


def test_blocks_compile_whole_and_once_for_all_layers():
    """No graph breaks, and no compilation per layer or per chunk: one per fill of the caches."""
    expected = play(synthetic(), 5)
    torch._dynamo.reset()
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    world = synthetic()
    for block in world.net.blocks:
        block.compile(backend=backend, fullgraph=True, dynamic=False)
    assert np.abs(play(world, 5).astype(int) - expected).max() <= 1
    torch._dynamo.reset()
    assert 1 <= len(compiled) <= 4, len(compiled)
