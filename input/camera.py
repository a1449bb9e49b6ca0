"""Camera: poses, camera matrices and Plücker rays, as pure float64 geometry.

Axes are OpenCV's (x right, y down, z forward), for the world as for the camera; identity `c2w` is a level camera that
looks along +z. Yaw positive turns right, pitch positive looks up. Every function on matrices takes leading batch
dimensions. This is not a controller: how fast a key turns is input/controls.py, what a camera sees is a world's affair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

PITCH_LIMIT = math.radians(35)


@dataclass(frozen=True)
class Pose:
    """A camera that never rolls: metres in the world, yaw in (-pi, pi], pitch within +-PITCH_LIMIT, in radians."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole in pixels; the centre of the first pixel is at (0.5, 0.5)."""

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fov(cls, width: float, height: float, hfov_radians: float) -> Self:
        """Square pixels and a centred axis, for an image of width x height pixels seen under a horizontal angle."""
        focal = 0.5 * width / math.tan(0.5 * hfov_radians)
        return cls(focal, focal, 0.5 * width, 0.5 * height)

    def scaled(self, sx: float, sy: float) -> Self:
        """The same pinhole for the image resized by sx across and sy down."""
        return type(self)(self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy)


def wrap(angle: float) -> float:
    """The same angle in (-pi, pi]."""
    turned = math.remainder(angle, math.tau)
    return math.pi if turned <= -math.pi else turned


def move(pose: Pose, row: np.ndarray) -> Pose:
    """Apply one control row (right, forward, yaw, pitch): turn first, then walk level along the new yaw."""
    right, forward, turn, tilt = (float(v) for v in row)
    yaw = wrap(pose.yaw + turn)
    pitch = min(max(pose.pitch + tilt, -PITCH_LIMIT), PITCH_LIMIT)
    sin, cos = math.sin(yaw), math.cos(yaw)
    return Pose(pose.x + right * cos + forward * sin, pose.y, pose.z - right * sin + forward * cos, yaw, pitch)


def integrate(pose: Pose, rows: np.ndarray) -> list[Pose]:
    """The poses after each of the control rows [F, 4]; F poses, the start itself not among them."""
    poses = []
    for row in rows:
        pose = move(pose, row)
        poses.append(pose)
    return poses


def c2w(pose: Pose) -> np.ndarray:
    """Camera-to-world, float64 [4, 4]."""
    return c2w_from_arrays(np.array([pose.x, pose.y, pose.z]), np.array(pose.yaw), np.array(pose.pitch))


def c2w_from_arrays(xyz: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Camera-to-world, float64 [..., 4, 4], from positions [..., 3] and angles [...] that broadcast together."""
    xyz = np.asarray(xyz, np.float64)
    sy, cy, sp, cp, _ = np.broadcast_arrays(np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch), xyz[..., 0])
    matrix = np.zeros((*sy.shape, 4, 4))
    matrix[..., :3, 0] = np.stack([cy, np.zeros_like(cy), -sy], -1)
    matrix[..., :3, 1] = np.stack([sy * sp, cp, cy * sp], -1)
    matrix[..., :3, 2] = np.stack([sy * cp, -sp, cy * cp], -1)
    matrix[..., :3, 3] = xyz
    matrix[..., 3, 3] = 1.0
    return matrix


def w2c(c2w: np.ndarray) -> np.ndarray:
    """World-to-camera, [..., 4, 4]: the inverse of rigid matrices, by transposition."""
    c2w = np.asarray(c2w, np.float64)
    rotation = np.swapaxes(c2w[..., :3, :3], -1, -2)
    matrix = np.zeros_like(c2w)
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3:] = -rotation @ c2w[..., :3, 3:]
    matrix[..., 3, 3] = 1.0
    return matrix


def yaw_pitch(c2w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The angles [...] in radians of the viewing direction of `c2w` [..., 4, 4]; roll is not looked at."""
    forward = np.asarray(c2w, np.float64)[..., :3, 2]
    yaw = np.arctan2(forward[..., 0], forward[..., 2])
    return yaw, np.arctan2(-forward[..., 1], np.hypot(forward[..., 0], forward[..., 2]))


def relative_to_level(c2w_ref: np.ndarray, c2w: np.ndarray) -> np.ndarray:
    """Re-base `c2w` [..., 4, 4] on the level frame of `c2w_ref` [..., 4, 4]: its position and yaw, without its pitch.

    Gravity is kept, so pitch stays absolute and the floor stays level, while positions are small near the reference
    however far the walk has gone. Turning about the vertical or moving the whole world changes nothing.
    """
    c2w_ref = np.asarray(c2w_ref, np.float64)
    yaw, _ = yaw_pitch(c2w_ref)
    return w2c(c2w_from_arrays(c2w_ref[..., :3, 3], yaw, np.zeros_like(yaw))) @ np.asarray(c2w, np.float64)


def plucker(c2w: np.ndarray, intrinsics: Intrinsics, height: int, width: int) -> np.ndarray:
    """Plücker rays through the pixel centres of a height x width grid, float32 [..., 6, height, width].

    Channels are (o x d, d): the moment first, then the unit direction in the world, as in CameraCtrl (He et al. 2024,
    sec. 3.2). `intrinsics` are those of the grid itself (see Intrinsics.scaled); `c2w` is [..., 4, 4].
    """
    c2w = np.asarray(c2w, np.float64)
    across = (np.arange(width) + 0.5 - intrinsics.cx) / intrinsics.fx
    down = (np.arange(height) + 0.5 - intrinsics.cy) / intrinsics.fy
    rays = np.stack([*np.meshgrid(across, down), np.ones((height, width))]).reshape(3, -1)
    directions = c2w[..., :3, :3] @ (rays / np.linalg.norm(rays, axis=0))
    moments = np.cross(c2w[..., :3, 3:], directions, axis=-2)
    both = np.concatenate([moments, directions], -2).astype(np.float32)
    return both.reshape(*c2w.shape[:-2], 6, height, width)
