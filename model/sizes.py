"""How much memory the parts of a world take, before any of it is loaded: counted on the meta device. Torch only.

Weights and caches are counted exactly, in the sizes of the configuration. What is computed is counted as torch's own
operations make it (model/footprint.py): kernels' workspaces are not in it, and compiled passes take less.
"""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn as nn

from compile.fp8 import quantise
from compile.host_weights import weights_of
from model.footprint import peak_bytes
from model.memory import Memory
from model.tiles import TiledDecoder

NAMES = {2: "bf16", 4: "fp32"}  # precisions by bytes per value
TYPES = {2: torch.bfloat16, 4: torch.float32}
TILES = (1, 2, 4)  # beyond, what tiles remember grows by as much as what they compute shrinks


def weights(module: nn.Module) -> int:
    """Bytes of a module's weights, those of 8 bits among them, which are no parameters; shared ones count once."""
    found = {id(each): each.nbytes for part in module.modules() for _, each in weights_of(part) if each is not None}
    return sum(found.values())


def each(blocks: nn.ModuleList) -> tuple[int, ...]:
    return tuple(weights(block) for block in blocks)


def blocks_by_precision(blocks: nn.ModuleList, bytes_per_value: int, eight_bit: tuple[str, ...]) -> dict:
    """Bytes of every block by precision; eight_bit: the layers of a block that may have 8 bits."""
    small = quantised(blocks, eight_bit)
    return {NAMES[bytes_per_value]: each(blocks), "fp8": small, "int8": small}


def quantised(blocks: nn.ModuleList, eight_bit: tuple[str, ...]) -> tuple[int, ...]:
    """Bytes of the blocks with 8-bit weights where those may be, scales included."""
    kinds = {weights(block): deepcopy(block) for block in blocks}  # blocks of one size are alike
    for block in kinds.values():
        quantise(block, eight_bit)
    return tuple(weights(kinds[size]) for size in each(blocks))


def decoding(
    decoder: nn.Module, latent: tuple[int, ...], dtype: torch.dtype, tiled: bool = True
) -> tuple[int, dict[int, int], dict[int, int]]:
    """A decoder's weights, and by the number of tiles what it remembers and the peak of what it computes.

    decoder: on the meta device; latent: the shape of what it is given; tiled: whether it can draw in tiles.
    """
    made = decoder.to(dtype)
    given = torch.empty(latent, dtype=dtype, device="meta")
    remembered, drawing = {}, {}
    for tiles in TILES if tiled else (1,):
        each_decoder, memory = made if tiles == 1 else TiledDecoder(made, tiles), Memory()
        with torch.inference_mode():
            for _ in range(2):  # all that is ever remembered is there after two
                each_decoder.decode(given, memory)
        drawing[tiles] = peak_bytes(lambda decoder=each_decoder, memory=memory: decoder.decode(given, memory))
        remembered[tiles] = sum(frames.nbytes for frames in memory.frames.values())
    return weights(made), remembered, drawing
