"""A small decoder for the latents of Wan 2.1: the decoder half of TAEHV, for its checkpoint `taew2_1`. Torch only.

It is not Wan's own VAE: many times cheaper, and softer in fine detail. It is causal and streams: all that it remembers
of the past is one feature map per memory block. Latents come in the normalised space in which the diffusion model
works; no mean and no deviation is applied here. (LightX2V's `lighttaew2_1` has the same tensors under the same names,
but wants latents that are not normalised: it would load here and look wrong.)

The layers, their numbers and their names are facts of the official checkpoint: https://github.com/madebyollin/taehv.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from model.memory import Memory, name_layers

IGNORED = ("encoder.*",)  # what the official file holds beside the decoder, as patterns of names

FRAMES_PER_LATENT = 4
BLOCKS_PER_STAGE = 3


class SoftClamp(nn.Module):
    """Bends outliers smoothly into (-3, 3)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x / 3) * 3


class MemoryBlock(nn.Module):
    """A residual block that sees, beside each frame, the frame before it."""

    name = ""  # its key in a Memory, set by `name_layers`

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: torch.Tensor, memory: Memory) -> torch.Tensor:
        """x: frames [n, width, H, W]. What is remembered is the last of them."""
        last = memory.recall(self.name, x[:1].shape, x)
        joined = torch.cat([last, x])
        memory.keep(self.name, joined[-1:])
        return torch.relu(self.conv(torch.cat([x, joined[:-1]], 1)) + x)


class Grow(nn.Module):
    """Each frame becomes `factor` frames: [n, width, H, W] -> [n * factor, width, H, W]."""

    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(width, factor * width, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).unflatten(1, (self.factor, -1)).flatten(0, 1)


def _stage(width: int, next_width: int, growth: int) -> list[nn.Module]:
    """Twice the size in space, `growth` times the frames."""
    return [
        *(MemoryBlock(width) for _ in range(BLOCKS_PER_STAGE)),
        nn.Upsample(scale_factor=2, mode="nearest"),
        Grow(width, growth),  # the first stage grows by 1: a learnt 1x1 convolution all the same
        nn.Conv2d(width, next_width, 3, padding=1, bias=False),
    ]


class TinyDecoder(nn.Module):
    """Latents to frames, one after the other. `widths`: channels of the three stages and of the head."""

    def __init__(self, widths: tuple[int, int, int, int] = (256, 128, 64, 64), latent_channels: int = 16) -> None:
        super().__init__()
        first, second, third, head = widths
        # One flat sequence: the checkpoint names its tensors by the place in it.
        self.decoder = nn.Sequential(
            SoftClamp(),
            nn.Conv2d(latent_channels, first, 3, padding=1),
            nn.ReLU(),
            *_stage(first, second, growth=1),
            *_stage(second, third, growth=2),
            *_stage(third, head, growth=2),
            nn.ReLU(),
            nn.Conv2d(head, 3, 3, padding=1),
        )
        name_layers(self)

    def decode(self, latent: torch.Tensor, memory: Memory) -> torch.Tensor:
        """A latent frame [1, 16, 1, h, w] to its frames [1, 3, 1 or 4, 8h, 8w], RGB in [-1, 1].

        The first one of a video stands for a single frame, as in Wan's own VAE: the three that the network draws before
        that frame are dropped.
        """
        frames = latent.squeeze(2)
        for layer in self.decoder:
            frames = layer(frames, memory) if isinstance(layer, MemoryBlock) else layer(frames)
        if not memory.begun:
            frames = frames[FRAMES_PER_LATENT - 1 :]
        memory.begun = True
        return (frames.clamp(0, 1) * 2 - 1).transpose(0, 1).unsqueeze(0)
