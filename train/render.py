"""Renderer: exact pinhole pictures and depth of a map, by ray casting in NumPy.

Every sample gets the place of its texel in the scene's table and its depth: from the wall that its azimuth meets (see
train/rays.py), else from the floor or the sky, unless a solid is nearer (see train/solids.py). Fog and the mean over
the samples of a pixel finish the picture. Depth is along the camera's axis, exact at the pixel centres.
"""

from __future__ import annotations

import math

import numpy as np

from train.maps import FLOOR, Map
from train.rays import FAN, Fan, Lens, View, cast_fans, make_lens, make_view, trace
from train.scene import FLOOR_OFFSETS, FLOOR_SIDE, Scene, make_scene
from train.solids import Outlines, draw_solids, outlines
from train.textures import MIP_OFFSETS, MIPS, PER_METRE, SIZE, SKY_COLUMNS, SKY_ROWS

SKY_DEPTH = 1e4
SAMPLES = 2  # per pixel, along each side
# Below one texel per sample the finer level is kept a little longer, as the samples are averaged anyway.
MIP_BIAS = 0.7


def wall_index(view: View, fan: Fan, lens: Lens, ray: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Where in the table each sample's wall texel is, int32 [h, w]; nonsense beside the walls, but within the table."""
    t = 1 / w
    along = fan.p.take(ray)
    along *= view.rows_z[:, None]
    along += fan.q.take(ray) * lens.x
    along *= t
    u = (along * np.float32(PER_METRE)).astype(np.int32) & (SIZE - 1)
    v = ((FLOOR - view.y - t * view.rows_y[:, None]) * np.float32(PER_METRE)).astype(np.int32) & (SIZE - 1)
    # Texels per sample along the wall, the direction in which it is seen foreshortened.
    texels = fan.inverse_offset.take(ray)
    texels *= (view.rows_z * np.float32(MIP_BIAS * PER_METRE / lens.focal))[:, None]
    texels *= t
    texels *= t
    level = np.clip((texels.view(np.int32) >> 23) - 127, 0, MIPS - 1)
    u >>= level
    v >>= level
    v <<= int(math.log2(SIZE)) - level
    u += v
    u += MIP_OFFSETS.take(level)
    u += fan.base.take(ray)
    return u


def floor_index(view: View, lens: Lens, first: int, base: int) -> np.ndarray:
    """Where in the table the floor texel of each sample is, int32 [h - first, w], for the rows from `first` down."""
    rows_y, rows_z = view.rows_y[first:], view.rows_z[first:]
    high = np.float32(FLOOR - view.y)
    t = high / rows_y
    # The geometric mean of a sample's extents away from and across the view, in texels.
    texels = MIP_BIAS * PER_METRE / lens.focal * t * np.sqrt(t / high)
    level = np.clip(np.floor(np.log2(texels)), 0, MIPS - 1).astype(np.int32)[:, None]
    scale = np.float32(PER_METRE)
    out = []
    for origin, ahead, across in ((view.x, view.sin, view.cos), (view.z, view.cos, -view.sin)):
        start = (origin + t * rows_z * np.float32(ahead)) * scale
        grid = (t * np.float32(across) * scale)[:, None] * lens.x
        grid += start[:, None]
        np.clip(grid, 0, FLOOR_SIDE - 1, out=grid)
        out.append(grid.astype(np.int32) >> level)
    x, z = out
    z *= FLOOR_SIDE >> level
    z += x
    z += base + FLOOR_OFFSETS[level]
    return z


def sky_index(view: View, lens: Lens, ray: np.ndarray, last: int, base: int) -> np.ndarray:
    """Where in the table the sky of each sample is, int32 [last, w], for the rows above `last`."""
    slope = ((np.arange(FAN) + 0.5) * (2 / FAN) - 1) * view.reach
    column = ((view.yaw + np.arctan(slope)) % math.tau * (SKY_COLUMNS / math.tau)).astype(np.int32) % SKY_COLUMNS
    row = (lens.inverse_length[:last] * (-SKY_ROWS * view.rows_y[:last])[:, None]).astype(np.int32)
    np.clip(row, 0, SKY_ROWS - 1, out=row)
    row *= SKY_COLUMNS
    row += column.astype(np.int32).take(ray[:last])
    row += base
    return row


def cover(view: View, lens: Lens, w: np.ndarray) -> np.ndarray:
    """Put the floor before the walls and the sky above them into w, in place; returns where the sky is, bool [h, w]."""
    sky = w * np.float32(FLOOR + view.y) < -view.rows_y[:, None]
    np.maximum(w, (view.rows_y / np.float32(FLOOR - view.y))[:, None], out=w)
    np.putmask(w, sky, np.float32(1 / SKY_DEPTH))
    return sky


def paint_frame(scene: Scene, view: View, fan: Fan, lens: Lens, seen: Outlines) -> tuple[np.ndarray, Outlines]:
    """One picture, uint8 [h, w, 3], from SAMPLES x SAMPLES samples per pixel of the lens, and what solids are in it."""
    ray, w = trace(view, fan, lens)
    index = wall_index(view, fan, lens, ray, w)
    first = int(np.searchsorted(view.rows_y, w.min() * (FLOOR - view.y)))
    if first < len(index):
        floor = view.rows_y[first:, None] > w[first:] * np.float32(FLOOR - view.y)
        np.copyto(index[first:], floor_index(view, lens, first, scene.floor_base), where=floor)
    sky = cover(view, lens, w)
    last = int(np.searchsorted(view.rows_y, 0))
    if last:
        np.copyto(index[:last], sky_index(view, lens, ray, last, scene.sky_base), where=sky[:last])
    seen = draw_solids(scene, view, lens, seen, w, index)
    clear = np.exp(np.float32(-scene.density) / w)
    np.putmask(clear, w <= np.float32(1.01 / SKY_DEPTH), 1)
    index = index.astype(np.intp)
    out = np.empty((len(index) // SAMPLES, index.shape[1] // SAMPLES, 3), np.uint8)
    for channel in range(3):
        colour = scene.texels[channel].take(index)
        colour -= scene.fog[channel]
        colour *= clear
        pixel = sum(colour[i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES))
        out[..., channel] = pixel * np.float32(SAMPLES**-2) + np.float32(scene.fog[channel] + 0.5)
    return out, seen


def render(
    map_: Map, c2w: np.ndarray, intrinsics: tuple[float, float, float, float], height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The map seen from N cameras c2w [N, 4, 4]: (rgb uint8 [N, height, width, 3], depth float32 [N, height, width]).

    Depth is metres along the camera's axis at the pixel centres, SKY_DEPTH for the sky.
    """
    scene = make_scene(map_)
    fine, coarse = (make_lens(intrinsics, height, width, samples) for samples in (SAMPLES, 1))
    views = [make_view(matrix, fine) for matrix in np.asarray(c2w, np.float64)]
    seen = outlines(map_, views, fine)
    rgb = np.empty((len(views), height, width, 3), np.uint8)
    depth = np.empty((len(views), height, width), np.float32)
    for i, (view, fan) in enumerate(zip(views, cast_fans(map_, views), strict=True)):
        rgb[i], visible = paint_frame(scene, view, fan, fine, seen[i])
        centred = view.through(coarse)
        _, w = trace(centred, fan, coarse)
        cover(centred, coarse, w)
        draw_solids(scene, centred, coarse, visible, w, None)
        depth[i] = 1 / w
    return rgb, depth
