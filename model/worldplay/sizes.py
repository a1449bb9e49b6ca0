"""How much memory WorldPlay takes, part by part, before any of it is loaded: see model/sizes.py. Torch only."""

from __future__ import annotations

import torch
import torch.nn as nn

from compile.fit import Sizes
from model.footprint import peak_bytes
from model.rings import Rings
from model.sizes import TYPES, blocks_by_precision, decoding, each, weights
from model.wan import Pass
from model.worldplay.config import CHUNK, NetworkConfig, WorldPlayConfig
from model.worldplay.parts import decoder_of, encoder_of, network_of

# The layers of a block that may have 8 bits.
EIGHT_BIT = {
    "8b": ("attn_[qkv]", "attn_proj", "attn_prope_proj", "mlp.fc[12]"),
    "5b": ("self_attn.[qkvo]", "self_attn.o_prope", "cross_attn.[qo]", "ffn.[02]"),
}


def sizes_of(config: WorldPlayConfig, bytes_per_value: int) -> Sizes:
    """bytes_per_value: 2 for bf16, 4 for float32.

    Encoders of text and picture are not in it: where there is no room for them, they compute on the CPU
    (model/encoders/loading.py); of the start of a walk the VAE's encoder counts.
    """
    dtype = TYPES[bytes_per_value]
    net = network_of(config).to(dtype)
    rows, latent = 1 + config.guided, (config.net.channels, *config.latent_size)
    text = 0
    if not isinstance(config.net, NetworkConfig):  # the cross-attention's keys and values
        text = 2 * config.net.layers * config.net.language_tokens * config.net.dim * bytes_per_value
    kept = config.kept * torch.Size(latent).numel() * bytes_per_value
    played = {}
    for compact in (False, True):
        rings = net.rings(config.window, config.grid, "meta", dtype, compact)
        played[compact] = rows * (rings.bytes + text) + kept, passing(net, config, rings, dtype)
    caches, peak = played[config.compact]
    wide, remembered, drawing = decoding(decoder_of(config), (1, latent[0], 1, *latent[1:]), dtype)
    return Sizes(
        blocks=blocks_by_precision(net.blocks, bytes_per_value, EIGHT_BIT[config.network]),
        beside=weights(net) - weights(net.blocks) - weights(net.seldom),
        caches=caches,
        passing=peak,
        decoder=wide,
        remembered=remembered,
        drawing=drawing,
        encoders=encoding(config, dtype),
        compact=None if config.compact else played[True],
        seldom=each(net.seldom),
    )


def passing(net: nn.Module, config: WorldPlayConfig, rings: Rings, dtype: torch.dtype) -> int:
    """The peak of a block and the tokens, in the pass over a full context or in that of the chunk behind it."""
    rings.tell(getattr(config.net, "text_tokens", 0))
    rings.gather(config.memory.budget)
    looking = of_block(net, config, rings, dtype, config.memory.budget)
    rings.stage(CHUNK)
    return max(looking, of_block(net, config, rings, dtype, CHUNK))


def of_block(net: nn.Module, config: WorldPlayConfig, rings: Rings, dtype: torch.dtype, frames: int) -> int:
    """The peak of a pass over so many frames in the place that is open."""
    network = config.net

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    tokens = empty(frames, config.grid[0] * config.grid[1], network.dim)
    ring = rings["self"]
    told = frames if ring.opened.slots is None else len(ring.opened.slots[0]) // ring.shape.tokens
    cameras = torch.empty(told, 3, 4, 4, device="meta")
    text, told = (), empty(frames, network.dim)
    if not isinstance(network, NetworkConfig):
        shape = (1, network.heads, network.language_tokens, network.dim // network.heads)
        text, told = [(empty(*shape), empty(*shape))] * network.layers, empty(frames, 6, network.dim)
    # Back ends keep no scores of all queries and keys; what comes out is all that they make.
    run = Pass(rings, text, lambda q, k, v: torch.empty_like(q), cameras)
    return peak_bytes(lambda: net.blocks[0](tokens, told, run.layer(0))) + 2 * tokens.nbytes


def encoding(config: WorldPlayConfig, dtype: torch.dtype) -> int:
    """The VAE's encoder at its peak, over a picture."""
    encoder = encoder_of(config).to(dtype)
    picture = torch.empty(1, 3, 1, config.height, config.width, dtype=dtype, device="meta")
    return weights(encoder) + peak_bytes(lambda: list(encoder.encode(iter([picture]))))
