"""The layers of the HunyuanVideo-1.5 video VAE, with the official names: causal in time, each with its part of memory.

What changes size has no parameters but one convolution: pixels become channels or channels pixels, and a shortcut does
the same to the input. In channels, a block's frame comes first, then its row and column, the channel last.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from model.attention import sdpa
from model.memory import Memory
from model.pixels import apart, averaged, repeated, together
from model.wan_vae_layers import ChannelNorm

PAST = 2  # frames that a convolution sees before the present one


class ReplicatedConv(nn.Module):
    """A 3x3x3 convolution of the present and the past. What lies beyond a border, and before a clip, repeats its edge.

    So what is remembered at a clip's beginning is its first frame twice: always as many frames, and none of them zeros.
    """

    name = ""  # the layer's key in a Memory, set by `name_layers`

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=(0, 1, 1), padding_mode="replicate")

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        """[B, C, T, h, w] to as many frames; `memory` is read and brought up to date."""
        before = memory.recall(self.name, (*x.shape[:2], PAST, *x.shape[3:]), x)
        if not memory.begun:
            before = x[:, :, :1].expand_as(before)
        joined = torch.cat([before, x], 2)
        memory.keep(self.name, joined[:, :, -PAST:])
        return self.conv(joined)


class Entrance(ReplicatedConv):
    """The decoder's first convolution, beside which the latent itself goes in, every channel many times."""

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = super().forward(x, memory)
        return y + repeated(x, y.shape[1])


class MiddleAttention(nn.Module):
    """One head over the positions of a latent frame by itself, as the release streams.

    causal: it sees all latent frames before it too, as when a clip is decoded in one piece without caches. What is
    remembered then grows, and latent frames must come one at a time.
    """

    name = ""
    causal = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv3d(channels, channels, 1) for _ in range(4))

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = self.norm(x)
        q, k, v = (part(y).permute(0, 2, 3, 4, 1).flatten(2, 3) for part in (self.q, self.k, self.v))  # [B, T, hw, C]
        if self.causal:
            kept = memory.frames.get(self.name, x.new_zeros(2, *k.shape[:2], 0, k.shape[3]))
            k, v = memory.frames[self.name] = torch.cat([kept, torch.stack([k, v])], -2)
        out = sdpa(q, k, v).unflatten(2, x.shape[3:]).permute(0, 4, 1, 2, 3)
        return x + self.proj_out(out)


class Downsample(nn.Module):
    """Half the size; in time too where `temporal`, for which the first frame of a clip passes alone."""

    def __init__(self, inputs: int, outputs: int, temporal: bool) -> None:
        super().__init__()
        self.outputs, self.temporal = outputs, temporal
        self.conv = ReplicatedConv(inputs, outputs // (8 if temporal else 4))

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        frames = 2 if self.temporal and memory.begun else 1
        y = gather(self.conv(x, memory), frames)
        if y.shape[1] < self.outputs:  # the first frame, whose block has no other
            y = torch.cat([y, y], 1)
        return y + averaged(gather(x, frames), self.outputs)


class Upsample(nn.Module):
    """Twice the size; twice the frames too where `temporal`, but for a clip's first latent."""

    growth = reach = 2  # the convolution sees one pixel of half the size, which is two

    def __init__(self, inputs: int, outputs: int, temporal: bool) -> None:
        super().__init__()
        self.outputs, self.temporal = outputs, temporal
        self.conv = ReplicatedConv(inputs, outputs * (8 if temporal else 4))

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = self.conv(x, memory)
        if not self.temporal:
            return spread(y) + spread(repeated(x, 4 * self.outputs))
        if not memory.begun:  # of two frames, the first half of the channels
            return spread(y)[:, : self.outputs] + repeated(spread(x), self.outputs)
        return spread(y, 2) + repeated(spread(x, 2), self.outputs)


def gather(x: torch.Tensor, frames: int = 1) -> torch.Tensor:
    """[B, C, T * frames, 2h, 2w] to [B, frames * 4 * C, T, h, w]."""
    return apart(x, frames).movedim(1, 4).flatten(1, 4)


def spread(x: torch.Tensor, frames: int = 1) -> torch.Tensor:
    """[B, frames * 4 * C, T, h, w] to [B, C, T * frames, 2h, 2w]."""
    return together(x.unflatten(1, (frames, 2, 2, -1)).movedim(4, 1))
