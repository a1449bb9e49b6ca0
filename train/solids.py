"""Solids: boxes, cylinders and spheres, intersected with the samples that may see them.

Each is the meeting of intervals on a ray (between two planes, or within a circle); where it is nearer than what the
samples hold already it takes their depth and their texel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from train.maps import FLOOR, Map, Solid
from train.rays import NEAREST, Lens, View
from train.scene import Scene, wall_base
from train.textures import MIP_OFFSETS, MIPS, PER_METRE, SHADES, SIZE

BANDS_PER_METRE = 4


@dataclass(frozen=True, eq=False)
class Outlines:
    """The solids before one camera: their numbers [n], their bounds [n, 4] in image slopes (left, top, right, bottom),
    and 1 / depth of their nearest corners [n]."""

    numbers: np.ndarray
    bounds: np.ndarray
    nearness: np.ndarray


def outlines(map_: Map, views: list[View], lens: Lens) -> list[Outlines]:
    """For each view the solids whose boxes can be in its picture."""
    if not map_.solids:
        return [Outlines(np.empty(0, int), np.empty((0, 4)), np.empty(0)) for _ in views]
    low = np.array([(s.x - s.rx, FLOOR - s.high, s.z - s.rz) for s in map_.solids])
    high = np.array([(s.x + s.rx, FLOOR - s.low, s.z + s.rz) for s in map_.solids])
    choice = np.array([(i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(8)])
    corners = np.where(choice[None], high[:, None], low[:, None])
    left, right, top, bottom = lens.x[0], lens.x[-1], lens.y[0], lens.y[-1]
    found = []
    for view in views:
        moved = corners - (view.x, view.y, view.z)
        level_x = moved[..., 0] * view.cos - moved[..., 2] * view.sin
        level_z = moved[..., 0] * view.sin + moved[..., 2] * view.cos
        sin, cos = math.sin(view.pitch), math.cos(view.pitch)
        y, z = moved[..., 1] * cos + level_z * sin, level_z * cos - moved[..., 1] * sin
        ahead = np.maximum(z, NEAREST)
        u, v = level_x / ahead, y / ahead
        bounds = np.stack([u.min(1), v.min(1), u.max(1), v.max(1)], 1)
        bounds[z.min(1) < NEAREST] = (left, top, right, bottom)
        seen = (z.max(1) > NEAREST) & (bounds[:, 0] <= right) & (bounds[:, 2] >= left)
        seen &= (bounds[:, 1] <= bottom) & (bounds[:, 3] >= top)
        numbers = np.flatnonzero(seen)
        found.append(Outlines(numbers, bounds[numbers], 1 / ahead[numbers].min(1)))
    return found


def slab(low: float, high: float, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays are between two planes, as ray parameters; bounds are relative to the camera."""
    inverse = 1 / direction
    a, b = np.float32(low) * inverse, np.float32(high) * inverse
    return np.minimum(a, b), np.maximum(a, b)


def enter_box(thing: Solid, view: View, x: np.ndarray, y: np.ndarray, z: np.ndarray):
    """(t [h, w] of entering, inf for never; what is needed to look up the hits) for a patch of rays x [w], y, z [h]."""
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    dx, dz = x * cos + (z * sin)[:, None], (z * cos)[:, None] - x * sin
    in_x, out_x = slab(thing.x - thing.rx - view.x, thing.x + thing.rx - view.x, dx)
    in_z, out_z = slab(thing.z - thing.rz - view.z, thing.z + thing.rz - view.z, dz)
    in_y, out_y = (v[:, None] for v in slab(FLOOR - thing.high - view.y, FLOOR - thing.low - view.y, y))
    enter = np.maximum(np.maximum(in_x, in_z), in_y)
    leave = np.minimum(np.minimum(out_x, out_z), out_y)
    missed = (enter >= leave) | (enter < NEAREST)
    np.putmask(enter, missed, np.inf)
    return enter, (in_x, in_z, dx, dz)


def enter_cylinder(thing: Solid, view: View, x: np.ndarray, y: np.ndarray, z: np.ndarray):
    """As enter_box, for an upright cylinder."""
    cx, _, cz = level_centre(thing, view)
    a = x * x + (z * z)[:, None]
    b = x * np.float32(cx) + (z * np.float32(cz))[:, None]
    root = b * b - a * np.float32(cx * cx + cz * cz - thing.rx**2)
    missed = root <= 0
    np.sqrt(np.maximum(root, 0, out=root), out=root)
    in_y, out_y = (v[:, None] for v in slab(FLOOR - thing.high - view.y, FLOOR - thing.low - view.y, y))
    side = (b - root) / a
    enter = np.maximum(side, in_y)
    missed |= (enter >= np.minimum((b + root) / a, out_y)) | (enter < NEAREST)
    np.putmask(enter, missed, np.inf)
    return enter, (side,)


def enter_sphere(thing: Solid, view: View, x: np.ndarray, y: np.ndarray, z: np.ndarray):
    """As enter_box, for a sphere."""
    cx, cy, cz = level_centre(thing, view)
    a = x * x + (y * y + z * z)[:, None]
    b = x * np.float32(cx) + (y * np.float32(cy) + z * np.float32(cz))[:, None]
    root = b * b - a * np.float32(cx * cx + cy * cy + cz * cz - thing.rx**2)
    missed = root <= 0
    enter = (b - np.sqrt(np.maximum(root, 0, out=root))) / a
    np.putmask(enter, missed | (enter < NEAREST), np.inf)
    return enter, ()


ENTER = {"box": enter_box, "cylinder": enter_cylinder, "sphere": enter_sphere}


def level_centre(thing: Solid, view: View) -> tuple[float, float, float]:
    """The middle of a solid in the level frame of a view."""
    x, z = thing.x - view.x, thing.z - view.z
    y = FLOOR - (thing.low + thing.high) / 2 - view.y
    return x * view.cos - z * view.sin, y, x * view.sin + z * view.cos


def box_texels(thing: Solid, view: View, lens: Lens, t, y, hit, extra) -> np.ndarray:
    """Places in the table of the texels of a box's hits [n] at ray parameters t [n]; y [n] is the rays' Y."""
    in_x, in_z, dx, dz = (part[hit] for part in extra)
    on_x, on_z = t == in_x, t == in_z
    normal = np.where(on_x, (dx < 0).astype(np.int32), np.where(on_z, 2 + (dz < 0), 4 + (y < 0)))
    along_x, along_z = view.x + t * dx - thing.x + thing.rx, view.z + t * dz - thing.z + thing.rz
    height = FLOOR - view.y - t * y - thing.low
    across, up = np.where(on_x, along_z, along_x), np.where(on_x | on_z, height, along_z)
    level = np.clip((t * np.float32(PER_METRE / lens.focal)).view(np.int32) >> 23, 127, 126 + MIPS) - 127
    u, v = ((part * np.float32(PER_METRE)).astype(np.int32) & (SIZE - 1) for part in (across, up))
    place = (u >> level) + ((v >> level) << (int(math.log2(SIZE)) - level))
    return place + MIP_OFFSETS[level] + wall_base(thing.look, normal)


def round_texels(scene: Scene, thing: Solid, view: View, rays, t, extra) -> np.ndarray:
    """As box_texels, for the hits of a cylinder or sphere along `rays`, (x, y, z) each [n]."""
    cx, cy, cz = level_centre(thing, view)
    sun_x = scene.sun[0] * view.cos - scene.sun[2] * view.sin
    sun_z = scene.sun[0] * view.sin + scene.sun[2] * view.cos
    x, y, z = (ray * t for ray in rays)
    cosine = ((x - cx) * np.float32(sun_x) + (z - cz) * np.float32(sun_z)) * np.float32(1 / thing.rx)
    if thing.kind == "sphere":
        cosine += (y - cy) * np.float32(scene.sun[1] / thing.rx)
    else:
        np.putmask(cosine, t > extra[0], np.float32(-scene.sun[1]))
    shade = ((np.clip(cosine, -1, 1) + 1) * np.float32((SHADES - 1) / 2) + np.float32(0.5)).astype(np.int32)
    band = ((FLOOR - view.y - y + 1) * np.float32(BANDS_PER_METRE)).astype(np.int32) & 1
    return scene.round_base + (thing.look * 2 + band) * SHADES + shade


def patch_of(bounds: np.ndarray, lens: Lens) -> tuple[slice, slice]:
    """The rows and columns of samples within bounds in image slopes."""
    pitch = lens.x[1] - lens.x[0]
    left, right = ((bounds[i] - lens.x[0]) / pitch for i in (0, 2))
    top, bottom = ((bounds[i] - lens.y[0]) / pitch for i in (1, 3))
    size = len(lens.x), len(lens.y)
    columns = slice(max(0, math.ceil(left)), min(size[0], math.floor(right) + 1))
    return slice(max(0, math.ceil(top)), min(size[1], math.floor(bottom) + 1)), columns


def draw_solids(
    scene: Scene, view: View, lens: Lens, seen: Outlines, w: np.ndarray, index: np.ndarray | None
) -> Outlines:
    """Draw the solids into w = 1 / depth and, where given, into the places of the texels; both [h, w], in place.

    Returns the outlines of those that were seen.
    """
    found = []
    for i, (number, bounds, nearness) in enumerate(zip(seen.numbers, seen.bounds, seen.nearness, strict=True)):
        patch = rows, columns = patch_of(bounds, lens)
        behind = w[patch]
        if not behind.size or behind.min() > nearness:
            continue
        thing = scene.map.solids[number]
        x, y, z = lens.x[columns], view.rows_y[rows], view.rows_z[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            t, extra = ENTER[thing.kind](thing, view, x, y, z)
        hit = 1 / t > behind
        if not hit.any():
            continue
        found.append(i)
        t = t[hit]
        behind[hit] = 1 / t
        if index is None:
            continue
        at_row, at_column = np.nonzero(hit)
        if thing.kind == "box":
            texels = box_texels(thing, view, lens, t, y[at_row], hit, extra)
        else:
            sides = tuple(part[hit] for part in extra)
            texels = round_texels(scene, thing, view, (x[at_column], y[at_row], z[at_row]), t, sides)
        index[patch][hit] = texels
    return Outlines(seen.numbers[found], seen.bounds[found], seen.nearness[found])
