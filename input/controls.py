"""Controls: held actions and mouse motion become one control row per video frame.

A row is (right, forward, yaw, pitch): metres and radians for that one frame, float32, in the axes of a level camera
with the present yaw; yaw positive turns right, pitch positive looks up. A world that wants to know keys as such gets
one more column per action that it names: 1 while the action is held, else 0. This is not a camera: where the rows lead,
and where pitch is clamped, is input/camera.py. No clock is read here and no device is known; time is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from input.events import Event, FocusLost, MouseMove, Press, Release

MOVEMENT_ACTIONS = (
    *("forward", "back", "left", "right"),
    *("turn_left", "turn_right", "look_up", "look_down"),
    "run",
    # These move no camera: only a world that has them among its held columns knows what they do.
    *("jump", "slide"),
)
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


def targets(motion: Motion, held: frozenset[str]) -> tuple[float, float, float, float]:
    """The velocities (right, forward, yaw, pitch) that the held actions ask for, in m/s and rad/s."""

    def axis(positive: str, negative: str) -> int:
        return (positive in held) - (negative in held)

    right, forward = axis("right", "left"), axis("forward", "back")
    speed = motion.walk_speed * (motion.run_factor if "run" in held else 1.0)
    speed /= max(1.0, math.hypot(right, forward))
    yaw = axis("turn_right", "turn_left") * motion.turn_speed
    pitch = axis("look_up", "look_down") * motion.pitch_speed
    return right * speed, forward * speed, yaw, pitch


def approach(velocity: float, target: float, tau: float, dt: float) -> tuple[float, float]:
    """Exponential approach over `dt` seconds: (velocity at the end, distance covered, the exact integral)."""
    fade = math.exp(-dt / tau)
    distance = target * dt + (velocity - target) * tau * (1.0 - fade)
    velocity = target + (velocity - target) * fade
    return (target if abs(velocity - target) < ARRIVED else velocity), distance


def spend(owed: float, limit: float, backlog: float) -> tuple[float, float]:
    """Split a rotation owed by the mouse into (made this frame, carried to the next), both in radians."""
    made = min(max(owed, -limit), limit)
    return made, min(max(owed - made, -backlog), backlog)


def advance(
    motion: Motion, velocity: Velocity, held: frozenset[str], mouse: tuple[float, float], dt: float
) -> tuple[Velocity, np.ndarray]:
    """One frame of `dt` seconds with `held` actions and `mouse` pixels (dx right, dy down): (velocity, float32 [4])."""
    before = (velocity.right, velocity.forward, velocity.yaw, velocity.pitch)
    after, row = [], []
    for speed, target in zip(before, targets(motion, held), strict=True):
        speed, distance = approach(speed, target, motion.accelerate_s if target else motion.decay_s, dt)
        after.append(speed)
        row.append(distance)
    # Screens count y downward, so moving the mouse up (dy < 0) looks up (pitch > 0).
    yaw_owed = velocity.mouse_yaw + mouse[0] * motion.mouse_gain
    pitch_owed = velocity.mouse_pitch - mouse[1] * motion.mouse_gain
    yaw, mouse_yaw = spend(yaw_owed, motion.mouse_max, motion.yaw_backlog)
    pitch, mouse_pitch = spend(pitch_owed, motion.mouse_max, motion.pitch_backlog)
    row[2] += yaw
    row[3] += pitch
    return Velocity(*after, mouse_yaw, mouse_pitch), np.array(row, np.float32)


class Controls:
    """The accumulator between the event side and the frame side; one thread owns it.

    Events may come at any rate and are summed. A press that was already released when frames are sampled (a tap) still
    acts: from the first of those frames, for as many as its length covers, one at least.
    """

    def __init__(self, motion: Motion | None = None) -> None:
        self.motion = motion or Motion()
        self.neutral()

    @property
    def held(self) -> frozenset[str]:
        """The actions that are down now."""
        return frozenset(action for action, _ in self._down)

    def neutral(self) -> None:
        """Forget everything: nothing held, no motion pending, standing still."""
        self.velocity = Velocity()
        self._mouse = (0.0, 0.0)
        self._down: set[tuple[str, str]] = set()
        self._fresh: dict[tuple[str, str], float] = {}
        self._taps: dict[str, list[float]] = {}

    def down(self, action: str, at: float = 0.0, key: str = "") -> None:
        """`key` begins `action` at `at` seconds (any clock; only a tap's length is taken from it)."""
        if action not in MOVEMENT_ACTIONS:
            raise ValueError(f"{action!r} is not a movement action")
        if (action, key) not in self._down:
            self._down.add((action, key))
            self._fresh[action, key] = at

    def up(self, action: str, at: float = 0.0, key: str = "") -> None:
        """`key` ends `action` at `at` seconds; an action held by two keys ends with the last."""
        self._down.discard((action, key))
        if (action, key) in self._fresh:
            self._taps.setdefault(action, []).append(at - self._fresh.pop((action, key)))

    def mouse(self, dx: float, dy: float) -> None:
        """Add mouse motion in pixels, dx positive right, dy positive down."""
        self._mouse = (self._mouse[0] + dx, self._mouse[1] + dy)

    def release_all(self) -> None:
        """Let go of every action, as when the window loses the keyboard; taps and mouse motion already made stay."""
        self._down.clear()
        self._fresh.clear()

    def take(self, event: Event, at: float = 0.0) -> bool:
        """Apply one event if it is about motion, and say whether it was; commands are left to the caller."""
        match event:
            case Press(action, key) if action in MOVEMENT_ACTIONS:
                self.down(action, at, key)
            case Release(action, key) if action in MOVEMENT_ACTIONS:
                self.up(action, at, key)
            case MouseMove(dx, dy):
                self.mouse(dx, dy)
            case FocusLost():
                self.release_all()
            case _:
                return False
        return True

    def sample(self, dt: float) -> np.ndarray:
        """The row, float32 [4], of one frame of `dt` seconds; consumes what was gathered since the last sample."""
        return self.sample_chunk(1, dt)[0]

    def sample_chunk(self, frames: int, dt: float, held_columns: Sequence[str] = ()) -> np.ndarray:
        """The rows, float32 [frames, 4 + len(held_columns)], of the next chunk of `frames` frames of `dt` seconds.

        The gathered mouse motion is spread evenly over it. The columns behind the first four are 1 in the frames in
        which the action of that name acts, else 0.
        """
        if frames < 1 or dt <= 0:
            raise ValueError(f"a chunk needs frames >= 1 and dt > 0, not {frames} and {dt}")
        taps = {action: sum(max(1, round(s / dt)) for s in spans) for action, spans in self._taps.items()}
        mouse = (self._mouse[0] / frames, self._mouse[1] / frames)
        held, rows = self.held, np.empty((frames, 4 + len(held_columns)), np.float32)
        for i in range(frames):
            active = held | {action for action, covered in taps.items() if i < covered}
            self.velocity, rows[i, :4] = advance(self.motion, self.velocity, active, mouse, dt)
            rows[i, 4:] = [action in active for action in held_columns]
        self._mouse = (0.0, 0.0)
        self._fresh.clear()
        self._taps.clear()
        return rows
