"""The smallest instance of every video VAE, with random weights, for the tests of streams, tiles and graphs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matrix_fixtures import random_weights

from model.checkpoint import fill, on_meta
from model.hunyuan_vae import HunyuanVaeDecoder, HunyuanVaeEncoder
from model.memory import Memory
from model.picture_config import HunyuanVaeConfig, VaeConfig, Wan22VaeConfig
from model.wan22_vae import Wan22VaeDecoder, Wan22VaeEncoder
from model.wan_vae import VaeDecoder, VaeEncoder


@dataclass(frozen=True)
class Kind:
    """Both halves of a VAE, its official and a tiny size, and how many pixels a latent pixel is across.

    Of the tiny decoder: how many layers remember something after the first latent and after the second, and the halo of
    a tile, in pixels of its first tiled layer.
    """

    encoder: type
    decoder: type
    official: object
    tiny: object
    scale: int
    layers: tuple[int, int]
    halo: int

    @property
    def channels(self) -> int:
        return self.tiny.latent_channels

    def half(self, cls: type) -> torch.nn.Module:
        module = on_meta(cls, self.tiny)
        return fill(module, random_weights(module), "random weights", "cpu", torch.float32)

    def walk(self, frames: int, rows: int, columns: int) -> torch.Tensor:
        """Random latents [1, C, frames, rows, columns]."""
        return torch.randn(1, self.channels, frames, rows, columns, generator=torch.Generator().manual_seed(5))


KINDS = {
    "wan-2.1": Kind(VaeEncoder, VaeDecoder, VaeConfig(), VaeConfig(width=4), 8, (30, 32), 12),
    "wan-2.2": Kind(
        Wan22VaeEncoder,
        Wan22VaeDecoder,
        Wan22VaeConfig(),
        Wan22VaeConfig(2, 4, 6, (1, 1, 2, 2), 1, mean=(0.1,) * 6, std=(0.9,) * 6),
        16,
        (22, 24),
        8,
    ),
    "hunyuan": Kind(
        HunyuanVaeEncoder,
        HunyuanVaeDecoder,
        HunyuanVaeConfig(),
        HunyuanVaeConfig((8, 8, 8, 16, 16), 4, 1),
        16,
        (30, 30),
        10,
    ),
}


@torch.inference_mode()
def decode(decoder: torch.nn.Module, latents: torch.Tensor, memory: Memory) -> torch.Tensor:
    """All frames of a walk, decoded latent by latent."""
    return torch.cat([decoder.decode(latent, memory) for latent in latents.split(1, 2)], 2)
