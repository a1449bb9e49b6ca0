"""The evaluation that a training run makes of itself every few minutes: the first chunk on held-out places, in dB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from model.dream.config import DreamConfig
from model.dream.network import DreamNet
from train.clips import CLIPS_PER_MAP, HELD_OUT, make_clip
from train.clipset import Batch, make_batch
from train.rollout import Rollout, dream_chunk

CHUNKS = 4  # the still one, and three that move


def held_out_batch(config: DreamConfig, clips: int) -> Batch:
    """Walks of three chunks through places that training never sees."""
    frames, size = 1 + config.frames * (CHUNKS - 1), (config.width, config.height)
    walks = [make_clip(HELD_OUT + 900_000 + i * CLIPS_PER_MAP, frames, size) for i in range(clips)]
    return make_batch(*(np.stack([getattr(walk, name) for walk in walks]) for name in ("rgb", "depth", "c2w")), config)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean over the batch of the PSNR in dB of pictures in [-1, 1], first axis the batch."""
    error = (a - b).square().flatten(1).mean(1).clamp_min(1e-8)
    return float((10 * torch.log10(4 / error)).mean())


@torch.no_grad()
def validate(net: DreamNet, batch: Batch) -> dict[str, float]:
    """PSNR of the first and of the last moving chunk in a roll-out from the start picture, and of repeating it."""
    walk, draws = Rollout(net, batch.frames[:, 0]), torch.Generator().manual_seed(0)
    conditions = (batch.relative, batch.turned, batch.plucker)
    chunks = [dream_chunk(walk, *(condition[:, i] for condition in conditions), draws) for i in range(CHUNKS)]
    colours = [chunk.unflatten(1, (-1, 4))[:, :, :3] for chunk in chunks]
    truth = [batch.clean[:, i].unflatten(1, (-1, 4))[:, :, :3] for i in range(CHUNKS)]
    return {
        "psnr_first": round(psnr(colours[1], truth[1]), 2),
        "psnr_last": round(psnr(colours[-1], truth[-1]), 2),
        "psnr_repeat": round(psnr(truth[0], truth[1]), 2),
    }


@contextmanager
def averaged(net: DreamNet, average: dict[str, torch.Tensor]) -> Iterator[DreamNet]:
    """The network with its moving average in place of its parameters, which come back at the end."""
    own = {name: parameter.data for name, parameter in net.named_parameters()}
    for name, parameter in net.named_parameters():
        parameter.data = average[name]
    try:
        yield net
    finally:
        for name, parameter in net.named_parameters():
            parameter.data = own[name]
