"""Rotary position embeddings (RoFormer, Su et al. 2021) for every family. Torch only; no table that ends.

Angles are computed on demand in float64 from whatever positions are asked for, so that a walk may last as long as it
likes. A head's channels are split among the axes (time, row, column); each axis turns its pairs at its own frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

Table = tuple[torch.Tensor, torch.Tensor]  # cos and sin, float32 [tokens, channels / 2]


@dataclass(frozen=True)
class Axes:
    """How many channels of a head turn with each axis, and the base of the frequencies."""

    channels: tuple[int, ...]
    theta: float = 10000.0

    @classmethod
    def wan(cls, head_dim: int) -> Axes:
        """Wan's split of a head among time, rows and columns: what is left over by three even parts is time's."""
        part = 2 * (head_dim // 6)
        return cls((head_dim - 2 * part, part, part))

    def angles(self, axis: int, positions: Sequence[float], device: torch.device | str = "cpu") -> torch.Tensor:
        """float64 [positions, channels / 2] in radians: position p turns pair i by p * theta^(-2i / channels)."""
        channels = self.channels[axis]
        frequency = self.theta ** (-torch.arange(0, channels, 2, dtype=torch.float64, device=device) / channels)
        # Nobody waits here for what the device was given before.
        at = torch.tensor(positions, dtype=torch.float64).to(device, non_blocking=True)
        return at[:, None] * frequency

    def grid(self, frames: Sequence[float], rows: int, columns: int, device: torch.device | str = "cpu") -> Table:
        """The table of the tokens of `frames` (their positions in time), in the order frame, row, column."""
        parts = [self.angles(axis, at, device) for axis, at in enumerate((frames, range(rows), range(columns)))]
        shape = (len(frames), rows, columns)
        spread = [
            part.view(*(len(part) if axis == own else 1 for axis in range(3)), part.shape[1]).expand(*shape, -1)
            for own, part in enumerate(parts)
        ]
        return table(torch.cat(spread, -1).flatten(0, 2))

    def line(self, frames: Sequence[float], device: torch.device | str = "cpu") -> Table:
        """The table of one token per frame, turned by time alone: the other axes' channels are left as they are."""
        return table(self.angles(0, frames, device))


def table(angles: torch.Tensor) -> Table:
    return angles.cos().float(), angles.sin().float()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn adjacent pairs (0, 1), (2, 3), ... of x [..., tokens, head_dim]; channels past the table's stay.

    Computed in float32 whatever x is; the result has x's dtype.
    """
    if torch.onnx.is_in_onnx_export():
        return _rotate_exported(x, cos, sin)
    turned = 2 * cos.shape[-1]
    pairs = x[..., :turned].float().unflatten(-1, (-1, 2))
    first, second = pairs[..., 0], pairs[..., 1]
    rotated = torch.stack([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2).to(x.dtype)
    return rotated if turned == x.shape[-1] else torch.cat([rotated, x[..., turned:]], -1)


def _rotate_exported(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """`rotate` to the same bits, without taking channels apart: x * cos + swapped pairs * (-sin, sin).

    TensorRT for RTX 1.7 crashes while it compiles two caches whose keys were put together of halves.
    """
    rest = x.shape[-1] // 2 - cos.shape[-1]
    cos, sin = F.pad(cos, (0, rest), value=1.0), F.pad(sin, (0, rest))
    cos, sin = torch.stack([cos, cos], -1).flatten(-2), torch.stack([-sin, sin], -1).flatten(-2)
    whole = x.float()
    swapped = whole.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return (whole * cos + swapped * sin).to(x.dtype)


def rotate_halves(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn pairs (i, i + head_dim / 2) of x [..., tokens, head_dim] in x's own dtype: the embedded world's layout."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
