"""Actions: what a program asks of a body, as numbers, made into control rows. Pure; the environment is runtime/env.py.

The body is the one that keys and sticks steer: as fast, and as slow to get going (input/motion.py has the numbers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from input.motion import Motion, Velocity, approach

HELD = 0.5  # above which a column counts as held
# What pushing an axis more than half way is in a world that knows only keys: (beyond +HELD, beyond -HELD).
KEYS = (("right", "left"), ("forward", "back"), ("turn_right", "turn_left"), ("look_up", "look_down"))


def targets(action: np.ndarray, motion: Motion) -> tuple[float, float, float, float]:
    """Velocities (right, forward, yaw, pitch) in m/s and rad/s of an action's first four numbers, limited to [-1, 1].

    Walking askew is no faster than straight on.
    """
    right, forward, turn, tilt = (min(max(float(value), -1.0), 1.0) for value in action[:4])
    speed = motion.walk_speed * motion.run_factor / max(1.0, math.hypot(right, forward))
    return right * speed, forward * speed, turn * motion.turn_speed, tilt * motion.pitch_speed


def held_of(action: np.ndarray, held_columns: Sequence[str]) -> list[bool]:
    """Which of a world's columns are held: by their own number, or by that of the axis that their key stands for."""
    pushed = {keys[int(value < 0)] for keys, value in zip(KEYS, action[:4], strict=True) if abs(value) > HELD}
    own = zip(held_columns, action[4:], strict=True)
    return [value > HELD or name in pushed for name, value in own]


def rows_of(
    action: np.ndarray, velocity: Velocity, motion: Motion, frames: int, dt: float, held_columns: Sequence[str] = ()
) -> tuple[Velocity, np.ndarray]:
    """One chunk of `frames` frames of `dt` seconds: (velocity at its end, rows float32 [frames, 4 + held columns])."""
    wanted, speeds = targets(action, motion), [velocity.right, velocity.forward, velocity.yaw, velocity.pitch]
    rows = np.empty((frames, 4 + len(held_columns)), np.float32)
    rows[:, 4:] = held_of(action, held_columns)
    for row in rows:
        for axis, target in enumerate(wanted):
            tau = motion.accelerate_s if target else motion.decay_s
            speeds[axis], row[axis] = approach(speeds[axis], target, tau, dt)
    return Velocity(*speeds), rows
