"""Overlap: how much of a camera's view another one sees, and the context latents that WorldPlay's memory chooses by it.

The official measure, exactly, point by point (the specification's section 6); for walks of hours there is
model/worldplay/history.py, which chooses the same. NumPy only, float64; angles are the model's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

import numpy as np

from input.camera import w2c

SEED = 20  # of the points of play; the official ones have none


@dataclass(frozen=True)
class Memory:
    """What a chunk's context is: all latents that came before while they fit into `budget`; then the `recent` ones,
    the first chunk (`keep_first`), and whole chunks by the overlap of views until `budget` is full.

    `fov` is the full horizontal and vertical angle, degrees, of the views that are compared; `points` of the ball of
    `radius` units around a camera are what they are compared by. Defaults are the 8B model's.
    """

    budget: int = 20
    recent: int = 12
    chunk: int = 4
    keep_first: bool = True
    fov: tuple[float, float] = (60.0, 35.0)
    radius: float = 8.0
    points: int = 50_000

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.recent < 0 or self.recent % self.chunk:
            raise ValueError(f"recent, {self.recent} latents, is not whole chunks of {self.chunk}")
        if self.budget < self.recent + self.chunk * self.keep_first:
            raise ValueError(f"a budget of {self.budget} latents does not hold what is always kept")
        if not all(0 < angle < 180 for angle in self.fov) or self.radius <= 0 or self.points < 1:
            raise ValueError(
                f"views of {self.fov} degrees, {self.radius} units and {self.points} points compare nothing"
            )

    def limited(self, budget: int) -> Memory:
        """As much as possible of this within another budget, of whole chunks: the recent latents and one clip before
        the first chunk. ValueError where not even one chunk fits.
        """
        if budget < self.chunk or budget % self.chunk:
            raise ValueError(f"a context of {budget} latents is not whole chunks of {self.chunk}")
        keep_first = self.keep_first and budget >= 3 * self.chunk
        recent = max(self.chunk, min(self.recent, budget - self.chunk * (1 + keep_first)))
        return replace(self, budget=budget, recent=recent, keep_first=keep_first)

    @property
    def first_candidate(self) -> int:
        """The first latent that may be retrieved."""
        return self.chunk if self.keep_first else 0

    @property
    def retrieved(self) -> int:
        """How many clips, of a chunk each, are chosen by overlap."""
        return -(-(self.budget - self.recent - self.first_candidate) // self.chunk)

    @property
    def scored(self) -> tuple[int, int]:
        """The latents of a clip that stand for it, counted from its first."""
        return 0, self.chunk // 2

    def context(self, current: int, clips: list[int]) -> tuple[int, ...]:
        """The latents that the chunk at `current` sees, given the `clips` (their first latents) that were retrieved."""
        starts = [*([0] if self.keep_first else []), *clips]
        kept = {start + i for start in starts for i in range(self.chunk)}
        return tuple(sorted(kept | set(range(max(current - self.recent, 0), current))))


MEMORY_8B = Memory()
MEMORY_5B = Memory(budget=16, keep_first=False)


def ball(uniforms: np.ndarray, radius: float) -> np.ndarray:
    """Points evenly spread in a ball, float64 [n, 3], from `uniforms` [3, n] in [0, 1)."""
    first, second, third = np.asarray(uniforms, np.float64)
    r, phi, theta = radius * np.cbrt(first), 2 * np.pi * second, np.arccos(1 - 2 * third)
    across = r * np.sin(theta)
    return np.stack([across * np.cos(phi), across * np.sin(phi), r * np.cos(theta)], -1)


def own_points(memory: Memory) -> np.ndarray:
    """The points that play compares views by, the same ones for ever: those in a camera's own view, [n, 3]."""
    return in_view(ball(np.random.default_rng(SEED).random((3, memory.points)), memory.radius), memory)


def angles(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth (right positive) and elevation (down positive) [...] in radians of `directions` [..., 3]."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))


def visible(points: np.ndarray, forward: np.ndarray, memory: Memory) -> np.ndarray:
    """Which of `points` [n, 3], seen from the camera's place, a camera looking along `forward` [3] has in view.

    Azimuth and elevation count, not the picture's edges; a roll changes nothing.
    """
    (azimuth, elevation), (yaw, tilt) = angles(points), angles(forward)
    across, down = (radians(angle) / 2 for angle in memory.fov)
    return (np.abs(_wrapped(azimuth - yaw)) < across) & (np.abs(_wrapped(elevation - tilt)) < down)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def in_view(points: np.ndarray, memory: Memory) -> np.ndarray:
    """Those of `points` [n, 3], in a camera's axes, that it has in view itself."""
    points = np.asarray(points, np.float64)
    return points[visible(points, np.array([0.0, 0.0, 1.0]), memory)]


def seen(query: np.ndarray, other: np.ndarray, points: np.ndarray, memory: Memory) -> int:
    """How many of `points`, in the view of the camera `query` [4, 4] and in its axes, the camera `other` also has."""
    relative = w2c(query) @ other
    away = points - relative[:3, 3]
    near = np.linalg.norm(away, axis=-1) < memory.radius
    return int(np.count_nonzero(near & visible(away, relative[:3, 2], memory)))


def overlap(counts: np.ndarray, points: int) -> np.ndarray:
    """The shares that `counts` are of all points in view: single precision, in which the official code rounds them."""
    return (np.asarray(counts, np.float32) / np.float32(max(points, 1))).astype(np.float64)


def distance(counts: np.ndarray, points: int) -> np.ndarray:
    """How far clips [...] are from a chunk, 0 to 1, given what the chunk's cameras see of each [..., chunk, 2]."""
    return (1 - overlap(counts, points).sum(-1) / 2).mean(-1)


def candidates(current: int, memory: Memory) -> range:
    """The first latents of the clips from which the chunk at `current` chooses; none while everything fits."""
    if current <= memory.budget:
        return range(0)
    return range(memory.first_candidate, current - memory.recent, memory.chunk)


def clip_distances(c2w: np.ndarray, current: int, points: np.ndarray, memory: Memory) -> list[tuple[int, float]]:
    """(first latent, distance) of every clip from which the chunk at `current` may choose.

    c2w [N, 4, 4] are the cameras of the walk, those of this chunk among them; points [n, 3] are `in_view`. A chunk that
    the walk ends in is compared by the cameras that it has; ValueError where it has none.
    """
    if current >= len(c2w):
        raise ValueError(f"the chunk at {current} has no cameras among the {len(c2w)} given")
    queries = c2w[current : current + memory.chunk]
    scored = []
    for start in candidates(current, memory):
        others = [c2w[start + i] for i in memory.scored]
        counts = np.array([[seen(query, other, points, memory) for other in others] for query in queries])
        scored.append((start, float(distance(counts, len(points)))))
    return scored


def chosen(distances: list[tuple[int, float]], current: int, memory: Memory) -> tuple[int, ...]:
    """The latents that the chunk at `current` sees, given `clip_distances`; of clips as near, the earliest counts."""
    if current <= memory.budget:
        return tuple(range(current))
    nearest = sorted(distances, key=lambda clip: clip[1])[: memory.retrieved]
    return memory.context(current, [start for start, _ in nearest])


def choose(c2w: np.ndarray, current: int, points: np.ndarray, memory: Memory) -> tuple[int, ...]:
    """The latents, in order, that the chunk at `current` sees; arguments as those of `clip_distances`."""
    return chosen(clip_distances(c2w, current, points, memory), current, memory)
