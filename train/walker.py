"""Walkers: somebody at the keys and the mouse who wanders through a map, looks about, and does not walk through walls.

A walker only holds actions and moves the mouse; input/controls.py turns that into control rows and input/camera.py into
poses, as in play. A collision replaces the position by the one slid along the obstacle; the row stays what was asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from input.camera import Pose, c2w_from_arrays, move, wrap
from input.controls import MOVEMENT_ACTIONS, Motion, Velocity, advance
from train.ground import FINE, Ground, ground_of
from train.maps import CELLS, Map

MOTION = Motion()
# How often each habit is taken up, and for how many frames (a sweep lasts until it is done).
HABITS = {
    "walk": (0.46, 25, 80),
    "run": (0.14, 20, 60),
    "curve": (0.11, 12, 35),
    "strafe": (0.09, 10, 30),
    "retreat": (0.04, 8, 24),
    "stand": (0.50, 12, 40),
    "sweep": (0.08, 1, 1),
    "return": (0.03, 1, 1),
}


@dataclass(frozen=True, eq=False)
class Walk:
    """What was done and where it led, per frame: c2w float32 [T, 4, 4], rows float32 [T, 4], held uint16 [T] (one bit
    per action, in the order of MOVEMENT_ACTIONS), mouse float32 [T, 2] pixels. Row 0 is zero."""

    c2w: np.ndarray
    rows: np.ndarray
    held: np.ndarray
    mouse: np.ndarray


class Walker:
    """Takes up one habit after the other; `step` says what is held and how the mouse moves in the next frame."""

    def __init__(self, ground: Ground, rng: np.random.Generator, frame_s: float) -> None:
        self.ground, self.rng, self.frame_s = ground, rng, frame_s
        self.names = list(HABITS)
        self.odds = np.cumsum([odds for odds, _, _ in HABITS.values()])
        self.tilt, self.heading, self.swing = 0.0, None, 0.0
        self.take_up(self.any_habit())

    def any_habit(self) -> str:
        """A habit by the odds of HABITS."""
        return self.names[int(np.searchsorted(self.odds, self.rng.random() * self.odds[-1]))]

    def take_up(self, habit: str) -> None:
        """Begin a habit: how long, to which side, with the keys or with the mouse."""
        _, low, high = HABITS[habit]
        self.habit, self.left = habit, int(self.rng.integers(low, high + 1))
        self.side = 1 if self.rng.random() < 0.5 else -1
        self.keys = bool(self.rng.random() < 0.4)
        self.ahead = self.rng.random() < 0.5
        self.rate = self.rng.uniform(0.05, 0.16)
        self.owed = 0.0
        if habit == "sweep":
            self.owed = self.rng.uniform(math.pi, 1.6 * math.pi)
        elif habit == "return":
            self.owed, self.rate = math.pi, self.rng.uniform(0.12, 0.24)
        if self.rng.random() < 0.4:
            self.tilt = self.rng.uniform(-0.5, 0.5) if self.rng.random() < 0.4 else self.rng.uniform(-0.12, 0.08)

    def choose(self, pose: Pose) -> None:
        """Pick the next habit; after turning round one walks back the way one came."""
        if self.habit == "return":
            self.take_up("walk")
            return
        close = self.ground.sight(pose.x, pose.z, pose.yaw, 2.0) < 1.5
        self.take_up("walk" if close else self.any_habit())
        # Somewhere new to go, or straight on.
        self.heading = self.best_heading(pose, 0.8) if close or self.rng.random() < 0.6 else None

    def best_heading(self, pose: Pose, spread: float) -> float:
        """A yaw to walk to: far to go and not far to turn, with some chance in it."""
        turns = self.rng.normal(0, spread, 5).tolist() + [0.0, 1.0, -1.0, 2.0, -2.0, math.pi]
        chances = self.rng.uniform(0, 2, len(turns)).tolist()

        def worth(i: int) -> float:
            return self.ground.sight(pose.x, pose.z, pose.yaw + turns[i], 7) - abs(turns[i]) + chances[i]

        return wrap(pose.yaw + turns[max(range(len(turns)), key=worth)])

    def step(self, pose: Pose) -> tuple[frozenset[str], tuple[float, float]]:
        """(held actions, mouse pixels) for the frame after `pose`."""
        self.left -= 1
        if self.left < 0 and self.owed <= 0:
            self.choose(pose)
        held: set[str] = set()
        if self.habit in ("sweep", "return"):
            turn = self.sweep(pose, held)
        elif self.habit == "stand":
            turn = 0.0
        else:
            turn = self.travel(pose, held)
        # A hand is not a motor: its motion follows what it wants with a lag.
        self.swing += 0.5 * (turn - self.swing)
        dx = self.swing / MOTION.mouse_gain if abs(self.swing) > 1e-3 else 0.0
        dy = self.nod(pose, held)
        return frozenset(held), (float(round(dx)), dy)

    def sweep(self, pose: Pose, held: set[str]) -> float:
        """Turn on the spot, or while walking on, until the angle owed is made."""
        if self.habit == "sweep" and self.ahead and self.ground.sight(pose.x, pose.z, pose.yaw, 1.0) == 1.0:
            held.add("forward")
        if self.keys:
            held.add("turn_right" if self.side > 0 else "turn_left")
            self.owed -= MOTION.turn_speed * self.frame_s
            return 0.0
        self.owed -= self.rate
        return self.side * self.rate

    def travel(self, pose: Pose, held: set[str]) -> float:
        """Walk by the present habit, turning away from obstacles; the turn of the mouse in radians."""
        free = self.ground.sight(pose.x, pose.z, pose.yaw, 2.5)
        if free < 1.5 and self.habit != "retreat" and self.heading is None:
            self.heading = self.best_heading(pose, 1.4)
        if self.habit == "retreat":
            held.add("back")
        elif self.habit == "strafe":
            held.add("right" if self.side > 0 else "left")
            if self.ahead:
                held.add("forward")
        elif free > 0.5:
            held.add("forward")
            if self.habit == "run" and free > 1.0:
                held.add("run")
        if self.habit == "curve" and self.heading is None:
            if self.keys:
                held.add("turn_right" if self.side > 0 else "turn_left")
            return 0.0 if self.keys else self.side * self.rate * 0.5
        return self.steer(pose, held)

    def steer(self, pose: Pose, held: set[str]) -> float:
        """Turn towards the heading with the keys or with the mouse, whose turn in radians is returned."""
        if self.heading is None:
            return 0.0
        error = wrap(self.heading - pose.yaw)
        if abs(error) < 0.12:
            self.heading = None
            return 0.0
        if self.keys:
            held.add("turn_right" if error > 0 else "turn_left")
            return 0.0
        # Nobody studies a wall from nearby: there one turns briskly.
        close = self.ground.sight(pose.x, pose.z, pose.yaw, 1.0) < 1.0
        return math.copysign(min(abs(error) * 0.25, max(self.rate, 0.15 * close)), error)

    def nod(self, pose: Pose, held: set[str]) -> float:
        """Bring the pitch to the tilt that is wanted, by keys or by mouse pixels, which are returned."""
        error = self.tilt - pose.pitch
        if abs(error) < 0.04:
            return 0.0
        if self.keys and abs(error) > 0.1:
            held.add("look_up" if error > 0 else "look_down")
            return 0.0
        return float(-round(math.copysign(min(0.15 * abs(error) + 0.004, 0.05), error) / MOTION.mouse_gain))


def find_start(ground: Ground, rng: np.random.Generator) -> Pose:
    """A free place that looks somewhere open."""
    while True:
        x, z = rng.uniform(1, CELLS - 1, 2).tolist()
        if ground.open[int(z * FINE)][int(x * FINE)] and ground.is_free(x, z):
            yaws = rng.uniform(-math.pi, math.pi, 4).tolist()
            return Pose(x, 0.0, z, max(yaws, key=lambda yaw: ground.sight(x, z, yaw, 6)))


def walk(
    map_: Map, rng: np.random.Generator, frames: int, fps: float = 20, start: Pose | None = None, warm_up: int = 50
) -> Walk:
    """`frames` frames of a walk; without a start pose, from within a walk that has gone on for `warm_up` frames."""
    ground = ground_of(map_)
    pose, skip = (start, 0) if start else (find_start(ground, rng), warm_up)
    walker, velocity = Walker(ground, rng, 1 / fps), Velocity()
    poses, rows, held_bits, mice = [pose], [np.zeros(4, np.float32)], [0], [(0.0, 0.0)]
    for _ in range(skip + frames - 1):
        held, mouse = walker.step(pose)
        velocity, row = advance(MOTION, velocity, held, mouse, 1 / fps)
        moved = move(pose, row)
        x, z = ground.slide(moved.x, moved.z, (pose.x, pose.z))
        pose = replace(moved, x=x, z=z)
        poses.append(pose)
        rows.append(row)
        held_bits.append(sum(1 << i for i, action in enumerate(MOVEMENT_ACTIONS) if action in held))
        mice.append(mouse)
    rows[skip] = np.zeros(4, np.float32)
    kept = poses[skip:]
    c2w = c2w_from_arrays(
        np.array([(p.x, p.y, p.z) for p in kept]), np.array([p.yaw for p in kept]), np.array([p.pitch for p in kept])
    )
    mouse = np.array(mice[skip:], np.float32)
    return Walk(c2w.astype(np.float32), np.stack(rows[skip:]), np.array(held_bits[skip:], np.uint16), mouse)
