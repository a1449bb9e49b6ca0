"""A video VAE's decoder in spatial tiles: the same pictures up to rounding, for less memory at a time. Torch only.

What runs at the latent's own size (the middle, whose attention sees the whole frame, and the first level) is cheap and
runs whole; the other levels and the head run tile by tile. Before every layer a tile is cut down to what its own pixels
will still see: with Wan 2.1 a halo of 12 pixels at the first tiled layer, of one at the head, and nowhere wider than
the receptive field. (A level of Wan 2.2 is one layer, since its shortcut goes around it; so its halo narrows level by
level.) What a tile's border pads is always cut off later, so nothing is blended.

Only what is computed gets smaller. What the layers remember is kept per tile, halo included: a little more than without
tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn as nn

from model.memory import Memory
from model.stream import StreamDecoder
from runtime.errors import UserError

Span = tuple[int, int]  # first pixel and the one behind the last, along one axis


def reach(layer: nn.Module) -> int:
    """Pixels that an output pixel sees to each side, in pixels of the output: a layer's convolutions are in a row.

    They are all of the output's size where the layer has no `reach` that says otherwise.
    """
    if hasattr(layer, "reach"):
        return layer.reach
    convolutions = (part for part in layer.modules() if isinstance(part, nn.Conv2d | nn.Conv3d))
    return sum(max(convolution.kernel_size[-2:]) // 2 for convolution in convolutions)


def growth(layer: nn.Module) -> int:
    """How many times larger a layer's output is in space."""
    return getattr(layer, "growth", 1)


def seen(layer: nn.Module, span: Span, size: int) -> Span:
    """What `layer` must be given, of an axis of `size` pixels, to be right in `span` of its output."""
    start, stop = span[0] - reach(layer), span[1] + reach(layer)
    return max(0, start // growth(layer)), min(size, -(-stop // growth(layer)))


def spans(layers: Sequence[nn.Module], core: Span, size: int) -> list[Span]:
    """What each layer is given along one axis, and last what is drawn, for the latent pixels `core` of `size`."""
    sizes = [size]
    for layer in layers:
        sizes.append(sizes[-1] * growth(layer))
    scale = sizes[-1] // size
    found = [(core[0] * scale, core[1] * scale)]
    for layer, before in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
        found.append(seen(layer, found[-1], before))
    return found[::-1]


def crops(layers: Sequence[nn.Module], core: Span, size: int) -> list[slice]:
    """`spans` as slices: the first of the whole axis, each other one of what the layer before it gives."""
    origin, found = 0, []
    for (start, stop), factor in zip(spans(layers, core, size), [*map(growth, layers), 1], strict=True):
        found.append(slice(start - origin, stop - origin))
        origin = start * factor
    return found


def grid_of(tiles: int, rows: int, columns: int) -> tuple[int, int]:
    """Tiles down and across a latent frame of `rows` x `columns`, such that the largest tile is as small as can be."""
    fitting = [(down, tiles // down) for down in range(1, tiles + 1) if tiles % down == 0]
    fitting = [(down, across) for down, across in fitting if down <= rows and across <= columns]
    if not fitting:
        raise ValueError(f"{tiles} tiles cannot be made of {rows}x{columns} latent pixels")
    # Where activations are largest, at the full size, the halo is about a latent pixel on each side.
    return min(fitting, key=lambda grid: (-(-rows // grid[0]) + 2) * (-(-columns // grid[1]) + 2))


def cores(size: int, parts: int) -> list[Span]:
    """An axis in even parts."""
    return list(pairwise(size * part // parts for part in range(parts + 1)))


class TileMemory:
    """A tile's part of a Memory: the same layers under names of its own."""

    def __init__(self, memory: Memory, prefix: str) -> None:
        self._memory, self._prefix = memory, prefix

    @property
    def begun(self) -> bool:
        return self._memory.begun

    def recall(self, name: str, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        return self._memory.recall(self._prefix + name, shape, like)

    def keep(self, name: str, frames: torch.Tensor) -> None:
        self._memory.keep(self._prefix + name, frames)


class TiledDecoder(nn.Module):
    """A decoder that draws in `tiles`, which take turns."""

    def __init__(self, decoder: StreamDecoder, tiles: int) -> None:
        super().__init__()
        self.decoder, self.tiles = decoder, tiles
        layers = list(decoder.row)
        first = 1 + next(index for index, layer in enumerate(layers) if growth(layer) > 1)
        self.whole, self.tiled = layers[:first], layers[first:]

    def decode(self, latent: torch.Tensor, memory: Memory) -> torch.Tensor:
        """See StreamDecoder. Raises UserError where `memory` is of a walk in other tiles: that has other shapes."""
        grid = grid_of(self.tiles, *latent.shape[-2:])
        self._require_own(memory, grid)
        x = self.decoder.raw(latent)
        for layer in self.whole:
            x = layer(x, memory)
        frames = self._drawn(x, grid, memory).clamp(-1, 1)
        memory.begun = True
        return frames

    def _drawn(self, x: torch.Tensor, grid: tuple[int, int], memory: Memory) -> torch.Tensor:
        cuts = (
            [crops(self.tiled, core, size) for core in cores(size, parts)]
            for size, parts in zip(x.shape[-2:], grid, strict=True)
        )
        rows, columns = cuts
        lines = []
        for row, down in enumerate(rows):
            parts = [
                self._tile(x, down, across, TileMemory(memory, f"{named(grid)}{row}x{column}."))
                for column, across in enumerate(columns)
            ]
            lines.append(torch.cat(parts, -1))
        return torch.cat(lines, -2)

    def _tile(self, x: torch.Tensor, down: list[slice], across: list[slice], memory: TileMemory) -> torch.Tensor:
        for layer, rows, columns in zip(self.tiled, down, across, strict=False):
            x = layer(x[..., rows, columns], memory)
        return x[..., down[-1], across[-1]]

    def _require_own(self, memory: Memory, grid: tuple[int, int]) -> None:
        """Raise UserError where a walk goes on that another decoder began."""
        if memory.begun and not any(name.startswith(named(grid)) for name in memory.frames):
            what = f"the walk was begun with its pictures in other tiles than {grid[0]}x{grid[1]}"
            raise UserError(what, "", "go on with as much memory as it was begun with")


def named(grid: tuple[int, int]) -> str:
    """What the names of all tiles of a grid begin with."""
    return f"{grid[0]}x{grid[1]}."
