"""WorldPlay's conditioning by hand: control rows to one camera per latent frame, in the model's units. NumPy only.

The camera is ours (input/camera.py): yaw turns about the world's vertical and pitch about the camera's own x axis, so
that no roll creeps in however long one looks around; the official motions would roll (model/worldplay/cameras.py). It
begins as the identity, the world frame, and is never re-based.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees, hypot

import numpy as np

from input.camera import Pose, c2w_from_arrays, integrate
from input.motion import Motion
from model.world import CONTROL_COLUMNS
from model.worldplay.cameras import STEP_RADIANS, STEP_UNITS

ROWS_PER_LATENT = 4  # video frames, and so rows of controls, of every latent frame but the walk's first, which has one
FPS = 24.0
# What walking and turning by key at their usual speed come to within a latent, in metres and radians.
WALKED = Motion().walk_speed * ROWS_PER_LATENT / FPS
TURNED = Motion().turn_speed * ROWS_PER_LATENT / FPS


@dataclass(frozen=True)
class CameraScale:
    """How a hand's metres and radians become the model's.

    `units_per_metre` and `turn` (the model's radians per radian) make of walking and of turning by key at their usual
    speed the official step of a latent, 0.08 units and 3 degrees. `most_units` and `most_degrees` limit what one latent
    moves and turns, to three times that: training saw little else than the step, the label does not tell how far, and
    four frames have to show all of the way; a flick of the mouse, a hundred steps at once, would leave what the model
    knows. What is beyond the limit is dropped: carried on, the view would go on turning after the hand had stopped.
    """

    units_per_metre: float = STEP_UNITS / WALKED
    turn: float = STEP_RADIANS / TURNED
    most_units: float = 3 * STEP_UNITS
    most_degrees: float = 3 * degrees(STEP_RADIANS)

    def __post_init__(self) -> None:
        if not min(self.units_per_metre, self.turn, self.most_units, self.most_degrees) > 0:
            raise ValueError("a camera's scale and its limits are more than 0")

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """One latent's control rows [frames, 4] in the model's units and radians, float64, within the limits."""
        rows = np.asarray(rows, np.float64) * (self.units_per_metre, self.units_per_metre, self.turn, self.turn)
        right, forward, yaw, pitch = rows.sum(0)
        limits = (self.most_units, hypot(right, forward)), (np.radians(self.most_degrees), hypot(yaw, pitch))
        moved, turned = (most / max(most, made) for most, made in limits)
        return rows * (moved, moved, turned, turned)


def latent_poses(pose: Pose | None, rows: np.ndarray, scale: CameraScale) -> list[Pose]:
    """The poses, in the model's units, of the latent frames of a chunk; the last one is the next chunk's `pose`.

    rows [frames, 4 or more]: the chunk's control rows, those of model.world.CONTROL_COLUMNS first, one per video frame.
    pose: that of the latent before; None where a walk begins. There the first latent is a single frame, the start
    picture, and stands at the origin whatever its row says. Raises ValueError where rows do not make whole latents.
    """
    rows = np.asarray(rows)[:, : len(CONTROL_COLUMNS)]
    poses: list[Pose] = []
    if pose is None:
        pose, rows = Pose(), rows[1:]
        poses.append(pose)
    if len(rows) % ROWS_PER_LATENT:
        raise ValueError(f"{len(rows)} control rows are not whole latents of {ROWS_PER_LATENT}")
    for latent in rows.reshape(-1, ROWS_PER_LATENT, rows.shape[-1]):
        pose = integrate(pose, scale.scaled(latent))[-1]
        poses.append(pose)
    return poses


def cameras(poses: list[Pose]) -> np.ndarray:
    """Camera-to-world of poses, float64 [N, 4, 4], in the units of the poses."""
    numbers = np.array([(pose.x, pose.y, pose.z, pose.yaw, pose.pitch) for pose in poses])
    return c2w_from_arrays(numbers[:, :3], numbers[:, 3], numbers[:, 4])
