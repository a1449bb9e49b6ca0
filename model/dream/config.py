"""The sizes of a dream world, as one frozen dataclass that is read strictly from YAML. It builds nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DreamConfig:
    """Everything that fixes the shapes of the embedded world's network and of its picture.

    A chunk is one latent frame: `frames` video frames of `height` x `width`, four channels each (RGB and disparity).
    `quarter` is the side of the pixel block that one position of the convolutional stem and head covers; a token covers
    `patch` = (rows, columns) of those positions. Attention sees the sink, `past` chunks before the present one, and it.
    """

    width: int = 128
    height: int = 72
    fps: float = 20.0
    frames: int = 4
    hfov_degrees: float = 75.0
    near: float = 0.25  # metres; disparity is near / z, so 1 is the nearest depth that is told apart
    quarter: int = 4
    patch: tuple[int, int] = (3, 4)
    dim: int = 320
    layers: int = 8
    head_dim: int = 64
    stem_channels: int = 128
    stem_blocks: int = 1
    head_blocks: int = 3
    past: int = 3
    steps: tuple[float, ...] = (1.0, 0.5)

    def __post_init__(self) -> None:
        if self.dim % self.head_dim or self.head_dim % 4:
            raise ValueError(f"dim {self.dim} is not a multiple of head_dim {self.head_dim}, or that not one of 4")
        if self.height % (self.quarter * self.patch[0]) or self.width % (self.quarter * self.patch[1]):
            raise ValueError(f"{self.width}x{self.height} is not a whole number of {self.patch} patches")
        if list(self.steps) != sorted(self.steps, reverse=True) or not 0 < self.steps[-1] <= self.steps[0] <= 1:
            raise ValueError(f"steps {self.steps} must fall from at most 1 to above 0")

    @property
    def heads(self) -> int:
        return self.dim // self.head_dim

    @property
    def grid(self) -> tuple[int, int]:
        """Token rows and columns of one chunk."""
        return self.height // (self.quarter * self.patch[0]), self.width // (self.quarter * self.patch[1])

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def channels(self) -> int:
        """Channels of a chunk: RGB and disparity of every frame."""
        return 4 * self.frames

    @property
    def slots(self) -> int:
        """Cache slots of one chunk each: the sink, the past, and the present chunk."""
        return 1 + self.past + 1

    @property
    def focal(self) -> float:
        """Focal length in pixels, the same along x and y; the principal point is the centre."""
        return self.width / 2 / math.tan(math.radians(self.hfov_degrees) / 2)
