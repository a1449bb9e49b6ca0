"""Encoders and decoders of video that go over a clip step by step, for every VAE that is causal in time. Torch only.

Both keep what their layers saw in a Memory (model/memory.py), so that a clip may be split anywhere and a walk may last
for ever. The first latent frame stands for one video frame, every other one for four.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache

import torch
import torch.nn as nn

from model.memory import Memory


class StreamEncoder(nn.Module, ABC):
    """What an encoder says: the latents of a group of frames, as the diffusion model takes them."""

    @abstractmethod
    def latents(self, frames: torch.Tensor, memory: Memory) -> torch.Tensor:
        """Frames [B, 3, 1 or 4, H, W] in [-1, 1] to posterior means [B, C, 1, h, w], scaled or normalised."""

    def encode(self, clip: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Scaled or normalised means [B, C, 1, h, w], one per group of frames: 1 first, then 4 at a time."""
        memory = Memory()
        for frames in clip:
            latents = self.latents(frames, memory)
            memory.begun = True
            yield latents


class StreamDecoder(nn.Module, ABC):
    """What a decoder says: how a latent of the diffusion model enters, and its layers in a row.

    Every layer of the row takes (x, memory) and gives x. One that enlarges in space has `growth`, by how much; one
    whose convolutions do not all run at the size of its output has `reach` (see model/tiles.py).
    """

    @abstractmethod
    def raw(self, latent: torch.Tensor) -> torch.Tensor:
        """A latent frame of the diffusion model [B, C, 1, h, w] as the first layer takes it."""

    @property
    @abstractmethod
    def row(self) -> Sequence[nn.Module]:
        """The layers, from the latent to the pictures."""

    def decode(self, latent: torch.Tensor, memory: Memory) -> torch.Tensor:
        """A latent frame [B, C, 1, h, w] of the diffusion model to frames [B, 3, 1 or 4, H, W] in [-1, 1]."""
        x = self.raw(latent)
        for layer in self.row:
            x = layer(x, memory)
        memory.begun = True
        return x.clamp(-1, 1)


def per_channel(values: tuple[float, ...], like: torch.Tensor) -> torch.Tensor:
    """`values` as [1, C, 1, 1, 1], of the type and on the device of `like`.

    Made once: to send them there waits for all that the device was given to do, and cannot be captured. What is
    exported or compiled has them as constants of its own.
    """
    traced = torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling()
    make = _column.__wrapped__ if traced else _column
    return make(values, like.dtype, like.device)


@cache
def _column(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device).view(1, -1, 1, 1, 1)


def grouped(clip: torch.Tensor, frames: int = 4) -> Iterator[torch.Tensor]:
    """A clip [B, 3, 1 + n * frames, H, W] in the groups that `encode` takes: `frames` make a latent frame."""
    yield clip[:, :, :1]
    for start in range(1, clip.shape[2], frames):
        yield clip[:, :, start : start + frames]
