"""Walks through WorldPlay's memory that tests share."""

from __future__ import annotations

import numpy as np

from input.camera import c2w_from_arrays
from model.worldplay.history import History
from model.worldplay.overlap import Memory

# With fewer points than play has, for speed, and so with more ties.
SMALL = {
    "8b": Memory(points=6000),
    "5b": Memory(points=6000, budget=16, keep_first=False),
    "two clips": Memory(points=6000, budget=24),
}
NONE = np.zeros(4, np.int64)


def poses(rows) -> np.ndarray:
    """Cameras of rows (x, y, z, yaw, pitch)."""
    rows = np.asarray(rows, np.float64)
    return c2w_from_arrays(rows[:, :3], rows[:, 3], rows[:, 4])


def random_walk(seed: int, latents: int, step: float, turn: float, grid: float) -> np.ndarray:
    """A walk that turns and moves at random; `grid`: what its numbers are multiples of, so that they return."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, 1, (latents, 5)) * (step, step / 4, step, turn, turn / 4)
    rows = np.cumsum(moves * np.repeat(random.random((latents // 4 + 1, 1)) < 0.7, 4, 0)[:latents], 0)
    rows[:, 4] = np.clip(rows[:, 4], -1.5, 1.5)
    return poses(np.round(rows / grid) * grid if grid else rows)


def play(history: History, c2w: np.ndarray) -> list[tuple[int, ...]]:
    """Every chunk's choice."""
    choices = []
    for start in range(0, len(c2w), 4):
        history.append(c2w[start : start + 4], NONE)
        choices.append(history.choose(start))
    return choices
