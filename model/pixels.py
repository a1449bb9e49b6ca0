"""Sizes changed without parameters: pixels into channels and back, channels fewer and more. Torch only.

A block of pixels is frames x 2 x 2 of them. In which order they and the channels then lie, families differ.
"""

from __future__ import annotations

import torch


def apart(x: torch.Tensor, frames: int = 1) -> torch.Tensor:
    """[B, C, T * frames, 2h, 2w] to [B, C, frames, 2, 2, T, h, w]: frame, row and column in the block."""
    x = x.unflatten(4, (-1, 2)).unflatten(3, (-1, 2)).unflatten(2, (-1, frames))
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6)


def together(blocks: torch.Tensor) -> torch.Tensor:
    """[B, C, frames, 2, 2, T, h, w] to [B, C, T * frames, 2h, 2w]: what `apart` took apart."""
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(6, 7).flatten(4, 5).flatten(2, 3)


def repeated(x: torch.Tensor, channels: int) -> torch.Tensor:
    """Every channel as often in place as makes `channels`."""
    return x.repeat_interleave(channels // x.shape[1], 1)


def averaged(x: torch.Tensor, channels: int) -> torch.Tensor:
    """The means of neighbouring channels, so many together as leaves `channels`."""
    return x.unflatten(1, (channels, -1)).mean(2)
