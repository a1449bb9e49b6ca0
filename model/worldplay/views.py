"""Views: the overlap of many past cameras with a chunk's few, in bulk: guessed for all of them, counted for some.

The measure is that of model/worldplay/overlap.py, and counts are the same. What is fast: the points in the query's view
are picked once, azimuth and elevation are held against planes and slopes instead of being computed, and four matrix
products make all coordinates. NumPy only.
"""

from __future__ import annotations

from math import pi, radians, tan

import numpy as np

from input.camera import w2c
from model.worldplay.overlap import Memory, angles

# Where along the query's axis a guess looks, in radii: the middles of three parts of the view with as many points each.
SLICES = (0.5, 0.75, 0.9375)
SOFT = 1 / 8  # radii over which the edge of the ball is blurred in a guess
VERTICAL = 1e9  # the tangent of what is taken for a right angle
BLOCK = 20_000  # points that are compared at a time: what they need stays in a core's own memory


class Views:
    """A memory's points, made ready for comparing cameras by them."""

    def __init__(self, memory: Memory, points: np.ndarray, dtype: type = np.float64) -> None:
        """points [n, 3]: those in the view of a query camera, in its axes (overlap.in_view).

        dtype: what `counts` computes in; in single precision a point at the edge of a view is sometimes wrong.
        """
        self.memory, self.points = memory, len(points)
        self.across, self.down = (radians(angle) / 2 for angle in memory.fov)
        x, y, z = np.asarray(points, np.float64).T
        self._block = max(1, BLOCK // max(self.points, 1))
        self._products = np.empty((5 * self._block, self.points), dtype)
        self._features = np.stack([x, y, z, np.ones_like(x), x * x + z * z, y * y]).astype(dtype)

    def guess(self, queries: np.ndarray, positions: np.ndarray, forwards: np.ndarray) -> np.ndarray:
        """Roughly which share of the `queries`' views [Q, 4, 4] clips have in view, float32 [N].

        positions, forwards [N, S, 3] are the S cameras that stand for a clip. A view is taken for a few rectangles
        across the query's axis, and what a camera sees of each for a rectangle that grows with its distance.
        """
        clips, scored, _ = positions.shape
        base = queries[0, :3, 3]
        # Far from the origin, differences are made before precision is given up.
        away = (positions.reshape(-1, 3) - base).astype(np.float32)
        axes = queries[:, :3, :3].transpose(1, 0, 2).reshape(3, -1).astype(np.float32)
        shift = ((queries[:, :3, 3] - base)[:, None] @ queries[:, :3, :3])[:, 0].astype(np.float32)
        centres = (away @ axes).reshape(-1, len(queries), 3) - shift
        looks = (forwards.reshape(-1, 3).astype(np.float32) @ axes).reshape(centres.shape)
        # Coordinates first and each in one piece: all that follows runs along them.
        (x, y, z), (fx, fy, fz) = (np.ascontiguousarray(np.moveaxis(array, -1, 0)) for array in (centres, looks))
        total = sum(self._slice(part * self.memory.radius, x, y, z, fx, fy, fz) for part in SLICES)
        return total.reshape(clips, -1).mean(-1) / np.float32(len(SLICES))

    def _slice(self, depth: float, x, y, z, fx, fy, fz) -> np.ndarray:
        """What cameras at (x, y, z) looking along (fx, fy, fz) see of the query's view at `depth`, roughly, 0 to 1."""
        ahead = np.float32(depth) - z
        length = np.sqrt(x * x + y * y + ahead * ahead) + np.float32(1e-6)
        share = np.minimum(length / np.float32(depth), 1)
        share_both = np.clip((self.memory.radius - length) / np.float32(SOFT * self.memory.radius) + 0.5, 0, 1)
        share_both *= fz * ahead - fx * x - fy * y > 0
        for off, half in ((fx * ahead + fz * x, self.across), (fy * ahead + fz * y, self.down)):
            width = np.float32(tan(half))
            share_both *= np.clip(((length + depth) * width - np.abs(off)) / (2 * depth * width), 0, share)
        return share_both

    def counts(self, queries: np.ndarray, positions: np.ndarray, forwards: np.ndarray) -> np.ndarray:
        """How many points in each query's view each camera also has, int [N, Q, S]; arguments as those of `guess`."""
        inward = w2c(queries)[:, :3]
        centres = np.einsum("qij,nsj->nqsi", inward[..., :3], positions) + inward[:, None, :, 3]
        looks = np.einsum("qij,nsj->nqsi", inward[..., :3], forwards)
        shape = centres.shape[:-1]
        return self._counted(centres.reshape(-1, 3), looks.reshape(-1, 3)).reshape(shape)

    def _counted(self, centres: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """The points that cameras [P] in the query's axes have in view, int [P]."""
        yaw, tilt = angles(looks)
        planes = self._planes(centres, yaw).astype(self._features.dtype)
        highest, lowest = (_steepness(tilt + edge)[:, None].astype(planes.dtype) for edge in (-self.down, self.down))
        counted = np.empty(len(centres), np.int64)
        for start in range(0, len(centres), self._block):
            part = slice(start, start + self._block)
            rows = planes[:, part].reshape(-1, planes.shape[-1])
            products = np.matmul(rows, self._features, out=self._products[: len(rows)])
            right, left, fall, level, away = products.reshape(len(planes), len(rows) // len(planes), self.points)
            inside = right > 0
            inside &= left > 0
            inside &= away < self.memory.radius**2
            # fall / sqrt(level) against tangents, with the signs kept and all else squared: no roots, no division.
            fall *= np.abs(fall, out=right)
            inside &= fall > np.multiply(level, highest[part], out=left)
            inside &= fall < np.multiply(level, lowest[part], out=left)
            counted[part] = np.count_nonzero(inside, axis=1)
        return counted

    def _planes(self, centres: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """Rows [5, P, 6] that make of a point's (x, y, z, 1, x^2 + z^2, y^2), for each camera: how far it is inside the
        right and the left side of the view, how far below the camera, and the squares of how far away: level, in all.
        """
        x, y, z = centres.T
        none, one = np.zeros_like(x), np.ones_like(x)
        sin, cos = np.sin(yaw + self.across), np.cos(yaw + self.across)
        right = [-cos, none, sin, cos * x - sin * z, none, none]
        sin, cos = np.sin(yaw - self.across), np.cos(yaw - self.across)
        left = [cos, none, -sin, sin * z - cos * x, none, none]
        fall, level = [none, one, none, -y, none, none], [-2 * x, none, -2 * z, x * x + z * z, one, none]
        away = [-2 * x, -2 * y, -2 * z, x * x + y * y + z * z, one, one]
        return np.stack([np.stack(row, -1) for row in (right, left, fall, level, away)])


def _steepness(elevation: np.ndarray) -> np.ndarray:
    """The squares of the tangents of elevations, with their signs; beyond the vertical as good as infinite."""
    tangent = np.where(np.abs(elevation) < pi / 2, np.tan(elevation), np.copysign(VERTICAL, elevation))
    return tangent * np.abs(tangent)
