"""A tiny dream world with random weights, for tests: the same code paths in a hundredth of the time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import yaml

from model.dream.config import DreamConfig

TINY = DreamConfig(
    width=32, height=24, patch=(3, 4), dim=64, layers=2, head_dim=32, stem_channels=16, head_blocks=1, past=2
)


def tiny_net(config: DreamConfig = TINY):
    import torch

    from model.dream.network import DreamNet

    torch.manual_seed(1)
    net = DreamNet(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return net


def write_world(folder: Path, config: DreamConfig = TINY) -> Path:
    """Export a tiny world into `folder`, complete with its YAML; returns the folder."""
    from train.publish import publish

    net = tiny_net(config)
    starts = np.random.default_rng(0).integers(0, 255, (3, config.height, config.width, 3), dtype=np.uint8)
    publish(net, folder, title="Tiny", summary="random weights", starts=starts)
    return folder


def alter_world(folder: Path, **changes) -> None:
    """Change values of the world's YAML in place."""
    path = folder / "world.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()
