"""Walker: somebody who strolls through a world when nobody else does. Pure: (gait, where it is) -> (gait, controls).

Mostly forward, turning gently one way and then the other; one that gets nowhere turns round. It sees no picture, only
the camera that the world tells. The same seed and cameras give the same walk.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

SPEED = 1.1  # metres per second
TURN = math.radians(26)  # the fastest gentle turn, per second
ROUND = math.radians(75)  # turning away from what is in the way, per second
# Seconds over which turn and speed change.
EASE_S = 0.6
# A leg goes on for so long before another turn is drawn, in seconds; one that turns away lasts as long as it must.
LEG_S, AWAY_S = (1.5, 5.0), (1.2, 2.4)
# Nearer than this part of the way that was walked within so many seconds is stuck.
STUCK_SHARE, STUCK_S = 0.25, 1.0
# What a world is told whose controls are keys: actions by the direction they stand for, and how fast is a key.
KEYS = {
    "forward": (1, 1.0),
    "back": (1, -1.0),
    "right": (0, 1.0),
    "left": (0, -1.0),
    "turn_right": (2, 1.0),
    "turn_left": (2, -1.0),
}
THRESHOLDS = (0.3, 0.3, TURN * 0.6)


@dataclass(frozen=True)
class Gait:
    """Where the walker is in its stroll; rates in metres and radians per second, times in seconds.

    `drawn` counts the legs, and with `seed` decides the next one. `walked` and `moved` are metres since `mark`, the
    position where the walker last asked itself whether it gets on; `tracked`: the world does tell a camera that moves.
    """

    seed: int
    drawn: int = 0
    left_s: float = 0.0
    speed: float = 0.0
    yaw: float = 0.0
    aim_speed: float = SPEED
    aim_yaw: float = 0.0
    away: bool = False
    mark: tuple[float, float, float] | None = None
    mark_s: float = 0.0
    walked: float = 0.0
    tracked: bool = False


def next_leg(gait: Gait, away: bool) -> Gait:
    """The gait with another turn to make, drawn from its seed; `away`: turn on the spot, for the way is barred."""
    draw = random.Random(f"{gait.seed}/{gait.drawn}")
    side = -1.0 if draw.random() < 0.5 else 1.0
    if away:
        aim, speed, lasts = side * ROUND, 0.0, draw.uniform(*AWAY_S)
    else:
        straight = draw.random() < 0.35
        aim, speed, lasts = side * draw.uniform(0.2, 1.0) * TURN * (not straight), SPEED, draw.uniform(*LEG_S)
    return replace(gait, drawn=gait.drawn + 1, left_s=lasts, aim_yaw=aim, aim_speed=speed, away=away)


def notice(gait: Gait, camera: np.ndarray) -> Gait:
    """What the walker learns from the camera, float64 [4, 4], before it goes on: that it is stuck."""
    here = tuple(float(value) for value in camera[:3, 3])
    if gait.mark is None:
        return replace(gait, mark=here)
    moved = math.dist(here, gait.mark)
    gait = replace(gait, tracked=gait.tracked or moved > 0.05)
    if gait.mark_s < STUCK_S:
        return gait
    stuck = gait.tracked and not gait.away and moved < STUCK_SHARE * gait.walked
    gait = replace(gait, mark=here, mark_s=0.0, walked=0.0)
    return next_leg(gait, away=True) if stuck else gait


def stroll(
    gait: Gait, camera: np.ndarray, frames: int, dt: float, held_columns: Sequence[str] = ()
) -> tuple[Gait, np.ndarray]:
    """The controls of the next chunk, float32 [frames, 4 + len(held_columns)], of `dt` seconds per frame."""
    gait = notice(gait, camera)
    rows = np.zeros((frames, 4 + len(held_columns)), np.float32)
    ease = 1.0 - math.exp(-dt / EASE_S)
    for row in rows:
        if gait.left_s <= 0:
            gait = next_leg(gait, away=False)
        speed = gait.speed + (gait.aim_speed - gait.speed) * ease
        yaw = gait.yaw + (gait.aim_yaw - gait.yaw) * ease
        row[1], row[2] = speed * dt, yaw * dt
        row[4:] = [key_down(name, speed, yaw) for name in held_columns]
        walked, mark_s = gait.walked + speed * dt, gait.mark_s + dt
        gait = replace(gait, speed=speed, yaw=yaw, left_s=gait.left_s - dt, walked=walked, mark_s=mark_s)
    return gait, rows


def key_down(action: str, speed: float, yaw: float) -> bool:
    """Whether somebody who walks like this would hold the key of `action`."""
    if action not in KEYS:
        return False
    axis, sign = KEYS[action]
    return (0.0, speed, yaw)[axis] * sign > THRESHOLDS[axis]
