"""The HunyuanVideo-1.5 video VAE: encoder and decoder as causal streams, with the official names. Torch only.

16x16 in space, 4 in time, 32 channels; the first latent frame is one video frame alone. As the release streams it, the
middle attention sees one latent frame at a time. HY-WorldPlay's 8B model speaks its latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn

from model.hunyuan_vae_layers import Downsample, Entrance, MiddleAttention, ReplicatedConv, Upsample
from model.layout import Layout
from model.memory import Memory, name_layers
from model.picture_config import HunyuanVaeConfig
from model.pixels import averaged
from model.stream import StreamDecoder, StreamEncoder
from model.wan_vae_layers import NamedBlock, NormSilu

# The file holds both halves; each is loaded by itself.
ENCODER_LAYOUT, DECODER_LAYOUT = Layout(unused=("decoder.*",)), Layout(unused=("encoder.*",))


def levels(channels: Sequence[int], blocks: int, resamplers: dict[str, list[nn.Module]]) -> nn.ModuleList:
    """`blocks` residual blocks per level, and behind its first levels a resampler, under the given name."""
    found = nn.ModuleList()
    for level, width in enumerate(channels):
        block = nn.ModuleList(NamedBlock(width, width, ReplicatedConv) for _ in range(blocks))
        behind = {name: made[level] for name, made in resamplers.items() if level < len(made)}
        found.append(nn.ModuleDict({"block": block, **behind}))
    return found


def flat(modules: nn.ModuleList) -> list[nn.Module]:
    """The layers of all levels, in order."""
    return [layer for level in modules for layer in (*level["block"], *list(level.values())[1:])]


def middle(channels: int) -> nn.ModuleDict:
    first, second = (NamedBlock(channels, channels, ReplicatedConv) for _ in range(2))
    return nn.ModuleDict({"block_1": first, "attn_1": MiddleAttention(channels), "block_2": second})


class Encoder(nn.Module):
    """Frames [B, 3, T, H, W] in [-1, 1] to moments [B, 2 * latent_channels, 1, H / 16, W / 16], T of 1 or 4."""

    def __init__(self, config: HunyuanVaeConfig) -> None:
        super().__init__()
        widths, last = config.channels, config.channels[-1]
        sizes = zip(widths, widths[1:], config.temporal, strict=False)
        self.conv_in = ReplicatedConv(3, widths[0])
        self.down = levels(widths, config.blocks, {"downsample": [Downsample(*size) for size in sizes]})
        self.mid = middle(last)
        self.norm_out = NormSilu(last)
        self.conv_out = ReplicatedConv(last, 2 * config.latent_channels)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        for layer in [self.conv_in, *flat(self.down), *self.mid.values()]:
            x = layer(x, memory)
        y = self.conv_out(self.norm_out(x), memory)
        return y + averaged(x, y.shape[1])


class Decoder(nn.Module):
    """The layers from one latent frame [B, latent_channels, 1, h, w] to its video frames [B, 3, 1 or 4, 16h, 16w]."""

    def __init__(self, config: HunyuanVaeConfig) -> None:
        super().__init__()
        widths = config.channels[::-1]
        sizes = zip(widths, widths[1:], config.temporal[::-1], strict=False)
        self.conv_in = Entrance(config.latent_channels, widths[0])
        self.mid = middle(widths[0])
        self.up = levels(widths, config.blocks + 1, {"upsample": [Upsample(*size) for size in sizes]})
        self.norm_out = NormSilu(widths[-1])
        self.conv_out = ReplicatedConv(widths[-1], 3)


class HunyuanVaeEncoder(StreamEncoder):
    """The encoding half, which is only needed at the start of a walk. Its file's other half is `HunyuanVaeDecoder`."""

    def __init__(self, config: HunyuanVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        name_layers(self)

    def latents(self, frames: torch.Tensor, memory: Memory) -> torch.Tensor:
        return self.encoder(frames, memory)[:, : self.config.latent_channels] * self.config.scaling


class HunyuanVaeDecoder(StreamDecoder):
    """The decoding half, latent frame by latent frame."""

    def __init__(self, config: HunyuanVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        name_layers(self)

    def raw(self, latent: torch.Tensor) -> torch.Tensor:
        return latent / self.config.scaling

    @property
    def row(self) -> Sequence[nn.Module]:
        layers = self.decoder
        return [layers.conv_in, *layers.mid.values(), *flat(layers.up), layers.norm_out, layers.conv_out]
