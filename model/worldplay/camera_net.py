"""What WorldPlay's two transformers share: how a chunk is drawn, and the cache of both branches. Torch only."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn as nn

from model.cache import Gathered
from model.layer_ring import RingShape
from model.rings import Rings
from model.rotary import Axes
from model.wan import Pass, sinusoid, unpatch
from model.worldplay.config import NetworkConfig, WanConfig


class CameraNet(nn.Module, ABC):
    """Noisy chunk, timesteps, labels and cameras to the flow: see `draw`. A kind has `config`, `blocks` and a dtype.

    blocks: the layers of a pass: they repeat, and may be compiled, streamed or quantised one by one.
    """

    config: NetworkConfig | WanConfig
    blocks: nn.ModuleList

    @property
    def seldom(self) -> nn.ModuleList:
        """Layers that run once per prompt only."""
        return nn.ModuleList()

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """That of the weights."""

    @property
    @abstractmethod
    def axes(self) -> Axes:
        """How a head turns in the rotary branch."""

    @abstractmethod
    def encode(
        self, x: torch.Tensor, timesteps: torch.Tensor, labels: torch.Tensor, run: Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The part up to the last block, in which the cache is written; returns (tokens, the vector per frame).

        x: latents [frames, channels, h, w], with what lies beside them; timesteps and labels: their `waves`.
        """

    @abstractmethod
    def values(self, tokens: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """The last layer: tokens [frames, tokens, dim] to the values of their patches."""

    def waves(self, numbers: torch.Tensor) -> torch.Tensor:
        """Timesteps in 0..1000, or labels, [n] as the network takes them, [n, wave_width] in its dtype."""
        return sinusoid(numbers, self.config.wave_width, torch.float32).to(self.dtype)

    def draw(self, x: torch.Tensor, timesteps: torch.Tensor, labels: torch.Tensor, run: Pass) -> torch.Tensor:
        """The flow noise - clean, [frames, channels, h, w] in the network's dtype; arguments as of `encode`."""
        tokens, vector = self.encode(x, timesteps, labels, run)
        rows, columns = self.config.patch
        (values,) = run.rings.split.gather(self.values(tokens, vector))
        return unpatch(values, (x.shape[2] // rows, x.shape[3] // columns), self.config.patch)

    def rings(
        self,
        window: Gathered,
        grid: tuple[int, int],
        device: torch.device | str,
        dtype: torch.dtype,
        compact: bool = False,
    ) -> Rings:
        """An empty cache for latent frames of `grid` tokens: text, where there is any in it, context and chunk; both
        branches as its batch.

        compact: what both are made of instead, which is half of it.
        """
        config = self.config
        size, every = config.dim // config.heads, tuple(range(config.layers))
        batch, prefix = 1 if compact else 2, getattr(config, "text_tokens", 0)
        shape = RingShape(window, every, config.heads, size, self.axes, grid, batch, prefix, compact)
        return Rings({"self": shape}, device, dtype)
