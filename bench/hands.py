"""Hands: somebody who plays for hours: xdotool's keys and mouse on a display, or a script where there is none."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

KEYS = ("w", "w", "w", "a", "d", "s", "Left", "Right", "Up", "Down", "space")
# In a kiosk, one in so many times they go away for so long, in seconds: it is to become idle.
AWAY_ONE_IN, AWAY_S = 25, 35.0
RESUME_S = 2.0


class Hands:
    """Drawn from `seed`; `environment` names the display. Times are in seconds on any clock."""

    def __init__(self, environment: Mapping[str, str], seed: int = 0, goes_away: bool = False) -> None:
        self._environment, self._draw, self._goes_away = dict(environment), random.Random(seed), goes_away
        self._next_at, self._resume_at, self._held = 0.0, 0.0, ""
        self.presses = 0

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        if now < self._next_at:
            return
        draw, words = self._draw, []
        if self._held:
            words, self._held = ["keyup", self._held], ""
            self._next_at = now + draw.uniform(0.1, 1.5)
            if self._goes_away and draw.randrange(AWAY_ONE_IN) == 0:
                self._next_at = now + AWAY_S
        elif draw.random() < 0.3:
            words = ["mousemove_relative", "--", str(draw.randint(-250, 250)), str(draw.randint(-30, 30))]
            self._next_at = now + draw.uniform(0.1, 0.8)
        else:
            self._held = draw.choice(KEYS)
            words = ["keydown", self._held]
            self._next_at = now + draw.uniform(0.05, 3.0)
        self._do(*words)

    def resume(self, now: float) -> None:
        """End a pause, and give that some time to show before it is done once more."""
        if now >= self._resume_at:
            self._resume_at = now + RESUME_S
            self.let_go()
            self._do("key", "p")

    def let_go(self) -> None:
        """Nothing stays pressed."""
        if self._held:
            self._do("keyup", self._held)
            self._held = ""

    def _do(self, *words: str) -> None:
        # A display that is slow for once is no reason to end a soak of hours.
        done = subprocess.run(["xdotool", *words], env=self._environment, capture_output=True, timeout=30)
        self.presses += done.returncode == 0


class NoHands:
    """Where a script plays."""

    presses = 0

    def tick(self, now: float) -> None: ...

    def resume(self, now: float) -> None: ...

    def let_go(self) -> None: ...


def write_script(path: Path, seconds: float) -> Path:
    """A script of the same kind, of that length."""
    draw, at, entries = random.Random(0), 1.0, []
    while at < seconds:
        key, until = draw.choice(("w", "w", "a", "d", "right", "left")), at + draw.uniform(0.1, 3.0)
        entries += [{"at": at, "down": key}, {"at": until, "up": key}]
        at = until + draw.uniform(0.1, 1.0)
    path.write_text(json.dumps(entries))  # JSON is YAML
    return path


def possible() -> bool:
    """Whether there can be a display of our own with hands on it."""
    return shutil.which("Xvfb") is not None and shutil.which("xdotool") is not None
