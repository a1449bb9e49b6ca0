"""Response: how strongly a hand's motion acts, as pure functions: dead zone and curve, sensitivity, smoothing, limits.

What a person can set of this is a `Feel`. How fast a body can go at all is input/motion.py; which device a hand is on
is not known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

# Reduced motion: no faster than this (rad/s) on either axis, and no longer than this (s) after the hand has stopped.
REDUCED_TURN = math.radians(40)
REDUCED_CARRY_S = 0.25
# A stick further out than this counts as a held key for worlds that know only keys.
HELD_BEYOND = 0.5
# `look_smoothing` seconds are this many time constants, so that 95 % of a motion is made within them.
TIME_CONSTANTS = 3.0
# Less than this (rad) is not worth spreading any further.
CRUMB = 1e-5


@dataclass(frozen=True)
class Feel:
    """What a person sets; the fields are named and meant as in runtime/settings.py.

    mouse_sensitivity, stick_sensitivity: times the default; invert_y: mouse and stick up look down (keys stay as they
    are named); look_smoothing: seconds over which the mouse's motion is spread, 0 for none; dead_zone: of sticks, in
    [0, 0.9]; stick_curve: exponent of their response, above 0; run: "hold" or "toggle"; reduced_motion: limit the turn
    rate.
    """

    mouse_sensitivity: float = 1.0
    stick_sensitivity: float = 1.0
    invert_y: bool = False
    look_smoothing: float = 0.0
    dead_zone: float = 0.15
    stick_curve: float = 1.6
    run: str = "hold"
    reduced_motion: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.dead_zone <= 0.9:
            raise ValueError(f"a dead zone is in [0, 0.9], not {self.dead_zone}")
        if not (self.stick_curve > 0 and self.look_smoothing >= 0):
            raise ValueError(f"stick_curve {self.stick_curve} or look_smoothing {self.look_smoothing} is out of range")
        if not (self.mouse_sensitivity >= 0 and self.stick_sensitivity >= 0):
            raise ValueError("a sensitivity is not negative")
        if self.run not in ("hold", "toggle"):
            raise ValueError(f"run is hold or toggle, not {self.run!r}")

    @property
    def turn_limit(self) -> float:
        """The fastest turn on either axis, in rad/s."""
        return REDUCED_TURN if self.reduced_motion else math.inf


def feel_of(settings: object) -> Feel:
    """The Feel with the fields of the same names of `settings`, such as a runtime.settings.Settings."""
    return Feel(**{field.name: getattr(settings, field.name) for field in fields(Feel)})


def stick_response(x: float, y: float, feel: Feel) -> tuple[float, float]:
    """What a stick at (x, y), each in [-1, 1], asks for: the same direction, a length in [0, 1].

    The length is 0 in the dead zone, which is round, and grows from 0 at its edge to 1 at full deflection; beyond, as
    in the corners of a stick that has them, it stays 1.
    """
    length = math.hypot(x, y)
    if length <= feel.dead_zone:
        return 0.0, 0.0
    out = min((length - feel.dead_zone) / (1.0 - feel.dead_zone), 1.0) ** feel.stick_curve
    return x / length * out, y / length * out


def stick_keys(x: float, y: float, feel: Feel, directions: tuple[str, str, str, str]) -> frozenset[str]:
    """Which of the four `directions` (positive x, negative x, positive y, negative y) count as held with a stick."""
    if math.hypot(x, y) <= feel.dead_zone:
        return frozenset()
    flags = (x > HELD_BEYOND, x < -HELD_BEYOND, y > HELD_BEYOND, y < -HELD_BEYOND)
    return frozenset(name for name, held in zip(directions, flags, strict=True) if held)


def smoothed(owed: float, seconds: float, dt: float) -> float:
    """How much of a rotation `owed` (rad) by the mouse is made in a frame of `dt` seconds; the rest is for later.

    Whatever the frame rate, nothing is lost: the parts of one motion add up to it.
    """
    if seconds <= 0 or abs(owed) <= CRUMB:
        return owed
    return owed * -math.expm1(-dt * TIME_CONSTANTS / seconds)
