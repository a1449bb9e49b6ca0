"""Cameras to what the embedded world's network is told of them. NumPy only; the same for training and for play."""

from __future__ import annotations

import numpy as np

from input.camera import Intrinsics, plucker, relative_to_level, w2c
from model.dream.config import DreamConfig


def camera_conditions(
    source: np.ndarray, targets: np.ndarray, anchor: np.ndarray, config: DreamConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a chunk is told of its cameras, given the camera of the last frame before it.

    source: c2w [..., 4, 4]; targets: c2w [..., F, 4, 4]; anchor: c2w [..., 4, 4] of the start picture. Returns, for
    the warp, target_from_source float32 [..., F, 4, 4] and the rotations anchor_from_target float32 [..., F, 3, 3],
    and Plücker rays float32 [..., F, 6, rows, columns] at the token grid, in the level frame of `source`: bounded
    however far one walks, with gravity kept, so that the network knows where the horizon is.
    """
    source = np.asarray(source, np.float64)[..., None, :, :]
    rows, columns = config.grid
    picture = Intrinsics.from_fov(config.width, config.height, np.radians(config.hfov_degrees))
    grid = picture.scaled(columns / config.width, rows / config.height)
    relative = (w2c(targets) @ source).astype(np.float32)
    turned = np.swapaxes(np.asarray(anchor, np.float64)[..., None, :3, :3], -1, -2) @ targets[..., :3, :3]
    return relative, turned.astype(np.float32), plucker(relative_to_level(source, targets), grid, rows, columns)
