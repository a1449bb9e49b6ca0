"""What WorldPlay takes of memory at full size, against sums by hand, and what is done where that is too much."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from worldplay_fixtures import DISTILLED_5B  # noqa: E402

from compile.fit import fit, require  # noqa: E402
from model.worldplay.assemble import SMALLER  # noqa: E402
from model.worldplay.config import WorldPlayConfig  # noqa: E402
from model.worldplay.overlap import MEMORY_5B  # noqa: E402
from model.worldplay.parts import network_of  # noqa: E402
from model.worldplay.sizes import EIGHT_BIT, sizes_of  # noqa: E402
from runtime.errors import UserError  # noqa: E402

FULL = {
    "8b": WorldPlayConfig(),
    "5b": WorldPlayConfig(network="5b", width=1280, height=704, timesteps=DISTILLED_5B, memory=MEMORY_5B, kept=1800),
}
BF16 = 2
# By the specification, sections 2 and 11: parameters; layers, width, tokens of a latent frame and in front of them,
# latent frames of context and chunk; values of a latent frame; and of the 5B the cross-attention's keys and values.
PARAMETERS = {"8b": 8_557_933_856, "5b": 5.293e9}
ROWS = {"8b": 54 * (729 + 256 + 1000 + (20 + 4) * 1560) * 2048, "5b": 30 * ((16 + 4) * 880) * 3072}
LATENTS = {"8b": 3600 * 32 * 30 * 52 * BF16, "5b": 1800 * 48 * 44 * 80 * BF16}
TEXT = {"8b": 0, "5b": 2 * 30 * 512 * 3072 * BF16}
LINEAR = {  # weights and outputs of a block's layers that may have 8 bits
    "8b": (5 * 2048**2 + 2 * 2048 * 8192, 5 * 2048 + 8192 + 2048),
    "5b": (7 * 3072**2 + 2 * 3072 * 14336, 7 * 3072 + 14336 + 3072),
}


@pytest.fixture(scope="module")
def sizes():
    found = {}

    def of(network: str, context: int | None = None):
        key = network, context
        if key not in found:
            config = FULL[network]
            memory = config.memory.limited(context) if context else config.memory
            found[key] = sizes_of(replace(config, memory=memory), BF16)
        return found[key]

    return of


@pytest.mark.parametrize("network", FULL)
def test_parts_are_what_they_are_by_hand(network, sizes):
    found = sizes(network)
    blocks = sum(found.blocks["bf16"]) + sum(found.seldom)
    assert blocks + found.beside == pytest.approx(PARAMETERS[network] * BF16, rel=1e-4)
    both, once = (branches * 2 * ROWS[network] * BF16 for branches in (2, 1))
    assert found.caches == both + TEXT[network] + LATENTS[network]
    assert found.compact[0] == once + TEXT[network] + LATENTS[network]
    assert found.compact[1] > found.passing, "what is read has to be made"
    weights, outputs = LINEAR[network]
    saved = [full - small for full, small in zip(found.blocks["bf16"], found.blocks["fp8"], strict=True)]
    scales = BF16 + 4  # in the layer's type, and in float32 for the kernels
    assert saved == [weights - outputs * scales] * FULL[network].net.layers


@pytest.mark.parametrize("network", FULL)
def test_layers_that_may_have_eight_bits_are_there(network):
    block = network_of(FULL[network]).blocks[0]
    names = [name for name, part in block.named_modules() if isinstance(part, torch.nn.Linear)]
    for pattern in EIGHT_BIT[network]:
        assert any(fnmatchcase(name, pattern) for name in names), pattern


@pytest.mark.parametrize(
    ("network", "context", "gigabytes", "line"),
    [
        ("5b", None, 48, "34.8 of 48.0 GB: everything on the GPU"),
        ("5b", None, 24, "needs 34.8 GB of 24.0: 5 of 30 blocks stay in host memory (slower), compact caches"),
        ("5b", None, 16, "needs 34.8 GB of 16.0: 28 of 30 blocks stay in host memory (slower), compact caches"),
        ("8b", None, 80, "62.5 of 80.0 GB: everything on the GPU"),
        ("8b", None, 32, "needs 62.5 GB of 32.0: 20 of 54 blocks stay in host memory (slower), compact caches"),
        ("8b", 12, 24, "needs 50.6 GB of 24.0: 29 of 54 blocks stay in host memory (slower), compact caches"),
    ],
)
def test_a_gpu_of_so_much_memory(network, context, gigabytes, line, sizes):
    """The 5B plays within 16 GB, and the 8B within 24 with a context of 12, where latents are still retrieved."""
    found = fit(sizes(network, context), gigabytes * 10**9, "cuda", ("bf16",))
    assert found.fits and found.line.startswith(f"memory: {line}"), found.line
    assert FULL[network].memory.limited(12).retrieved == 1


@pytest.mark.parametrize(("network", "gigabytes", "least"), [("5b", 15, "15.2"), ("8b", 24, "26.5")])
def test_a_default_context_that_does_not_fit_names_the_least_and_what_to_do(network, gigabytes, least, sizes):
    found = fit(sizes(network), gigabytes * 10**9, "cuda", ("bf16",))
    said = rf"{gigabytes}\.0 GB are too few: {least} GB are the least .*give it {least} GB, or .*\(--context\)"
    with pytest.raises(UserError, match=said):
        require(found, "a world", SMALLER)
