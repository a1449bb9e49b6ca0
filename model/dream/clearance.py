"""Where the walker may go: the dreamt depth of the last frame holds it back from what it would walk into.

Pure NumPy. The network never saw a camera inside a wall, so a step into one would leave what it knows; this is the
dream's own collision test. What is outside the picture is unknown and lets the walker pass.
"""

from __future__ import annotations

import math

import numpy as np

from model.dream.config import DreamConfig

BODY_RADIUS = 0.3  # metres, the training walker's
KNEE, HEAD = 0.3, -0.45  # metres below and above the eye: lower is floor, higher is sky or lintel
NEAREST = 8  # pixels that must agree before something is in the way: fewer are a flaw of the dream
SLIDES = tuple(math.radians(angle) for angle in (0, 35, -35, 70, -70))


def obstacles(disparity: np.ndarray, pitch: float, config: DreamConfig) -> np.ndarray:
    """Points (right, forward) in metres, float [M, 2], of what stands at body height, in the camera's level axes.

    disparity: float [H, W] in [0, 1], near / z.
    """
    height, width = disparity.shape
    across = (np.arange(width) + 0.5 - width / 2) / config.focal
    down = ((np.arange(height) + 0.5 - height / 2) / config.focal)[:, None]
    depth = config.near / np.maximum(disparity, 1e-3)
    level_y = depth * (down * math.cos(pitch) - math.sin(pitch))
    forward = depth * (math.cos(pitch) + down * math.sin(pitch))
    right = depth * across
    body = (level_y < KNEE) & (level_y > HEAD) & (disparity > config.near / 3)
    return np.stack([right[body], forward[body]], -1)


def free_way(points: np.ndarray, angle: float) -> float:
    """Metres that a body can walk towards `angle` (radians right of forward) before it touches one of `points`."""
    sin, cos = math.sin(angle), math.cos(angle)
    along = points[:, 0] * sin + points[:, 1] * cos
    aside = points[:, 0] * cos - points[:, 1] * sin
    ahead = along[(np.abs(aside) < 0.6 * BODY_RADIUS) & (along > 0)]
    if len(ahead) < NEAREST:
        return math.inf
    return max(0.0, float(np.partition(ahead, NEAREST - 1)[NEAREST - 1]) - BODY_RADIUS)


def hold_back(rows: np.ndarray, disparity: np.ndarray, pitch: float, config: DreamConfig) -> np.ndarray:
    """Control rows [F, 4] with the walking of a chunk cut short, or bent aside, by what stands in the way.

    Turning is left as it was. Of the straight way and a few directions aside, the one that gets furthest along the
    commanded direction is taken: that is how one slides along a wall.
    """
    # In the axes of the frame before the chunk: yaw accumulates, and each frame walks along the yaw it has by then.
    yaw = np.cumsum(rows[:, 2].astype(np.float64))
    right = rows[:, 0] * np.cos(yaw) + rows[:, 1] * np.sin(yaw)
    forward = rows[:, 1] * np.cos(yaw) - rows[:, 0] * np.sin(yaw)
    distance = math.hypot(right.sum(), forward.sum())
    if distance < 1e-6:
        return rows
    points = obstacles(disparity, pitch, config)
    heading = math.atan2(right.sum(), forward.sum())
    ways = [(min(free_way(points, heading + bend), distance * math.cos(bend)), bend) for bend in SLIDES]
    way, bend = max(ways, key=lambda item: item[0] * math.cos(item[1]))
    if bend == 0 and way >= distance:
        return rows
    scale, angle = way / distance, heading + bend
    share = np.hypot(right, forward) / max(np.hypot(right, forward).sum(), 1e-9) * distance * scale
    held = rows.copy()
    held[:, 0], held[:, 1] = share * np.sin(angle - yaw), share * np.cos(angle - yaw)
    return held
