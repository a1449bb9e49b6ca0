"""Controls: held actions, sticks and mouse motion become one control row per video frame.

A row is that of input/motion.py, four columns. A world that wants to know keys as such gets one more column per action
that it names: 1 while the action is held, else 0. This is not a camera: where the rows lead, and where pitch is
clamped, is input/camera.py. No clock is read here and no device is known; time is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from input.events import Event, FocusLost, MouseMove, PadRemoved, Press, Release, Stick
from input.held import CENTRE, Held
from input.motion import MOVEMENT_ACTIONS, ROLES, Motion, Velocity, acting, advance
from input.response import Feel

__all__ = ["MOVEMENT_ACTIONS", "Controls", "Feel", "Motion", "Velocity", "advance"]


class Controls:
    """The accumulator between the event side and the frame side; one thread owns it.

    Events may come at any rate and are summed. A press that was already released when frames are sampled (a tap) still
    acts: from the first of those frames, for as many as its length covers, one at least; so does a stick that is back.
    """

    def __init__(self, motion: Motion | None = None, feel: Feel | None = None) -> None:
        self.motion = motion or Motion()
        self._feel = feel or Feel()
        self.neutral()

    @property
    def feel(self) -> Feel:
        """What the person set; may be changed at any time and counts from the next sample on."""
        return self._feel

    @feel.setter
    def feel(self, feel: Feel) -> None:
        self._feel = feel
        if feel.run != "toggle":
            self._held.switch_off("run")

    @property
    def held(self) -> frozenset[str]:
        """The actions that act now: keys that are down, a run that is switched on, and sticks that are far out."""
        return self._held.actions | acting(self._held.sticks, self._feel)

    def neutral(self) -> None:
        """Forget everything: nothing held, no motion pending, standing still."""
        self.velocity = Velocity()
        self._mouse = (0.0, 0.0)
        self._held = Held()

    def down(self, action: str, at: float = 0.0, key: str = "") -> None:
        """`key` begins `action` at `at` seconds (any clock; only a tap's length is taken from it)."""
        if action not in MOVEMENT_ACTIONS:
            raise ValueError(f"{action!r} is not a movement action")
        if action == "run" and self._feel.run == "toggle":
            self._held.switch(action, key)
        else:
            self._held.down(action, key, at)

    def up(self, action: str, at: float = 0.0, key: str = "") -> None:
        """`key` ends `action` at `at` seconds; an action held by two keys ends with the last."""
        self._held.up(action, key, at)

    def mouse(self, dx: float, dy: float) -> None:
        """Add mouse motion in pixels, dx positive right, dy positive down."""
        self._mouse = (self._mouse[0] + dx, self._mouse[1] + dy)

    def stick(self, name: str, x: float, y: float, role: str, at: float = 0.0) -> None:
        """The stick `name` stands at (x, y), as in events.Stick; `role` is `move`, `look` or "" for nothing."""
        if role not in (*ROLES, ""):
            raise ValueError(f"{role!r} is not a stick's role")
        # Sticks at rest are rarely at exactly nothing, and a flick is one that comes back to rest.
        rests = math.hypot(x, y) <= self._feel.dead_zone
        self._held.stick(name, role, CENTRE if rests else (x, y), at)

    def release_all(self) -> None:
        """Let go of every action, as when the window loses the keyboard; taps and mouse motion already made stay."""
        self._held.release()

    def take(self, event: Event, at: float = 0.0) -> bool:
        """Apply one event, and say whether that is all that it means: not so of commands, nor of a pad that is gone."""
        match event:
            case Press(action, key) if action in MOVEMENT_ACTIONS:
                self.down(action, at, key)
            case Release(action, key):
                self.up(action, at, key)
                return action in MOVEMENT_ACTIONS
            case MouseMove(dx, dy):
                self.mouse(dx, dy)
            case Stick(name, x, y, role):
                self.stick(name, x, y, role, at)
            case FocusLost():
                self.release_all()
            case PadRemoved():
                self._held.release(pads_only=True)
                return False
            case _:
                return False
        return True

    def sample(self, dt: float) -> np.ndarray:
        """The row, float32 [4], of one frame of `dt` seconds; consumes what was gathered since the last sample."""
        return self.sample_chunk(1, dt)[0]

    def sample_chunk(self, frames: int, dt: float, held_columns: Sequence[str] = ()) -> np.ndarray:
        """The rows, float32 [frames, 4 + len(held_columns)], of the next chunk of `frames` frames of `dt` seconds.

        The gathered mouse motion is spread evenly over it. The columns behind the first four are 1 in the frames in
        which the action of that name acts, else 0; a stick that is far out counts as a key that is held.
        """
        if frames < 1 or dt <= 0:
            raise ValueError(f"a chunk needs frames >= 1 and dt > 0, not {frames} and {dt}")
        mouse = (self._mouse[0] / frames, self._mouse[1] / frames)
        rows = np.empty((frames, 4 + len(held_columns)), np.float32)
        for i, (active, sticks) in enumerate(self._held.take(frames, dt)):
            self.velocity, rows[i, :4] = advance(self.motion, self.velocity, active, mouse, dt, sticks, self._feel)
            if held_columns:
                known = active | acting(sticks, self._feel)
                rows[i, 4:] = [action in known for action in held_columns]
        self._mouse = (0.0, 0.0)
        return rows
