"""Cameras: what WorldPlay makes of poses, as float64 geometry: motions, pose strings, view matrices, action labels.

Axes are OpenCV's, as everywhere here; lengths are the model's units. All is the official code's (the specification's
section 5): its motions turn about the camera's own axes, so that yawing while pitched rolls. What a person's hand makes
of a camera is model/worldplay/controls.py. NumPy only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import radians

import numpy as np

from input.camera import w2c

STEP_UNITS, STEP_RADIANS = 0.08, radians(3)  # of a pose string's latent
ORBIT_UNITS = 1.0  # how far in front of the camera the point lies that a third person's orbit is about
# Pixels (fx, fy, cx, cy) of the camera that is meant where nothing else is said.
DEFAULT_PIXELS = (32000 / 33, 32000 / 33, 960.0, 540.0)
# Labels: what counts as a move (units; training used 0.01) and as a turn (degrees), and how wide a direction is.
MOVE, TURN_DEGREES, DIRECTION_DEGREES = 1e-4, 0.05, 60.0
# Labels are 9 times a class of moving plus one of turning, both of this table. Moving: rows are back, none, forward,
# columns left, none, right. Turning: rows are left, none, right, columns down, none, up.
CLASSES = np.array([[8, 2, 7], [4, 0, 3], [6, 1, 5]])
LOCKED = 1e-7  # below this cosine of the yaw of one latent, its roll is taken for none


@dataclass(frozen=True)
class Motion:
    """What a camera does within one latent, in its own axes: units and radians, yaw right and pitch up positive.

    `third_yaw` orbits about the point ORBIT_UNITS in front, as a person does who is seen from behind.
    """

    forward: float = 0.0
    right: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    third_yaw: float = 0.0


MOTIONS = {
    "w": Motion(forward=STEP_UNITS),
    "s": Motion(forward=-STEP_UNITS),
    "a": Motion(right=-STEP_UNITS),
    "d": Motion(right=STEP_UNITS),
    "up": Motion(pitch=STEP_RADIANS),
    "down": Motion(pitch=-STEP_RADIANS),
    "left": Motion(yaw=-STEP_RADIANS),
    "right": Motion(yaw=STEP_RADIANS),
}


def _about_x(angle: float) -> np.ndarray:
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


def _about_y(angle: float) -> np.ndarray:
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def moved(c2w: np.ndarray, motion: Motion) -> np.ndarray:
    """`c2w` [4, 4] after one motion, in the official order: yaw, pitch, forward, right, orbit."""
    after = np.array(c2w, np.float64)
    rotation, position = after[:3, :3], after[:3, 3]
    for angle, about in ((motion.yaw, _about_y), (motion.pitch, _about_x)):
        if angle:
            rotation[:] = rotation @ about(angle)
    position += rotation @ np.array([0.0, 0.0, motion.forward])
    position += rotation @ np.array([motion.right, 0.0, 0.0])
    if motion.third_yaw:
        centre = position + rotation @ np.array([0.0, 0.0, ORBIT_UNITS])
        rotation[:] = rotation @ _about_y(-motion.third_yaw)
        position[:] = centre - rotation @ np.array([0.0, 0.0, ORBIT_UNITS])
    return after


def trajectory(motions: Iterable[Motion]) -> np.ndarray:
    """The cameras that motions lead through, c2w [1 + motions, 4, 4]; the first is the identity."""
    cameras = [np.eye(4)]
    for motion in motions:
        cameras.append(moved(cameras[-1], motion))
    return np.stack(cameras)


def pose_motions(text: str) -> list[Motion]:
    """The motions, one per latent, of a pose string such as "w-3, right-1, d-4".

    Counts are latents; decimals are cut off, empty items skipped. Raises ValueError for anything else.
    """
    motions: list[Motion] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, *counts = (part.strip() for part in item.split("-"))
        if name not in MOTIONS or len(counts) != 1:
            raise ValueError(f"{item!r} is no motion: write one of {', '.join(MOTIONS)}, a hyphen and a count")
        try:
            count = int(float(counts[0]))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{item!r} has no count of latents behind its hyphen") from error
        motions += [MOTIONS[name]] * count
    return motions


def view_matrices(c2w: np.ndarray) -> np.ndarray:
    """World-to-camera, float64, of rigid `c2w` [..., 4, 4]."""
    return w2c(c2w)


def normalised(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """Intrinsics in pixels as the network takes them, [3, 3]: focal lengths in pictures, the centre at 0.5."""
    return np.array([[fx / (2 * cx), 0.0, 0.5], [0.0, fy / (2 * cy), 0.5], [0.0, 0.0, 1.0]])


def labels(
    c2w: np.ndarray, before: np.ndarray | None = None, *, third_person: bool = False, threshold: float = MOVE
) -> np.ndarray:
    """The action labels int64 [N], 0 .. 80, of the latents whose cameras are `c2w` [N, 4, 4].

    A label says how its camera moved and turned since the one before; `before` [4, 4] is that of the latent before the
    first, None where a walk begins (its label is 0). third_person: moves count only where the view does not turn.
    """
    c2w = np.asarray(c2w, np.float64)
    earlier = np.concatenate([c2w[:1] if before is None else np.asarray(before, np.float64)[None], c2w[:-1]])
    relative = w2c(earlier) @ c2w
    pitch, yaw = _turned(relative[:, :3, :3])
    moves = _moved(relative[:, :3, 3], threshold)
    if third_person:
        moves[(yaw != 0) | (pitch != 0)] = 0
    classes = moves * CLASSES.size + CLASSES[yaw + 1, pitch + 1]
    if before is None:
        classes[:1] = 0
    return classes


def _turned(rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signs [N] of the turns about x (up is 1) and y (right is 1): fixed-axis Euler angles of [N, 3, 3]."""
    cosine = np.hypot(rotation[:, 0, 0], rotation[:, 1, 0])
    y = np.arctan2(-rotation[:, 2, 0], cosine)
    free = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    x = np.where(cosine < LOCKED, np.arctan2(-rotation[:, 1, 2], rotation[:, 1, 1]), free)
    least = radians(TURN_DEGREES)
    return tuple((angle > least).astype(int) - (angle < -least) for angle in (x, y))


def _moved(translation: np.ndarray, threshold: float) -> np.ndarray:
    """The class of moving [N] of translations [N, 3] in the earlier camera's axes."""
    length = np.linalg.norm(translation, axis=-1)
    active = length > threshold
    unit = translation / np.where(active, length, 1.0)[:, None]
    across, along = (np.degrees(np.arccos(np.clip(unit[:, axis], -1.0, 1.0))) for axis in (0, 2))
    right, forward = (
        (angle < DIRECTION_DEGREES).astype(int) - (angle > 180 - DIRECTION_DEGREES) for angle in (across, along)
    )
    return np.where(active, CLASSES[forward + 1, right + 1], 0)
