"""The embedded world's network: a causal transformer over chunks of pixels, conditioned on the camera. Torch only.

It predicts the clean chunk x_0 of a rectified flow in pixel space (x_0-prediction on large patches needs no
autoencoder: Li & He 2025, "Back to Basics: Let Denoising Generative Models Denoise"). A convolutional stem and head
at a quarter of the resolution carry what is local; a transformer over a few large tokens carries what is not.
Conditions: the last frame warped into the new cameras (model/dream/warp.py), kept by a learnt gate and added to what
the head draws, and Plücker embeddings added to the tokens.
"""

from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.dream.config import DreamConfig
from model.dream.context import CachedContext
from model.rotary import Axes, rotate_halves

WARP_CHANNELS = 5  # RGB, disparity, seen
# How open the gate is before it learns: more than fully where the last frame saw, so that what is kept is kept exactly
# (a share of 0.99 per chunk would be a fade to grey within a minute), and just so where the warp only guesses.
GATE_SEEN, GATE_GUESS = 1.25, 1.0
DEAD_ZONE = 0.01  # smaller strokes are not drawn: a bias too small to see would add up over hundreds of chunks
ROTARY_THETA = 100.0
PLUCKER_SCALE = 2.0  # moments are a few tenths of a metre: bring them to the size of the directions


class Dense(nn.Module):
    """A linear layer whose weight is stored [in, out], as ONNX's MatMul wants it: exported graphs share the file."""

    def __init__(self, inputs: int, outputs: int, zero: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs) if zero else torch.randn(inputs, outputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight + self.bias


def normalise(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-5)


class NoiseLevel(nn.Module):
    """Noise level t in [0, 1] to a vector: [...] -> [..., dim]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("frequency", torch.exp(torch.linspace(0, math.log(1000.0), 64)), persistent=False)
        self.inner, self.outer = Dense(128, dim), Dense(dim, dim)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        angle = t.unsqueeze(-1) * self.frequency
        return F.silu(self.outer(F.silu(self.inner(torch.cat([angle.cos(), angle.sin()], -1)))))


class Block(nn.Module):
    """Attention and MLP with adaLN-single modulation (PixArt-alpha, Chen et al. 2023, sec. 2.3)."""

    def __init__(self, config: DreamConfig, index: int) -> None:
        super().__init__()
        dim, self.index, self.heads = config.dim, index, config.heads
        self.qkv, self.out = Dense(dim, 3 * dim), Dense(dim, dim, zero=True)
        self.up, self.down = Dense(dim, 4 * dim), Dense(4 * dim, dim, zero=True)
        self.modulation = nn.Parameter(torch.zeros(6, dim))
        self.key_scale = nn.Parameter(torch.ones(config.head_dim))
        self.age_bias = nn.Parameter(torch.zeros(config.heads, config.past + 2))

    def forward(self, x: torch.Tensor, modulation: torch.Tensor, rotary, context) -> torch.Tensor:
        """x: [B, N, tokens, dim]; modulation: [B, N, 1, 6, dim]; context: see model.dream.context."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + self.modulation).unbind(-2)
        q, k, v = self.qkv(normalise(x) * (1 + scale1) + shift1).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(2, 3) for part in (q, k, v))
        # Normalised queries and keys keep the scores bounded in half precision.
        q, k = (rotate_halves(part, *rotary) for part in (normalise(q), normalise(k) * self.key_scale))
        attended = context.attend(self.index, q, k, v, self.age_bias)
        x = x + (1 + gate1) * self.out(attended.transpose(2, 3).flatten(3))
        return x + (1 + gate2) * self.down(F.silu(self.up(normalise(x) * (1 + scale2) + shift2)))


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with a residual, told the noise level by an added vector."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.level = Dense(dim, channels)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.silu(self.first(F.silu(x)) + self.level(level)[..., None, None]))


class DreamNet(nn.Module):
    """x_t, noise level, warped last frame and Plücker map of each chunk to x_0. See `forward`."""

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.patch
        inputs = config.frames * (4 + WARP_CHANNELS) * config.quarter**2
        patch_dim = config.stem_channels * rows * columns
        self.level = NoiseLevel(config.dim)
        self.modulation = Dense(config.dim, 6 * config.dim, zero=True)
        self.stem_in = nn.Conv2d(inputs, config.stem_channels, 1)
        self.stem = nn.ModuleList(ConvBlock(config.stem_channels, config.dim) for _ in range(config.stem_blocks))
        self.tokenise = Dense(patch_dim, config.dim)
        self.camera = Dense(6 * config.frames, config.dim)
        self.blocks = nn.ModuleList(Block(config, index) for index in range(config.layers))
        self.detokenise = Dense(config.dim, patch_dim)
        self.head = nn.ModuleList(ConvBlock(config.stem_channels, config.dim) for _ in range(config.head_blocks))
        self.head_out = nn.Conv2d(config.stem_channels, 5 * config.frames * config.quarter**2, 3, padding=1)
        nn.init.zeros_(self.head_out.weight)
        nn.init.zeros_(self.head_out.bias)
        # Rows and columns share a head; time is not rotary here but a bias per age (model/dream/context.py).
        half = config.head_dim // 2
        cos, sin = Axes((0, half, half), ROTARY_THETA).grid([0], *config.grid)
        self.register_buffer("rotary_cos", cos, persistent=False)
        self.register_buffer("rotary_sin", sin, persistent=False)

    def encode(self, x, t, warped, plucker, context):
        """The part up to the last block: what a commit runs. Returns (stem features, tokens, noise-level vector)."""
        config = self.config
        batch, chunks = x.shape[:2]
        level = self.level(t)
        picture = torch.cat([x.flatten(0, 1), warped.flatten(3, 4).reshape(batch * chunks, -1, *x.shape[-2:])], 1)
        features = self._quartered(picture)
        for block in self.stem:
            features = block(features, level.flatten(0, 1))
        tokens = self.tokenise(self._to_patches(features)).unflatten(0, (batch, chunks))
        rays = torch.cat([plucker[:, :, :, :3] * PLUCKER_SCALE, plucker[:, :, :, 3:]], 3)
        tokens = tokens + self.camera(rays.flatten(2, 3).flatten(3).transpose(2, 3))
        modulation = self.modulation(level).unflatten(-1, (6, config.dim)).unsqueeze(2)
        for block in self.blocks:
            tokens = block(tokens, modulation, (self.rotary_cos, self.rotary_sin), context)
        return features, tokens, level

    def forward(self, x, t, warped, plucker, context) -> torch.Tensor:
        """Predict x_0, float [B, N, 4 * frames, H, W] in [-1, 1], frame-major channels (RGB, disparity of each frame).

        x: noisy chunks of the same shape; t: [B, N]; warped: [B, N, frames, 5, H, W] from model.dream.warp; plucker:
        [B, N, frames, 6, grid rows, grid columns] with rays in the level frame of the last frame before the chunk.
        """
        features, tokens, level = self.encode(x, t, warped, plucker, context)
        features = features + self._from_patches(self.detokenise(normalise(tokens)).flatten(0, 1))
        for block in self.head:
            features = block(features, level.flatten(0, 1))
        drawn = self._pixels(self.head_out(F.silu(features))).unflatten(1, (-1, 5)).unflatten(0, x.shape[:2])
        seen = warped[:, :, :, 4:]
        keep = (drawn[:, :, :, 4:] + GATE_GUESS + (GATE_SEEN - GATE_GUESS) * seen).clamp(0, 1)
        strokes = drawn[:, :, :, :4]
        # Gradients pass as if there were no dead zone: a network that had once gone quiet could never speak again.
        strokes = strokes - strokes.clamp(-DEAD_ZONE, DEAD_ZONE).detach()
        return (warped[:, :, :, :4] * keep + strokes).flatten(2, 3)

    def _quartered(self, picture: torch.Tensor) -> torch.Tensor:
        """[M, C, H, W] -> stem features at a quarter: `stem_in` after a pixel unshuffle, as one convolution."""
        side, stem = self.config.quarter, self.stem_in
        return F.conv2d(picture, stem.weight.view(stem.out_channels, -1, side, side), stem.bias, side)

    def _pixels(self, blocks: torch.Tensor) -> torch.Tensor:
        """[M, C * side**2, h, w] -> [M, C, H, W]: a pixel shuffle, which engines run faster when it is spelt out."""
        side, (rows, columns) = self.config.quarter, blocks.shape[-2:]
        split = blocks.reshape(blocks.shape[0], -1, side, side, rows, columns)
        return split.permute(0, 1, 4, 2, 5, 3).reshape(blocks.shape[0], -1, rows * side, columns * side)

    def _to_patches(self, features: torch.Tensor) -> torch.Tensor:
        """[M, C, h, w] -> [M, tokens, C * rows * columns]."""
        (rows, columns), (down, across) = self.config.patch, self.config.grid
        split = features.reshape(features.shape[0], -1, down, rows, across, columns)
        return split.permute(0, 2, 4, 1, 3, 5).reshape(features.shape[0], down * across, -1)

    def _from_patches(self, patches: torch.Tensor) -> torch.Tensor:
        (rows, columns), (down, across) = self.config.patch, self.config.grid
        split = patches.reshape(patches.shape[0], down, across, -1, rows, columns)
        return split.permute(0, 3, 1, 4, 2, 5).reshape(patches.shape[0], -1, down * rows, across * columns)

    def empty_caches(self, batch: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Zeroed caches for `CachedContext`, one (keys, values) pair per layer."""
        config = self.config
        shape = (batch, config.heads, config.slots * config.tokens, config.head_dim)
        device = self.rotary_cos.device
        return [(torch.zeros(shape, device=device), torch.zeros(shape, device=device)) for _ in range(config.layers)]

    def commit(self, clean, t, warped, plucker, caches, slot, ages):
        """The caches with a finished chunk's keys and values at `slot`; t is all zeros. Draws nothing."""
        context = CachedContext(caches, slot, ages)
        self.encode(clean, t, warped, plucker, context)
        return context.written

    def cached(self, x, t, warped, plucker, caches, slot, ages):
        """One chunk against caches, which come back with this chunk written at `slot`: (x_0, caches)."""
        context = CachedContext(caches, slot, ages)
        return self(x, t, warped, plucker, context), context.written
