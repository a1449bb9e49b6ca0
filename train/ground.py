"""Ground: where on a map a body can be, how it slides along what it meets, and how far it can walk straight on."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from train.maps import CELLS, Map, Solid

RADIUS = 0.3
HEADROOM = 0.55  # what begins higher above the floor is walked under
FINE = 4  # points per metre of the grid that a walker looks ahead on


def bodies_of(map_: Map) -> list[tuple[Solid, tuple[bool, float, float, float, float]]]:
    """The solids that stand in the way, each with (whether a box, x, z, rx, rz)."""
    low = [thing for thing in map_.solids if thing.low < HEADROOM]
    return [(thing, (thing.kind == "box", thing.x, thing.z, thing.rx, thing.rz)) for thing in low]


def open_points(map_: Map) -> np.ndarray:
    """Where a body fits, bool by z and x on the middles of a grid of FINE points per metre."""
    middles = (np.arange(CELLS * FINE) + 0.5) / FINE
    z, x = np.meshgrid(middles, middles, indexing="ij")
    taken = np.zeros(x.shape, bool)
    walls = [(True, i + 0.5, k + 0.5, 0.5, 0.5) for k, i in zip(*np.nonzero(map_.solid), strict=True)]
    for box, bx, bz, rx, rz in walls + [body for _, body in bodies_of(map_)]:
        part = tuple(slice(max(0, int((b - 1) * FINE)), int((b + 1) * FINE) + 1) for b in (bz, bx))
        dx, dz = np.abs(x[part] - bx), np.abs(z[part] - bz)
        if box:
            dx, dz = np.maximum(dx - rx, 0), np.maximum(dz - rz, 0)
        taken[part] |= np.hypot(dx, dz) < RADIUS + (0 if box else rx)
    return ~taken


class Ground:
    """Where on a map a body of RADIUS can be."""

    def __init__(self, map_: Map) -> None:
        self.solid = map_.solid.tolist()
        self.near: dict[tuple[int, int], list[tuple[bool, float, float, float, float]]] = {}
        for thing, body in bodies_of(map_):
            for x in range(int(thing.x - thing.rx - 0.5), int(thing.x + thing.rx + 0.5) + 1):
                for z in range(int(thing.z - thing.rz - 0.5), int(thing.z + thing.rz + 0.5) + 1):
                    self.near.setdefault((x, z), []).append(body)
        self.open = open_points(map_).tolist()

    def pushes(self, x: float, z: float) -> tuple[float, float]:
        """The shortest way (dx, dz) out of one obstacle that overlaps a body at (x, z); zero where nothing does."""
        cx, cz = int(x), int(z)
        bodies = [
            (True, i + 0.5, k + 0.5, 0.5, 0.5)
            for k in range(max(cz - 1, 0), min(cz + 2, CELLS))
            for i in range(max(cx - 1, 0), min(cx + 2, CELLS))
            if self.solid[k][i]
        ]
        deepest, out = 1e-6, (0.0, 0.0)
        for box, bx, bz, rx, rz in bodies + self.near.get((cx, cz), []):
            dx, dz = x - bx, z - bz
            radius = RADIUS
            if box:
                dx, dz = dx - min(max(dx, -rx), rx), dz - min(max(dz, -rz), rz)
            else:
                radius += rx
            distance = math.hypot(dx, dz)
            if radius - distance > deepest and distance > 0:
                deepest = radius - distance
                out = dx / distance * deepest, dz / distance * deepest
            elif distance == 0:
                return math.inf, math.inf
        return out

    def is_free(self, x: float, z: float) -> bool:
        """Whether a body fits at (x, z)."""
        return self.pushes(x, z) == (0.0, 0.0)

    def slide(self, x: float, z: float, before: tuple[float, float]) -> tuple[float, float]:
        """Where a body that wants to be at (x, z) comes to be; where nothing helps it stays where it was before."""
        for _ in range(4):
            dx, dz = self.pushes(x, z)
            if dx == 0.0 and dz == 0.0:
                return x, z
            if math.isinf(dx):
                break
            x, z = x + dx * 1.0001, z + dz * 1.0001
        return (x, z) if self.is_free(x, z) else before

    def sight(self, x: float, z: float, yaw: float, reach: float) -> float:
        """How far a body can walk straight ahead from (x, z), in metres, up to `reach`."""
        step = 1 / FINE
        sin, cos = math.sin(yaw) * step, math.cos(yaw) * step
        for i in range(1, int(reach * FINE) + 1):
            if not self.open[int((z + i * cos) * FINE)][int((x + i * sin) * FINE)]:
                return i * step
        return reach


@lru_cache(maxsize=4)
def ground_of(map_: Map) -> Ground:
    """The ground of a map; the last few are kept."""
    return Ground(map_)
