"""The layers of the Wan 2.1 video VAE, with the official names: causal in time, each with its part of a Memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.attention import sdpa
from model.memory import Memory


class CausalConv(nn.Conv3d):
    """A convolution that sees the present and the past: frames before the first are zeros."""

    name = ""  # the layer's key in a Memory, set by `name_layers`

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int] = (3, 3, 3)) -> None:
        super().__init__(inputs, outputs, kernel, padding=(0, kernel[1] // 2, kernel[2] // 2))
        self.past = kernel[0] - 1

    def forward(self, x: torch.Tensor, memory: Memory | None = None) -> torch.Tensor:
        """[B, C, T, h, w] to as many frames; `memory` is read and brought up to date."""
        if self.past == 0:
            return super().forward(x)
        before = memory.recall(self.name, (*x.shape[:2], self.past, *x.shape[3:]), x)
        joined = torch.cat([before, x], 2)
        memory.keep(self.name, joined[:, :, -self.past :])
        return super().forward(joined)


class ChannelNorm(nn.Module):
    """x / |x| over the channels, times sqrt(channels) and a learnt gain; `dims` is the input's without batch."""

    def __init__(self, channels: int, dims: int = 4) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(channels, *[1] * (dims - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1) * (x.shape[1] ** 0.5 * self.gamma)


class NormSilu(ChannelNorm):
    """The norm, and SiLU behind it, as a layer of a row."""

    def forward(self, x: torch.Tensor, memory: Memory | None = None) -> torch.Tensor:
        return F.silu(super().forward(x))


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, twice, beside the input; the official names are those of a sequence of seven."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.ModuleDict(
            {
                "0": NormSilu(inputs),
                "2": CausalConv(inputs, outputs),
                "3": NormSilu(outputs),
                "6": CausalConv(outputs, outputs),
            }
        )
        self.shortcut = CausalConv(inputs, outputs, (1, 1, 1)) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = x
        for layer in self.residual.values():
            y = layer(y, memory)
        return self.shortcut(x) + y


class NamedBlock(nn.Module):
    """The same block with a name for each layer, as other checkpoints have it. conv: makes its 3x3x3 convolutions."""

    def __init__(self, inputs: int, outputs: int, conv: Callable[[int, int], nn.Module] = CausalConv) -> None:
        super().__init__()
        self.norm1, self.conv1 = NormSilu(inputs), conv(inputs, outputs)
        self.norm2, self.conv2 = NormSilu(outputs), conv(outputs, outputs)
        self.conv_shortcut = CausalConv(inputs, outputs, (1, 1, 1)) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        y = self.conv1(self.norm1(x), memory)
        return self.conv_shortcut(x) + self.conv2(self.norm2(y), memory)


class FrameAttention(nn.Module):
    """One head over the positions of each frame by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels, dims=3)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        frames = x.transpose(1, 2).flatten(0, 1)  # [B * T, C, h, w]
        q, k, v = self.to_qkv(self.norm(frames)).flatten(2).transpose(1, 2).unsqueeze(1).chunk(3, -1)
        out = self.proj(sdpa(q, k, v).squeeze(1).transpose(1, 2).unflatten(2, frames.shape[2:]))
        return x + out.unflatten(0, (x.shape[0], -1)).transpose(1, 2)


def per_frame(layers: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Apply layers for pictures [N, C, h, w] to every frame of x [B, C, T, h, w]."""
    y = layers(x.transpose(1, 2).flatten(0, 1))
    return y.unflatten(0, (x.shape[0], -1)).transpose(1, 2)


class Downsample(nn.Module):
    """Half the size; in time too where `temporal`, for which the first frame of a clip passes alone."""

    name = ""

    def __init__(self, channels: int, temporal: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2))
        self.time_conv = nn.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1)) if temporal else None

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        x = per_frame(self.resample, x)
        if self.time_conv is None:
            return x
        before = memory.recall(self.name, x[:, :, :1].shape, x)
        joined = torch.cat([before, x], 2)
        memory.keep(self.name, joined[:, :, -1:])
        return self.time_conv(joined) if memory.begun else x


class Upsample(nn.Module):
    """Twice the size; twice the frames too where `temporal`, but for a clip's first latent."""

    growth = 2

    def __init__(self, inputs: int, outputs: int, temporal: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.time_conv = CausalConv(inputs, 2 * inputs, (3, 1, 1)) if temporal else None

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        if self.time_conv is not None and memory.begun:
            # The first half of the channels is the earlier one of two frames. The first latent is not in the history.
            halves = self.time_conv(x, memory).unflatten(1, (2, -1))
            x = halves.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        return per_frame(self.resample, x)


class Head(nn.ModuleDict):
    """Norm, SiLU, convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__({"0": NormSilu(inputs), "2": CausalConv(inputs, outputs)})

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        return self["2"](self["0"](x), memory)


def middle(channels: int) -> nn.ModuleList:
    return nn.ModuleList(
        [ResidualBlock(channels, channels), FrameAttention(channels), ResidualBlock(channels, channels)]
    )
