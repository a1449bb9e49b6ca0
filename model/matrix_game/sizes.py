"""How much memory Matrix-Game 2.0 takes, part by part, before any of it is loaded: see model/sizes.py. Torch only."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from compile.fit import Sizes
from model.checkpoint import on_meta
from model.clip import ClipImageEncoder
from model.footprint import peak_bytes
from model.matrix_game.actions import ActionWindows
from model.matrix_game.config import PATCH, MatrixGameConfig
from model.matrix_game.encoders import CONSTANT_FROM, MASK_CHANNELS
from model.matrix_game.network import MatrixGameNet
from model.rings import Rings
from model.sizes import TYPES, blocks_by_precision, decoding, weights
from model.taehv import TinyDecoder
from model.wan import KeysValues, Pass
from model.wan_vae import VaeDecoder, VaeEncoder

EIGHT_BIT = ("self_attn.[qkvo]", "cross_attn.[qo]", "ffn.[02]")  # the layers of a block that may have 8 bits


def sizes_of(config: MatrixGameConfig, bytes_per_value: int, decoder: str = "full") -> Sizes:
    """bytes_per_value: 2 for bf16, 4 for float32; decoder: "full" or "tiny", which is never tiled."""
    dtype = TYPES[bytes_per_value]
    net = on_meta(MatrixGameNet, config.network).to(dtype)
    rings = net.rings(token_grid(config), "meta", dtype)
    image = (CONSTANT_FROM + 1) * (MASK_CHANNELS + config.vae.latent_channels) * area(config) * bytes_per_value
    tiny = decoder == "tiny"
    made = on_meta(TinyDecoder, config.tiny_widths) if tiny else on_meta(VaeDecoder, config.vae)
    latent = (1, config.vae.latent_channels, 1, *config.latent_size)
    wide, remembered, drawing = decoding(made, latent, dtype, tiled=not tiny)
    return Sizes(
        blocks=blocks_by_precision(net.blocks, bytes_per_value, EIGHT_BIT),
        beside=weights(net) - weights(net.blocks),
        caches=rings.bytes + config.network.layers * sum(part.nbytes for part in context(config, dtype)) + image,
        passing=passing(net, config, rings, dtype),
        decoder=wide,
        remembered=remembered,
        drawing=drawing,
        encoders=encoding(config, dtype),
    )


def token_grid(config: MatrixGameConfig) -> tuple[int, int]:
    return config.latent_size[0] // PATCH[0], config.latent_size[1] // PATCH[1]


def area(config: MatrixGameConfig) -> int:
    return config.latent_size[0] * config.latent_size[1]


def context(config: MatrixGameConfig, dtype: torch.dtype) -> KeysValues:
    """What one layer's cross-attention sees."""
    shape = (1, config.network.heads, config.clip.tokens, config.network.dim // config.network.heads)
    return torch.empty(shape, dtype=dtype, device="meta"), torch.empty(shape, dtype=dtype, device="meta")


def passing(net: MatrixGameNet, config: MatrixGameConfig, rings: Rings, dtype: torch.dtype) -> int:
    """The peak of a pass over a full window: that of its dearest block, and the tokens that go through."""
    network, actions = config.network, config.network.actions
    for _ in range(1 + network.window // network.chunk):
        rings.stage(network.chunk)
        rings.commit()
    rings.stage(network.chunk)

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(network.chunk, *shape, dtype=dtype, device="meta")

    mouse = empty(actions.rows * actions.mouse_dim) if actions.mouse_dim else None
    told = ActionWindows(empty(actions.rows, actions.keyboard_dim), mouse)
    # Back ends keep no scores of all queries and keys; what comes out is all that they make.
    run = Pass(rings, [context(config, dtype)] * network.layers, lambda q, k, v: torch.empty_like(q), told)
    rows, columns = token_grid(config)
    tokens, modulation = empty(rows * columns, network.dim), empty(6, network.dim)
    kinds = {weights(block): number for number, block in enumerate(net.blocks)}
    peaks = (
        peak_bytes(lambda number=number: net.blocks[number](tokens, modulation, run.layer(number)))
        for number in kinds.values()
    )
    return max(peaks) + 2 * tokens.nbytes


def encoding(config: MatrixGameConfig, dtype: torch.dtype) -> int:
    """The dearer one of the two encoders, which are there one after the other, at its peak."""
    picture = torch.empty(1, 3, config.height, config.width, dtype=dtype, device="meta")
    vae, clip = on_meta(VaeEncoder, config.vae).to(dtype), on_meta(ClipImageEncoder, config.clip).to(dtype)

    def frames() -> Iterator[torch.Tensor]:
        yield picture.unsqueeze(2)
        for _ in range(2):
            yield picture.new_zeros(1, 3, 4, *picture.shape[2:])

    return max(
        weights(vae) + peak_bytes(lambda: list(vae.encode(frames()))), weights(clip) + peak_bytes(lambda: clip(picture))
    )
