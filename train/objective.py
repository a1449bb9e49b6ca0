"""What the network is trained to do: stage A (causal flow matching) and the losses that both stages share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from model.dream.context import ParallelContext
from model.dream.network import DreamNet
from model.sampler import renoise
from train.clipset import Batch, sources, unknown_depth, warp_chunks

DREAMT = 0.25  # difference from the truth, in units of [-1, 1], at which a pixel counts as dreamt rather than as wrong
UNSEEN = 0.05  # how far the truth binds where nothing was seen yet
CONSTANCY = 0.3  # weight of keeping to one's own dream


@dataclass(frozen=True)
class Weights:
    """Loss weights. Errors of disparity are magnified before they count: at walking speed an error of 0.02 displaces
    what the next warp shows by a pixel, at every chunk anew."""

    disparity: float = 4.0
    edges: float = 0.5
    soft: float = 0.03  # Charbonnier radius, in units of [-1, 1]


def charbonnier(error: torch.Tensor, soft: float) -> torch.Tensor:
    """Smooth |error|: its minimum is nearer the median than the mean, so what is unsure is less blurred."""
    return (error.square() + soft * soft).sqrt() - soft


def picture_loss(
    predicted: torch.Tensor, clean: torch.Tensor, weights: Weights, share: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean over chunks [B, N, 4 F, H, W] of the pixel error and of the error of neighbouring differences.

    share: optional weight of every pixel, [B, N, F, 1, H, W] in [0, 1].
    """
    channel = torch.tensor([1.0, 1.0, 1.0, weights.disparity], device=clean.device).view(4, 1, 1)
    error = (predicted.float() - clean).unflatten(2, (-1, 4)) * channel
    share = torch.ones_like(error[:, :, :, :1]) if share is None else share
    pixel = (charbonnier(error, weights.soft) * share).mean()
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    across = charbonnier(across, weights.soft) * share[..., 1:]
    down = charbonnier(down, weights.soft) * share[..., 1:, :]
    return pixel + weights.edges * (across.mean() + down.mean())


def shares(warped: torch.Tensor, clean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far the truth binds each pixel, and how far the walk's own dream does; both [B, F, 1, H, W] in [0, 1].

    The truth binds where the last frame agrees with it over a few pixels. Elsewhere the walk has dreamt another place
    than the renderer drew, or nothing was seen yet: many pictures are right, and the walk is to keep to its own.
    """
    truth = clean.unflatten(1, (-1, 4))
    difference = (warped[:, :, :3] - truth[:, :, :3]).mean(2, keepdim=True)
    difference = F.avg_pool2d(difference.flatten(0, 1), 7, 1, 3, count_include_pad=False).abs().view_as(difference)
    seen, agrees = warped[:, :, 4:], torch.exp(-((difference / DREAMT) ** 2))
    return seen * agrees + UNSEEN * (1 - seen), 1 - seen * agrees


def chunk_loss(x0: torch.Tensor, warped: torch.Tensor, clean: torch.Tensor | None, weights: Weights) -> torch.Tensor:
    """x0, clean: [B, 4 F, H, W]; warped [B, F, 5, H, W]. Without a truth (None) only the own dream binds."""
    truth, own = (None, torch.ones_like(warped[:, :, 4:])) if clean is None else shares(warped, clean)
    kept = picture_loss(x0.unsqueeze(1), warped[:, :, :4].flatten(1, 2).unsqueeze(1), weights, own.unsqueeze(1))
    if truth is None:
        return CONSTANCY * kept
    return CONSTANCY * kept + picture_loss(x0.unsqueeze(1), clean.unsqueeze(1), weights, truth.unsqueeze(1))


def blemish(last: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """True last frames [B, N, 4, H, W], damaged the way a dreamt frame is: tint, blotches, blur, wrong depth.

    Chunk 0 is left as it is. Without this, the first errors of a roll-out would be the first that the network sees.
    """

    def draw(*shape):
        return torch.randn(*shape, generator=generator, device=last.device)

    batch, chunks, _, height, width = last.shape
    flat = last.flatten(0, 1)
    strength = torch.rand(len(flat), 1, 1, 1, generator=generator, device=last.device).square()
    blotches = F.interpolate(draw(len(flat), 4, 6, 10), (height, width), mode="bilinear")
    scale = torch.tensor([0.12, 0.12, 0.12, 0.05], device=last.device).view(4, 1, 1)
    blurred = F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, 1)
    mix = strength * (draw(len(flat), 1, 1, 1).abs()).clamp(max=1)
    damaged = torch.lerp(flat, blurred, mix) + strength * scale * (blotches + draw(len(flat), 4, 1, 1) * 0.5)
    blind = torch.rand(len(flat), 1, 1, 1, generator=generator, device=last.device) < 0.04
    damaged = torch.where(blind, unknown_depth(damaged), damaged).clamp(-1, 1).unflatten(0, (batch, chunks))
    return torch.cat([last[:, :1], damaged[:, 1:]], 1)


def noise_levels(batch: int, chunks: int, generator: torch.Generator, device) -> torch.Tensor:
    """Independent per chunk (diffusion forcing, Chen et al. 2024): a third pure noise, where a few-step sampler lives,
    some clean, as committed context is, the rest uniform. float32 [B, N]."""
    level = torch.rand(batch, chunks, generator=generator, device=device)
    kind = torch.rand(batch, chunks, generator=generator, device=device)
    return torch.where(kind < 0.35, torch.ones_like(level), torch.where(kind < 0.5, torch.zeros_like(level), level))


def flow_matching(net: DreamNet, batch: Batch, generator: torch.Generator, weights: Weights) -> torch.Tensor:
    """Stage A: predict the clean chunks from noisy ones, all chunks of the clip in one causal pass."""
    clean = batch.clean
    t = noise_levels(*clean.shape[:2], generator, clean.device)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    last = blemish(sources(batch, net.config), generator)
    warped = warp_chunks(last, batch.frames[:, 0], batch.relative, batch.turned, net.config)
    noisy = renoise(clean, noise, t[:, :, None, None, None])
    predicted = net(noisy, t, warped, batch.plucker, ParallelContext(net.config.past))
    # A clean chunk that predicts itself teaches nothing about dreaming; it is there as context.
    counted = (t > 0).nonzero(as_tuple=True)
    return chunk_loss(predicted[counted], warped[counted], clean[counted], weights)
