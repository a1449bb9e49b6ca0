"""Rays: the samples of a camera's picture, and which wall each of them meets.

Which wall is hit depends only on a ray's azimuth, so each view casts a fan of rays over the grid to learn which wall
stands where; every sample then intersects the plane of its own wall exactly. Cameras must not roll.

In a camera's level frame (its yaw, no pitch) a sample's ray is (x, Y, Z), with x its column's slope and Y, Z its row's
alone, scaled so that the ray parameter is the z-depth t. Work is done with w = 1 / t, which is linear on any plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from input.camera import yaw_pitch
from train.maps import CELLS, Map
from train.scene import wall_base

FAN = 1024  # rays per frame over its azimuths
NEAREST = 0.02  # metres; nothing is drawn nearer


@dataclass(frozen=True, eq=False)
class Lens:
    """Sample positions of a picture: slopes of the columns [w] and the rows [h], and 1 / |(x, y, 1)| [h, w]."""

    x: np.ndarray
    y: np.ndarray
    inverse_length: np.ndarray
    focal: float


@dataclass(frozen=True, eq=False)
class View:
    """One camera with the rows of a lens: position, sines and cosines, Y and Z per row [h], the fan's scale."""

    x: float
    y: float
    z: float
    yaw: float
    sin: float
    cos: float
    pitch: float
    rows_y: np.ndarray
    rows_z: np.ndarray
    reach: float

    def through(self, lens: Lens) -> View:
        """The same camera through a lens with other samples (within the reach of this view's)."""
        sin, cos = np.float32(math.sin(self.pitch)), np.float32(math.cos(self.pitch))
        return replace(self, rows_y=lens.y * cos - sin, rows_z=lens.y * sin + cos)


@dataclass(frozen=True, eq=False)
class Fan:
    """Walls by azimuth, each [FAN]: on its plane w = a Z + b x and along * w = p Z + q x, with metres `along` it."""

    a: np.ndarray
    b: np.ndarray
    p: np.ndarray
    q: np.ndarray
    inverse_offset: np.ndarray
    base: np.ndarray


def make_lens(intrinsics: tuple[float, float, float, float], height: int, width: int, samples: int) -> Lens:
    """The lens of a height x width picture with samples x samples samples in each pixel."""
    fx, fy, cx, cy = (float(v) for v in intrinsics)
    x = (((np.arange(width * samples) + 0.5) / samples - cx) / fx).astype(np.float32)
    y = (((np.arange(height * samples) + 0.5) / samples - cy) / fy).astype(np.float32)
    return Lens(x, y, 1 / np.sqrt(1 + x**2 + y[:, None] ** 2), fx * samples)


def make_view(c2w: np.ndarray, lens: Lens) -> View:
    """The view of a camera-to-world matrix [4, 4] through a lens."""
    yaw, pitch = (float(angle) for angle in yaw_pitch(c2w))
    sin, cos = np.float32(math.sin(pitch)), np.float32(math.cos(pitch))
    rows_z = lens.y * sin + cos
    reach = float(np.abs(lens.x).max() / rows_z.min()) * 1.001
    x, y, z = (float(v) for v in c2w[:3, 3])
    return View(x, y, z, yaw, math.sin(yaw), math.cos(yaw), pitch, lens.y * cos - sin, rows_z, reach)


def first_walls(solid: np.ndarray, o: np.ndarray, d: np.ndarray, o2: np.ndarray, d2: np.ndarray) -> np.ndarray:
    """Distances [n] at which rays first enter a solid cell across a grid line of the first axis; inf for never.

    `solid` is indexed [first, second]; o, d are the rays' origins and directions on the first axis, o2, d2 the second.
    """
    found = np.full(len(d), np.inf, np.float32)
    ahead = d > 0
    line = np.floor(o).astype(np.int32) + ahead
    step = np.where(ahead, 1, -1).astype(np.int32)
    rays = np.flatnonzero(np.abs(d) > 1e-7)
    line, step, o, inverse, o2, d2, back = (
        v[rays] for v in (line, step, o, 1 / np.where(d == 0, 1, d), o2, d2, (~ahead).astype(np.int32))
    )
    flat = np.ascontiguousarray(solid).ravel()
    for _ in range(CELLS):
        t = (line - o) * inverse
        second = np.clip(o2 + t * d2, 0, CELLS - 1).astype(np.int32)
        hit = flat[np.clip(line - back, 0, CELLS - 1) * CELLS + second]
        found[rays[hit]] = t[hit]
        going = np.flatnonzero(~hit)
        if not len(going):
            break
        rays, step, o, inverse, o2, d2, back = (v[going] for v in (rays, step, o, inverse, o2, d2, back))
        line = line[going] + step
    return found


def cast_fans(map_: Map, views: list[View]) -> list[Fan]:
    """The walls around each view."""
    count = len(views)
    cx, cz, sin, cos, reach = (
        np.array([getattr(view, name) for view in views], np.float32)[:, None]
        for name in ("x", "z", "sin", "cos", "reach")
    )
    slope = (((np.arange(FAN) + 0.5) * (2 / FAN) - 1).astype(np.float32) * reach).astype(np.float32)
    dx, dz = cos * slope + sin, cos - sin * slope
    ox, oz = np.broadcast_to(cx, dx.shape), np.broadcast_to(cz, dx.shape)
    flat = [v.ravel() for v in (ox, dx, oz, dz)]
    tx = first_walls(map_.solid.T, *flat).reshape(count, FAN)
    tz = first_walls(map_.solid, flat[2], flat[3], flat[0], flat[1]).reshape(count, FAN)
    on_x, t = tx < tz, np.minimum(tx, tz)
    # The room whose wall this is lies just before the hit.
    cell_x = np.clip(cx + (t - 1e-3) * dx, 0, CELLS - 1).astype(np.int32)
    cell_z = np.clip(cz + (t - 1e-3) * dz, 0, CELLS - 1).astype(np.int32)
    normal = np.where(on_x, (dx < 0).astype(np.int32), 2 + (dz < 0))
    base = wall_base(map_.walls[cell_z, cell_x], normal).astype(np.int32)
    offset = np.where(on_x, np.round(cx + t * dx) - cx, np.round(cz + t * dz) - cz)
    inverse = (1 / np.where(np.abs(offset) < NEAREST, NEAREST, offset)).astype(np.float32)
    a, b = np.where(on_x, sin, cos) * inverse, np.where(on_x, cos, -sin) * inverse
    start = np.where(on_x, cz, cx)
    p, q = start * a + np.where(on_x, cos, sin), start * b + np.where(on_x, -sin, cos)
    columns = (a, b, p, q, np.abs(inverse), base)
    return [Fan(*(column[i] for column in columns)) for i in range(count)]


def trace(view: View, fan: Fan, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's ray number in the fan, intp [h, w], and w = 1 / depth on its wall, float32 [h, w]."""
    scale = np.float32(FAN / 2 / view.reach)
    ray = (lens.x * scale * (1 / view.rows_z)[:, None] + np.float32(FAN / 2)).astype(np.intp)
    w = fan.a.take(ray)
    w *= view.rows_z[:, None]
    w += fan.b.take(ray) * lens.x
    return ray, np.maximum(w, np.float32(1e-3), out=w)
