"""What the Wan 2.2 video VAE has beside the layers of Wan 2.1: shortcuts around its levels, and patches. Torch only.

The names are diffusers'. A shortcut has no parameters: it lays a block's pixels into channels, or channels into pixels,
a channel first, then its frame, row and column, and averages or repeats neighbours to the number that is wanted.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.memory import Memory
from model.pixels import apart, averaged, repeated, together
from model.wan_vae_layers import Downsample, FrameAttention, NamedBlock, Upsample


class DownBlock(nn.Module):
    """A level of the encoder. `temporal`: whether it halves time besides space, None where it halves nothing."""

    def __init__(self, inputs: int, outputs: int, blocks: int, temporal: bool | None) -> None:
        super().__init__()
        self.outputs = outputs
        self.resnets = nn.ModuleList(NamedBlock(outputs if block else inputs, outputs) for block in range(blocks))
        self.downsampler = None if temporal is None else Downsample(outputs, temporal)
        self.frames = 2 if temporal else 1

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = x
        for layer in self.resnets:
            y = layer(y, memory)
        if self.downsampler is None:
            return y + averaged(x, self.outputs)
        y = self.downsampler(y, memory)
        # A clip's first frame, alone in its block, comes after one of zeros.
        x = F.pad(x, (0, 0, 0, 0, x.shape[2] % self.frames, 0))
        return y + averaged(apart(x, self.frames).flatten(1, 4), self.outputs)


class UpBlock(nn.Module):
    """A level of the decoder. `temporal`: whether it doubles time besides space, None where it doubles nothing."""

    def __init__(self, inputs: int, outputs: int, blocks: int, temporal: bool | None) -> None:
        super().__init__()
        self.outputs = outputs
        self.resnets = nn.ModuleList(NamedBlock(outputs if block else inputs, outputs) for block in range(blocks))
        self.upsampler = None if temporal is None else Upsample(outputs, outputs, temporal)
        self.frames = 2 if temporal else 1
        # Two 3x3x3 convolutions per block, at half the size where there is one more at the full size.
        self.growth, self.reach = (1, 2 * blocks) if temporal is None else (2, 4 * blocks + 1)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = x
        for layer in self.resnets:
            y = layer(y, memory)
        if self.upsampler is None:
            return y
        first = not memory.begun
        y = self.upsampler(y, memory)
        blocks = repeated(x, self.outputs * self.frames * 4).unflatten(1, (self.outputs, self.frames, 2, 2))
        # A clip's first latent is one frame: the last of its block.
        return y + together(blocks[:, :, -1:] if first else blocks)


class Middle(nn.ModuleDict):
    """Block, attention within each frame, block."""

    def __init__(self, channels: int) -> None:
        blocks = nn.ModuleList(NamedBlock(channels, channels) for _ in range(2))
        super().__init__({"attentions": nn.ModuleList([FrameAttention(channels)]), "resnets": blocks})

    @property
    def row(self) -> list[nn.Module]:
        first, last = self["resnets"]
        return [first, *self["attentions"], last]


class Patches(nn.Module):
    """Channels to pixels at the very end: a colour first, then its column and row in a patch of 2x2."""

    growth = 2

    def forward(self, x: torch.Tensor, memory: Memory | None = None) -> torch.Tensor:
        return together(x.unflatten(1, (-1, 1, 2, 2)).transpose(3, 4))


def patched(frames: torch.Tensor) -> torch.Tensor:
    """[B, C, T, 2h, 2w] to [B, 4 * C, T, h, w]: the inverse of `Patches`."""
    return apart(frames).transpose(3, 4).flatten(1, 4)
