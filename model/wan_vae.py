"""The Wan 2.1 video VAE: encoder and decoder as causal streams, with the official names. Torch only.

8x8 in space, 4 in time; the first latent frame is one video frame alone. Both halves go over a clip step by step and
keep the last frames that each causal convolution saw, so results are the same to the bit however a clip is split, and
a walk may last for ever. Wan Team 2025, "Wan: Open and Advanced Large-Scale Video Generative Models", sec. 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.attention import sdpa
from model.memory import Memory, name_layers

# Per channel, over the training set of Wan 2.1: latents are normalised with them.
MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508)
MEAN += (0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)
STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743)
STD += (3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)


@dataclass(frozen=True)
class VaeConfig:
    """Channels of a level are width * multiplier; `temporal` says which encoder levels halve time as well."""

    width: int = 96
    latent_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD


class CausalConv(nn.Conv3d):
    """A convolution that sees the present and the past: frames before the first are zeros."""

    name = ""  # the layer's key in a Memory, set by `name_layers`

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1) -> None:
        padding = (0, kernel[1] // 2, kernel[2] // 2)
        super().__init__(inputs, outputs, kernel, stride=(stride, 1, 1), padding=padding)
        self.past = kernel[0] - 1

    def forward(self, x: torch.Tensor, memory: Memory | None = None) -> torch.Tensor:
        """[B, C, T, h, w] to as many frames; `memory` is read and brought up to date."""
        if self.past == 0:
            return super().forward(x)
        before = memory.recall(self.name, (*x.shape[:2], self.past, *x.shape[3:]), x)
        joined = torch.cat([before, x], 2)
        before.copy_(joined[:, :, -self.past :])
        return super().forward(joined)


class ChannelNorm(nn.Module):
    """x / |x| over the channels, times sqrt(channels) and a learnt gain; `dims` is the input's without batch."""

    def __init__(self, channels: int, dims: int = 4) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(channels, *[1] * (dims - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1) * (x.shape[1] ** 0.5 * self.gamma)


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, twice, beside the input; the official names are those of a sequence of seven."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.ModuleDict(
            {
                "0": ChannelNorm(inputs),
                "2": CausalConv(inputs, outputs, (3, 3, 3)),
                "3": ChannelNorm(outputs),
                "6": CausalConv(outputs, outputs, (3, 3, 3)),
            }
        )
        self.shortcut = CausalConv(inputs, outputs, (1, 1, 1)) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        layers = self.residual
        y = layers["2"](F.silu(layers["0"](x)), memory)
        y = layers["6"](F.silu(layers["3"](y)), memory)
        return self.shortcut(x) + y


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
        before.copy_(x[:, :, -1:])
        return self.time_conv(joined) if memory.begun else x


class Upsample(nn.Module):
    """Twice the size and half the channels; twice the frames too where `temporal`, but for a clip's first latent."""

    def __init__(self, channels: int, temporal: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest-exact"), nn.Conv2d(channels, channels // 2, 3, padding=1)
        )
        self.time_conv = CausalConv(channels, 2 * channels, (3, 1, 1)) if temporal else None

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        if self.time_conv is not None and memory.begun:
            # The first half of the channels is the earlier one of two frames. The first latent is not in the history.
            halves = self.time_conv(x, memory).unflatten(1, (2, -1))
            x = halves.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        return per_frame(self.resample, x)


def head(channels: int, outputs: int) -> nn.ModuleDict:
    return nn.ModuleDict({"0": ChannelNorm(channels), "2": CausalConv(channels, outputs, (3, 3, 3))})


def run_head(layers: nn.ModuleDict, x: torch.Tensor, memory: Memory) -> torch.Tensor:
    return layers["2"](F.silu(layers["0"](x)), memory)


def middle(channels: int) -> nn.ModuleList:
    return nn.ModuleList(
        [ResidualBlock(channels, channels), FrameAttention(channels), ResidualBlock(channels, channels)]
    )


class Encoder(nn.Module):
    """Frames [B, 3, T, H, W] in [-1, 1] to moments [B, 2 * latent_channels, T', H / 8, W / 8], T of 1 or 4."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiplier for multiplier in (1, *config.multipliers)]
        self.conv1 = CausalConv(3, widths[0], (3, 3, 3))
        self.downsamples = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            for block in range(config.blocks):
                self.downsamples.append(ResidualBlock(outputs if block else inputs, outputs))
            if level < len(config.temporal):
                self.downsamples.append(Downsample(outputs, config.temporal[level]))
        self.middle = middle(widths[-1])
        self.head = head(widths[-1], 2 * config.latent_channels)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        x = self.conv1(x, memory)
        for layer in [*self.downsamples, *self.middle]:
            x = layer(x, memory)
        return run_head(self.head, x, memory)


class Decoder(nn.Module):
    """One latent frame [B, latent_channels, 1, h, w] to its video frames [B, 3, 1 or 4, 8h, 8w]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiplier for multiplier in (config.multipliers[-1], *config.multipliers[::-1])]
        self.conv1 = CausalConv(config.latent_channels, widths[0], (3, 3, 3))
        self.middle = middle(widths[0])
        self.upsamples = nn.ModuleList()
        temporal = config.temporal[::-1]
        for level, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            inputs = inputs // 2 if level else inputs  # an upsampling halves the channels
            for block in range(config.blocks + 1):
                self.upsamples.append(ResidualBlock(outputs if block else inputs, outputs))
            if level < len(temporal):
                self.upsamples.append(Upsample(outputs, temporal[level]))
        self.head = head(widths[-1], 3)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        x = self.conv1(x, memory)
        for layer in [*self.middle, *self.upsamples]:
            x = layer(x, memory)
        return run_head(self.head, x, memory)


class VaeEncoder(nn.Module):
    """The encoding half, which is only needed at the start of a walk. Its file's other half is `VaeDecoder`."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.conv1 = CausalConv(2 * config.latent_channels, 2 * config.latent_channels, (1, 1, 1))
        name_layers(self)

    def encode(self, clip: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Normalised means [B, latent_channels, 1, h, w], one per group of frames: 1 first, then 4 at a time."""
        memory, config = Memory(), self.config
        for frames in clip:
            mean = self.conv1(self.encoder(frames, memory))[:, : config.latent_channels]
            memory.begun = True
            yield (mean - per_channel(config.mean, mean)) / per_channel(config.std, mean)


class VaeDecoder(nn.Module):
    """The decoding half, latent frame by latent frame."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        self.conv2 = CausalConv(config.latent_channels, config.latent_channels, (1, 1, 1))
        name_layers(self)

    def decode(self, latent: torch.Tensor, memory: Memory) -> torch.Tensor:
        """A normalised latent frame [B, latent_channels, 1, h, w] to frames [B, 3, 1 or 4, 8h, 8w] in [-1, 1]."""
        config = self.config
        raw = latent * per_channel(config.std, latent) + per_channel(config.mean, latent)
        frames = self.decoder(self.conv2(raw), memory).clamp(-1, 1)
        memory.begun = True
        return frames


def per_channel(values: tuple[float, ...], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1, 1)


def grouped(clip: torch.Tensor) -> Iterator[torch.Tensor]:
    """A clip [B, 3, 1 + 4n, H, W] in the groups that `encode` takes."""
    yield clip[:, :, :1]
    for start in range(1, clip.shape[2], 4):
        yield clip[:, :, start : start + 4]
