"""The video VAE of Wan 2.2 TI2V-5B: encoder and decoder as causal streams, with the names of diffusers. Torch only.

16x16 in space, 4 in time, 48 channels; the first latent frame is one video frame alone. Beside Wan 2.1's
(model/wan_vae.py) it works on patches of 2x2 pixels, and every level has a shortcut. HY-WorldPlay's 5B variant speaks
its latents. Published configuration: Wan-AI/Wan2.2-TI2V-5B-Diffusers, vae/config.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn

from model.checkpoint import Layout
from model.memory import Memory, name_layers
from model.stream import StreamDecoder, StreamEncoder, per_channel
from model.wan22_vae_layers import DownBlock, Middle, Patches, UpBlock, patched
from model.wan_vae_layers import CausalConv, NormSilu

# The file holds both halves; each is loaded by itself.
ENCODER_LAYOUT = Layout(unused=("decoder.*", "post_quant_conv.*"))
DECODER_LAYOUT = Layout(unused=("encoder.*", "quant_conv.*"))

PATCH = 2  # rows and columns of pixels that go in as channels
COLOURS = 3

# Per channel, over the training set of Wan 2.2: latents are normalised with them.
MEAN = (-0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891)
MEAN += (0.157, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502)
MEAN += (-0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.123, -0.0313, -0.1649, 0.0117, 0.0723)
MEAN += (-0.2839, -0.2083, -0.052, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667)
STD = (0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.499, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901)
STD += (0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659)
STD += (0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944)
STD += (0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.06, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744)


@dataclass(frozen=True)
class Wan22VaeConfig:
    """Channels of a level are width (or decoder_width) * multiplier; `temporal` says which levels halve time as well.

    blocks: the encoder's; a level of the decoder has one more.
    """

    width: int = 160
    decoder_width: int = 256
    latent_channels: int = 48
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    def __post_init__(self) -> None:
        if len(self.temporal) != len(self.multipliers) - 1:
            raise ValueError(f"{len(self.temporal)} halvings do not fit between {len(self.multipliers)} levels")
        if not len(self.mean) == len(self.std) == self.latent_channels:
            raise ValueError(
                f"{len(self.mean)} means and {len(self.std)} deviations of {self.latent_channels} channels"
            )


class Encoder(nn.Module):
    """Patches [B, 12, T, H / 2, W / 2] to moments [B, 2 * latent_channels, 1, H / 16, W / 16], T of 1 or 4."""

    def __init__(self, config: Wan22VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiplier for multiplier in (1, *config.multipliers)]
        sizes = zip(widths, widths[1:], (*config.temporal, None), strict=False)
        self.conv_in = CausalConv(COLOURS * PATCH**2, widths[0])
        self.down_blocks = nn.ModuleList(
            DownBlock(inputs, outputs, config.blocks, temporal) for inputs, outputs, temporal in sizes
        )
        self.mid_block = Middle(widths[-1])
        self.norm_out = NormSilu(widths[-1])
        self.conv_out = CausalConv(widths[-1], 2 * config.latent_channels)

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        for layer in [self.conv_in, *self.down_blocks, *self.mid_block.row, self.norm_out, self.conv_out]:
            x = layer(x, memory)
        return x


class Decoder(nn.Module):
    """The layers from one latent frame [B, latent_channels, 1, h, w] to its video frames [B, 3, 1 or 4, 16h, 16w]."""

    def __init__(self, config: Wan22VaeConfig) -> None:
        super().__init__()
        multipliers = (config.multipliers[-1], *config.multipliers[::-1])
        widths = [config.decoder_width * multiplier for multiplier in multipliers]
        sizes = zip(widths, widths[1:], (*config.temporal[::-1], None), strict=False)
        self.conv_in = CausalConv(config.latent_channels, widths[0])
        self.mid_block = Middle(widths[0])
        self.up_blocks = nn.ModuleList(
            UpBlock(inputs, outputs, config.blocks + 1, temporal) for inputs, outputs, temporal in sizes
        )
        self.norm_out = NormSilu(widths[-1])
        self.conv_out = CausalConv(widths[-1], COLOURS * PATCH**2)
        self.patches = Patches()


class Wan22VaeEncoder(StreamEncoder):
    """The encoding half, which is only needed at the start of a walk. Its file's other half is `Wan22VaeDecoder`."""

    def __init__(self, config: Wan22VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quant_conv = CausalConv(2 * config.latent_channels, 2 * config.latent_channels, (1, 1, 1))
        name_layers(self)

    def latents(self, frames: torch.Tensor, memory: Memory) -> torch.Tensor:
        config = self.config
        mean = self.quant_conv(self.encoder(patched(frames), memory))[:, : config.latent_channels]
        return (mean - per_channel(config.mean, mean)) / per_channel(config.std, mean)


class Wan22VaeDecoder(StreamDecoder):
    """The decoding half, latent frame by latent frame."""

    def __init__(self, config: Wan22VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        self.post_quant_conv = CausalConv(config.latent_channels, config.latent_channels, (1, 1, 1))
        name_layers(self)

    def raw(self, latent: torch.Tensor) -> torch.Tensor:
        config = self.config
        return self.post_quant_conv(latent * per_channel(config.std, latent) + per_channel(config.mean, latent))

    @property
    def row(self) -> Sequence[nn.Module]:
        layers = self.decoder
        ends = (layers.norm_out, layers.conv_out, layers.patches)
        return [layers.conv_in, *layers.mid_block.row, *layers.up_blocks, *ends]
