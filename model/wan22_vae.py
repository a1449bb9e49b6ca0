"""The video VAE of Wan 2.2 TI2V-5B: encoder and decoder as causal streams, with the names of diffusers. Torch only.

16x16 in space, 4 in time, 48 channels; the first latent frame is one video frame alone. Beside Wan 2.1's
(model/wan_vae.py) it works on patches of 2x2 pixels, and every level has a shortcut. HY-WorldPlay's 5B variant speaks
its latents. Published configuration: Wan-AI/Wan2.2-TI2V-5B-Diffusers, vae/config.json.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn

from model.layout import Layout
from model.memory import Memory, name_layers
from model.picture_config import Wan22VaeConfig
from model.stream import StreamDecoder, StreamEncoder, per_channel
from model.wan22_vae_layers import DownBlock, Middle, Patches, UpBlock, patched
from model.wan_vae_layers import CausalConv, NormSilu

# The file holds both halves; each is loaded by itself.
ENCODER_LAYOUT = Layout(unused=("decoder.*", "post_quant_conv.*"))
DECODER_LAYOUT = Layout(unused=("encoder.*", "quant_conv.*"))

PATCH = 2  # rows and columns of pixels that go in as channels
COLOURS = 3


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
