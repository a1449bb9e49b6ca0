"""Motion: what one frame makes of held actions, sticks and mouse motion. Pure functions of a velocity and a time step.

A row is (right, forward, yaw, pitch): metres and radians for that one frame, float32, in the axes of a level camera
with the present yaw; yaw positive turns right, pitch positive looks up. Nothing is gathered here: what was held or
moved since the last frame is input/controls.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from input.response import REDUCED_CARRY_S, Feel, smoothed, stick_keys, stick_response

MOVEMENT_ACTIONS = (
    *("forward", "back", "left", "right"),
    *("turn_left", "turn_right", "look_up", "look_down"),
    "run",
    # These move no camera: only a world that has them among its held columns knows what they do.
    *("jump", "slide"),
)
# What a stick is for: to move the body or to turn the view.
ROLES = ("move", "look")
# Below this speed (m/s or rad/s) of its target a velocity has arrived, so that standing still is exactly zero.
ARRIVED = 1e-6


@dataclass(frozen=True)
class Motion:
    """How a body moves: speeds in m/s and rad/s, time constants in seconds, mouse in radians.

    `accelerate_s` governs an axis that is being driven, `decay_s` one that was let go. The mouse turns the view by at
    most `mouse_max` per frame and axis; what a flick has beyond that is not lost but carried to the next frames, up to
    the backlog (half a turn of yaw, the whole range of pitch). Only motion beyond a full backlog is dropped.
    """

    walk_speed: float = 1.5
    run_factor: float = 1.75
    turn_speed: float = math.radians(100)
    pitch_speed: float = math.radians(60)
    accelerate_s: float = 0.12
    decay_s: float = 0.10
    mouse_gain: float = math.radians(0.12)
    mouse_max: float = math.radians(15)
    yaw_backlog: float = math.radians(180)
    pitch_backlog: float = math.radians(70)


@dataclass(frozen=True)
class Velocity:
    """What one frame hands to the next: key velocities (m/s, rad/s) and mouse rotation not yet made (radians)."""

    right: float = 0.0
    forward: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    mouse_yaw: float = 0.0
    mouse_pitch: float = 0.0


@dataclass(frozen=True)
class Sticks:
    """Where the sticks of each role stand, (x, y) in [-1, 1] each; as on screens, positive y is towards the person."""

    move: tuple[float, float] = (0.0, 0.0)
    look: tuple[float, float] = (0.0, 0.0)


CENTRED, DEFAULT_FEEL = Sticks(), Feel()


def limited(value: float, limit: float) -> float:
    """`value` within +-limit."""
    return min(max(value, -limit), limit)


def targets(
    motion: Motion, held: frozenset[str], sticks: Sticks = CENTRED, feel: Feel = DEFAULT_FEEL
) -> tuple[float, float, float, float]:
    """The velocities (right, forward, yaw, pitch) that held actions and sticks ask for, in m/s and rad/s.

    A stick adds to the keys, and together they are no faster than the faster of the two.
    """

    def axis(positive: str, negative: str) -> int:
        return (positive in held) - (negative in held)

    aside, towards = stick_response(*sticks.move, feel)
    right, forward = axis("right", "left") + aside, axis("forward", "back") - towards
    speed = motion.walk_speed * (motion.run_factor if "run" in held else 1.0)
    speed /= max(1.0, math.hypot(right, forward))
    turn, tilt = stick_response(*sticks.look, feel)
    most = max(1.0, feel.stick_sensitivity)
    yaw = limited(axis("turn_right", "turn_left") + turn * feel.stick_sensitivity, most)
    up = tilt if feel.invert_y else -tilt
    pitch = limited(axis("look_up", "look_down") + up * feel.stick_sensitivity, most)
    yaw, pitch = yaw * motion.turn_speed, pitch * motion.pitch_speed
    return right * speed, forward * speed, limited(yaw, feel.turn_limit), limited(pitch, feel.turn_limit)


def acting(sticks: Sticks, feel: Feel) -> frozenset[str]:
    """The actions that the sticks stand for in worlds that know only keys."""
    upright = ("look_up", "look_down") if feel.invert_y else ("look_down", "look_up")
    moved = stick_keys(*sticks.move, feel, ("right", "left", "back", "forward"))
    return moved | stick_keys(*sticks.look, feel, ("turn_right", "turn_left", *upright))


def approach(velocity: float, target: float, tau: float, dt: float) -> tuple[float, float]:
    """Exponential approach over `dt` seconds: (velocity at the end, distance covered, the exact integral)."""
    fade = math.exp(-dt / tau)
    distance = target * dt + (velocity - target) * tau * (1.0 - fade)
    velocity = target + (velocity - target) * fade
    return (target if abs(velocity - target) < ARRIVED else velocity), distance


def turned(owed: float, beside: float, motion: Motion, backlog: float, feel: Feel, dt: float) -> tuple[float, float]:
    """Split a rotation owed by the mouse into (made in this frame of `dt` seconds, carried to the next), in radians.

    Keys and sticks already turn by `beside` radians in this frame, on the same axis.
    """
    made = limited(smoothed(owed, feel.look_smoothing, dt), motion.mouse_max)
    if feel.reduced_motion:
        # Together no faster than the limit; and a view that goes on turning by itself is what must not be.
        made = limited(beside + made, feel.turn_limit * dt) - beside
        backlog = min(backlog, feel.turn_limit * REDUCED_CARRY_S)
    return made, limited(owed - made, backlog)


def advance(
    motion: Motion,
    velocity: Velocity,
    held: frozenset[str],
    mouse: tuple[float, float],
    dt: float,
    sticks: Sticks = CENTRED,
    feel: Feel = DEFAULT_FEEL,
) -> tuple[Velocity, np.ndarray]:
    """One frame of `dt` seconds with `held` actions, `mouse` pixels (dx right, dy down) and `sticks`: what it hands
    on, and its row, float32 [4].
    """
    limit = feel.turn_limit
    before = (velocity.right, velocity.forward, limited(velocity.yaw, limit), limited(velocity.pitch, limit))
    after, row = [], []
    for speed, target in zip(before, targets(motion, held, sticks, feel), strict=True):
        speed, distance = approach(speed, target, motion.accelerate_s if target else motion.decay_s, dt)
        after.append(speed)
        row.append(distance)
    # Screens count y downward, so moving the mouse up (dy < 0) looks up (pitch > 0).
    across, down = mouse[0] * feel.mouse_sensitivity, mouse[1] * feel.mouse_sensitivity
    yaw_owed = velocity.mouse_yaw + across * motion.mouse_gain
    pitch_owed = velocity.mouse_pitch + (down if feel.invert_y else -down) * motion.mouse_gain
    yaw, mouse_yaw = turned(yaw_owed, row[2], motion, motion.yaw_backlog, feel, dt)
    pitch, mouse_pitch = turned(pitch_owed, row[3], motion, motion.pitch_backlog, feel, dt)
    row[2] += yaw
    row[3] += pitch
    return Velocity(*after, mouse_yaw, mouse_pitch), np.array(row, np.float32)
