"""The Wan 2.1 video VAE: encoder and decoder as causal streams, with the official names. Torch only.

8x8 in space, 4 in time; the first latent frame is one video frame alone. Both halves go over a clip step by step and
keep the last frames that each causal convolution saw, so results are the same to the bit however a clip is split, and
a walk may last for ever. Wan Team 2025, "Wan: Open and Advanced Large-Scale Video Generative Models", sec. 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn

from model.memory import Memory, name_layers
from model.picture_config import VaeConfig
from model.stream import StreamDecoder, StreamEncoder, per_channel
from model.wan_vae_layers import CausalConv, Downsample, Head, ResidualBlock, Upsample, middle


class Encoder(nn.Module):
    """Frames [B, 3, T, H, W] in [-1, 1] to moments [B, 2 * latent_channels, T', H / 8, W / 8], T of 1 or 4."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiplier for multiplier in (1, *config.multipliers)]
        self.conv1 = CausalConv(3, widths[0])
        self.downsamples = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            for block in range(config.blocks):
                self.downsamples.append(ResidualBlock(outputs if block else inputs, outputs))
            if level < len(config.temporal):
                self.downsamples.append(Downsample(outputs, config.temporal[level]))
        self.middle = middle(widths[-1])
        self.head = Head(widths[-1], 2 * config.latent_channels)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        for layer in [self.conv1, *self.downsamples, *self.middle, self.head]:
            x = layer(x, memory)
        return x


class Decoder(nn.Module):
    """The layers from one latent frame [B, latent_channels, 1, h, w] to its video frames [B, 3, 1 or 4, 8h, 8w]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiplier for multiplier in (config.multipliers[-1], *config.multipliers[::-1])]
        self.conv1 = CausalConv(config.latent_channels, widths[0])
        self.middle = middle(widths[0])
        self.upsamples = nn.ModuleList()
        temporal = config.temporal[::-1]
        for level, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            inputs = inputs // 2 if level else inputs  # an upsampling halves the channels
            for block in range(config.blocks + 1):
                self.upsamples.append(ResidualBlock(outputs if block else inputs, outputs))
            if level < len(temporal):
                self.upsamples.append(Upsample(outputs, outputs // 2, temporal[level]))
        self.head = Head(widths[-1], 3)


class VaeEncoder(StreamEncoder):
    """The encoding half, which is only needed at the start of a walk. Its file's other half is `VaeDecoder`."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.conv1 = CausalConv(2 * config.latent_channels, 2 * config.latent_channels, (1, 1, 1))
        name_layers(self)

    def latents(self, frames: torch.Tensor, memory: Memory) -> torch.Tensor:
        config = self.config
        mean = self.conv1(self.encoder(frames, memory))[:, : config.latent_channels]
        return (mean - per_channel(config.mean, mean)) / per_channel(config.std, mean)


class VaeDecoder(StreamDecoder):
    """The decoding half, latent frame by latent frame."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        self.conv2 = CausalConv(config.latent_channels, config.latent_channels, (1, 1, 1))
        name_layers(self)

    def raw(self, latent: torch.Tensor) -> torch.Tensor:
        return self.conv2(latent * per_channel(self.config.std, latent) + per_channel(self.config.mean, latent))

    @property
    def row(self) -> Sequence[nn.Module]:
        layers = self.decoder
        return [layers.conv1, *layers.middle, *layers.upsamples, layers.head]
