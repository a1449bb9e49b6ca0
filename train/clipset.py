"""Rendered clips on disk, read as training batches. Batch number i is a pure function of (seed, i): nothing to
resume.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from model.dream.conditions import camera_conditions
from model.dream.config import DreamConfig
from model.dream.warp import warp
from runtime.errors import UserError

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])  # a mirrored picture is a mirrored world: x of world and camera change sign


@dataclass
class Batch:
    """N chunks of B clips. Chunk 0 is the start picture standing still, whose depth nobody tells."""

    frames: torch.Tensor  # float32 [B, 1 + 4 (N - 1), 4, H, W]: RGB and disparity in [-1, 1]
    clean: torch.Tensor  # float32 [B, N, 16, H, W]
    relative: torch.Tensor  # float32 [B, N, F, 4, 4], target_from_source
    turned: torch.Tensor  # float32 [B, N, F, 3, 3], rotation anchor_from_target
    plucker: torch.Tensor  # float32 [B, N, F, 6, rows, columns]

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def to_frames(rgb: np.ndarray, depth: np.ndarray, near: float) -> torch.Tensor:
    """uint8 [..., H, W, 3] and metres [..., H, W] to float32 [..., 4, H, W] in [-1, 1] (RGB, disparity near / z)."""
    colour = torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, -1, -3))).float() / 127.5 - 1
    disparity = torch.from_numpy(np.clip(near / np.maximum(depth.astype(np.float32), 1e-3), 0, 1)) * 2 - 1
    return torch.cat([colour, disparity.unsqueeze(-3)], -3)


def make_batch(rgb: np.ndarray, depth: np.ndarray, c2w: np.ndarray, config: DreamConfig) -> Batch:
    """rgb uint8 [B, T, H, W, 3], depth [B, T, H, W] metres, c2w [B, T, 4, 4]; T - 1 is a whole number of chunks."""
    frames = to_frames(rgb, depth, config.near)
    batch, moving = frames.shape[0], (frames.shape[1] - 1) // config.frames
    still = frames[:, :1].expand(-1, config.frames, -1, -1, -1)
    used = torch.cat([still, frames[:, 1 : 1 + moving * config.frames]], 1)
    clean = used.reshape(batch, moving + 1, config.channels, *frames.shape[-2:])
    cameras = np.concatenate([np.repeat(c2w[:, :1], config.frames, 1), c2w[:, 1 : 1 + moving * config.frames]], 1)
    cameras = cameras.reshape(batch, moving + 1, config.frames, 4, 4)
    sources = np.concatenate([c2w[:, :1], c2w[:, : moving * config.frames : config.frames]], 1)
    conditions = camera_conditions(sources, cameras, c2w[:, :1], config)
    return Batch(frames, clean, *(torch.from_numpy(condition) for condition in conditions))


def unknown_depth(frame: torch.Tensor) -> torch.Tensor:
    """The frame [..., 4, H, W] as if it came from a picture file: everything at infinity."""
    return torch.cat([frame[..., :3, :, :], torch.full_like(frame[..., 3:, :, :], -1)], -3)


def sources(batch: Batch, config: DreamConfig) -> torch.Tensor:
    """The true last frame before each chunk, float32 [B, N, 4, H, W]; before chunk 0 the start picture without
    depth.
    """
    last = batch.frames[:, :: config.frames][:, : batch.clean.shape[1] - 1]
    return torch.cat([unknown_depth(batch.frames[:, :1]), last], 1)


def warp_chunks(
    last: torch.Tensor, anchor: torch.Tensor, relative: torch.Tensor, turned: torch.Tensor, config: DreamConfig
) -> torch.Tensor:
    """model.dream.warp over [B, N] chunks: last [B, N, 4, H, W], anchor [B, 4, H, W], to [B, N, F, 5, H, W]."""
    anchors = anchor.unsqueeze(1).expand_as(last)
    with torch.no_grad(), torch.autocast(last.device.type, enabled=False):
        parts = (part.flatten(0, 1) for part in (last, anchors, relative, turned))
        return warp(*parts, config.focal, config.near).unflatten(0, last.shape[:2])


class ClipSet:
    """All shards of a folder, memory-mapped."""

    def __init__(self, folder: str | Path, config: DreamConfig) -> None:
        self.config = config
        paths = sorted(Path(folder).glob("*.safetensors"))
        if not paths:
            raise UserError("no clips", str(folder), "write some: python -m train.clips --out DIR --clips N")
        self.shards = [load_file(path) for path in paths]
        counts = [len(shard["rgb"]) for shard in self.shards]
        self.index = [(shard, row) for shard, count in enumerate(counts) for row in range(count)]

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, number: int, size: int, seed: int = 0) -> Batch:
        """Batch `number`: random clips, half of them mirrored."""
        random = np.random.default_rng([seed, number])
        picks = [self.index[i] for i in random.integers(len(self.index), size=size)]
        mirrored = random.random(size) < 0.5
        rgb, depth, c2w = ([] for _ in range(3))
        for (shard, row), mirror in zip(picks, mirrored, strict=True):
            clip = {name: self.shards[shard][name][row].numpy() for name in ("rgb", "depth", "c2w")}
            pose = clip["c2w"].astype(np.float64)
            rgb.append(clip["rgb"][:, :, ::-1] if mirror else clip["rgb"])
            depth.append(clip["depth"][:, :, ::-1] if mirror else clip["depth"])
            c2w.append(MIRROR @ pose @ MIRROR if mirror else pose)
        return make_batch(np.stack(rgb), np.stack(depth), np.stack(c2w), self.config)
