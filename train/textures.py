"""Textures, skies and moods: all the colours of the training world, as flat tables that a renderer indexes.

Everything is bold on purpose: a few big flat features per metre, which a small network can carry at 128x72. Colours are
float32 RGB in [0, 255]. Tables are planar ([3, n]) and lit beforehand: the renderer only looks up and adds fog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

SIZE = 64  # texels along a texture's side, which covers 2 m
PER_METRE = 32
MIPS = 5
MIP_OFFSETS = np.cumsum([0] + [(SIZE >> m) ** 2 for m in range(MIPS)]).astype(np.int32)
TEXELS = int(MIP_OFFSETS[-1])
# Outward normals, in the order of the lit copies of each texture: the sides of a wall, then up and down (y is down).
NORMALS = np.array([(-1, 0, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0)], np.float32)
SKY_COLUMNS, SKY_ROWS = 1024, 192
SHADES = 32


@dataclass(frozen=True)
class Mood:
    """A time of day: colours of the light and the sky (RGB 0-1), fog per metre, and the sun's elevation in degrees."""

    name: str
    sun: tuple[float, float, float]
    ambient: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    cloud: tuple[float, float, float]
    hills: tuple[float, float, float]
    disc: tuple[float, float, float]
    fog: float
    elevation: float


MOODS = (
    Mood("day", (0.62, 0.58, 0.48), (0.56, 0.60, 0.68), (0.16, 0.45, 0.92), (0.70, 0.88, 1.0), (1.0, 1.0, 1.0),
         (0.30, 0.55, 0.62), (1.0, 0.97, 0.7), 0.012, 48),
    Mood("dusk", (0.85, 0.46, 0.18), (0.44, 0.40, 0.66), (0.25, 0.18, 0.50), (1.0, 0.58, 0.30), (1.0, 0.50, 0.52),
         (0.36, 0.20, 0.44), (1.0, 0.92, 0.55), 0.025, 24),
    Mood("night", (0.16, 0.26, 0.42), (0.26, 0.34, 0.52), (0.04, 0.07, 0.20), (0.20, 0.36, 0.50), (0.22, 0.32, 0.48),
         (0.08, 0.16, 0.28), (0.92, 0.96, 1.0), 0.09, 38),
    Mood("morning", (0.62, 0.52, 0.40), (0.58, 0.54, 0.60), (0.36, 0.70, 0.80), (1.0, 0.86, 0.70), (1.0, 0.94, 0.90),
         (0.52, 0.50, 0.66), (1.0, 0.90, 0.72), 0.04, 32),
)  # fmt: skip

# Two tones of each round thing, RGB 0-1: they alternate in bands of 0.25 m of height.
PALETTE_TONES = {
    "leaf": ((0.20, 0.62, 0.22), (0.26, 0.70, 0.26)),
    "autumn": ((0.92, 0.50, 0.12), (0.96, 0.60, 0.18)),
    "blossom": ((0.96, 0.56, 0.70), (1.0, 0.66, 0.78)),
    "bark": ((0.42, 0.26, 0.16), (0.42, 0.26, 0.16)),
    "marble": ((0.92, 0.90, 0.84), (0.80, 0.78, 0.76)),
    "barrel": ((0.66, 0.40, 0.18), (0.30, 0.26, 0.28)),
    "red": ((0.90, 0.18, 0.16), (0.96, 0.92, 0.86)),
    "yellow": ((0.98, 0.80, 0.14), (0.98, 0.80, 0.14)),
    "blue": ((0.16, 0.40, 0.90), (0.90, 0.94, 1.0)),
    "violet": ((0.58, 0.26, 0.80), (0.70, 0.40, 0.90)),
}
PALETTE = tuple(PALETTE_TONES)

# Metres at the texel centres; rows go up from the floor.
V, U = (axis.astype(np.float32) for axis in (np.mgrid[:SIZE, :SIZE] + 0.5) / PER_METRE)
TONES = np.array([1.0, 0.88, 1.08, 0.94, 1.04, 0.84, 1.0, 0.92], np.float32)


def paint(colour: tuple[float, float, float]) -> np.ndarray:
    """A texture of one colour (RGB 0-1), [SIZE, SIZE, 3]."""
    return np.broadcast_to(np.array(colour, np.float32), (SIZE, SIZE, 3)).copy()


def blocks(wide: float, high: float, joint: float, shift: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Masonry of blocks in metres, each row shifted by a part of a block: (joint mask, number of the block)."""
    row = np.floor(V / high).astype(int)
    u = (U + shift * wide * (row % 2)) % 2.0
    column = np.floor(u / wide).astype(int)
    mask = (u - column * wide < joint) | (V - row * high < joint)
    return mask, column * 3 + row * 5


def masonry(colour, joint_colour, wide: float, high: float, joint: float, shift: float = 0.5) -> np.ndarray:
    """Blocks in tones of `colour` with joints between them."""
    mask, number = blocks(wide, high, joint, shift)
    out = paint(colour) * TONES[number % 8][..., None]
    out[mask] = joint_colour
    return out


def banded(out: np.ndarray, low: float, high: float, colour) -> np.ndarray:
    """The texture with a horizontal band of `colour` between two heights in metres, in both of its metres."""
    v = V % 1.0
    out[(v >= low) & (v < high)] = colour
    return out


def discs(out: np.ndarray, radius: float, pitch: float, colour) -> np.ndarray:
    """The texture with discs on a staggered lattice of `pitch` metres."""
    row = np.floor(V / pitch)
    du = (U + 0.5 * pitch * (row % 2)) % pitch - 0.5 * pitch
    dv = V % pitch - 0.5 * pitch
    out[np.hypot(du, dv) < radius] = colour
    return out


def chequered(a, b, side: float) -> np.ndarray:
    """Squares of two colours."""
    out = paint(a)
    out[(np.floor(U / side) + np.floor(V / side)) % 2 == 1] = b
    return out


def stripes() -> np.ndarray:
    """Upright stripes over a dark skirting."""
    out = paint((0.96, 0.84, 0.30))
    out[U % 0.5 < 0.25] = (0.56, 0.22, 0.62)
    return banded(out, 0.0, 0.125, (0.30, 0.12, 0.34))


def panels() -> np.ndarray:
    """Metal plates with a bright strip at eye level."""
    out = masonry((0.20, 0.56, 0.64), (0.08, 0.22, 0.30), 1.0, 1.0, 0.0625, 0)
    return banded(banded(out, 0.5, 0.625, (0.96, 0.62, 0.16)), 0.0, 0.125, (0.10, 0.20, 0.28))


def hedge() -> np.ndarray:
    """Clipped leaves in big scales, darker at the foot."""
    out = discs(discs(paint((0.10, 0.40, 0.16)), 0.2, 0.5, (0.16, 0.55, 0.20)), 0.1, 0.5, (0.30, 0.68, 0.24))
    return banded(out, 0.0, 0.125, (0.08, 0.28, 0.12))


def plaster() -> np.ndarray:
    """White wall over a warm base, with a dark rail between."""
    out = banded(paint((0.95, 0.92, 0.84)), 0.0, 0.375, (0.78, 0.30, 0.24))
    out = banded(out, 0.375, 0.4375, (0.36, 0.16, 0.14))
    out[(U % 1.0 < 0.125) & (V % 1.0 >= 0.4375)] = (0.45, 0.28, 0.18)
    return out


def lattice() -> np.ndarray:
    """A square trellis on dark green."""
    out = paint((0.10, 0.34, 0.30))
    out[(U % 0.5 < 0.125) | (V % 0.5 < 0.125)] = (0.92, 0.90, 0.80)
    return banded(banded(out, 0.0, 0.125, (0.70, 0.66, 0.56)), 0.9375, 1.0, (0.70, 0.66, 0.56))


def crate() -> np.ndarray:
    """Boards with a frame and a diagonal; repeats every half metre, about the size of a crate."""
    u, v = U % 0.5, V % 0.5
    out = paint((0.84, 0.60, 0.28))
    out[np.abs(u - v) < 0.05] = (0.58, 0.36, 0.14)
    out[(u < 0.0625) | (u >= 0.4375) | (v < 0.0625) | (v >= 0.4375)] = (0.58, 0.36, 0.14)
    return out


WALL_PAINTERS: dict[str, Callable[[], np.ndarray]] = {
    "brick": lambda: masonry((0.80, 0.28, 0.20), (0.90, 0.80, 0.68), 0.5, 0.25, 0.03125),
    "stone": lambda: masonry((0.56, 0.60, 0.70), (0.30, 0.32, 0.42), 1.0, 0.5, 0.0625),
    "sandstone": lambda: masonry((0.92, 0.76, 0.46), (0.70, 0.50, 0.26), 1.0, 1 / 3, 0.0625),
    "planks": lambda: banded(masonry((0.74, 0.46, 0.22), (0.38, 0.20, 0.10), 0.25, 1.0, 0.03125, 0), 0.75, 0.84,
                             (0.46, 0.26, 0.12)),
    "panels": panels,
    "hedge": hedge,
    "stripes": stripes,
    "tiles": lambda: banded(masonry((0.90, 0.95, 0.96), (0.60, 0.72, 0.78), 0.5, 0.5, 0.03125, 0), 0.5, 0.75,
                            (0.12, 0.46, 0.76)),
    "plaster": plaster,
    "lattice": lattice,
    "crate": crate,
    "vermilion": lambda: banded(paint((0.92, 0.26, 0.18)), 0.0, 0.0625, (0.98, 0.92, 0.78)),
    "gold": lambda: banded(paint((0.98, 0.76, 0.22)), 0.0, 0.0625, (0.50, 0.20, 0.16)),
    "azure": lambda: banded(paint((0.20, 0.44, 0.88)), 0.0, 0.0625, (0.96, 0.96, 0.92)),
}  # fmt: skip
FLOOR_PAINTERS: dict[str, Callable[[], np.ndarray]] = {
    "grass": lambda: chequered((0.36, 0.70, 0.26), (0.31, 0.63, 0.24), 1.0),
    "boards": lambda: masonry((0.80, 0.58, 0.34), (0.48, 0.30, 0.16), 2.0, 0.5, 0.0625, 0.5),
    "checker": lambda: chequered((0.94, 0.92, 0.88), (0.24, 0.26, 0.34), 1.0),
    "plates": lambda: masonry((0.52, 0.60, 0.66), (0.24, 0.30, 0.38), 1.0, 1.0, 0.0625, 0),
    "dirt": lambda: discs(paint((0.66, 0.48, 0.30)), 0.22, 1.0, (0.56, 0.39, 0.23)),
    "sand": lambda: masonry((0.96, 0.86, 0.60), (0.86, 0.72, 0.44), 2.0, 0.5, 0.125, 0),
    "carpet": lambda: discs(paint((0.70, 0.14, 0.28)), 0.25, 1.0, (0.96, 0.70, 0.30)),
    "pool": lambda: masonry((0.30, 0.74, 0.82), (0.90, 0.98, 1.0), 1.0, 1.0, 0.0625, 0),
    "flags": lambda: masonry((0.74, 0.66, 0.78), (0.46, 0.40, 0.54), 1.0, 1.0, 0.0625),
}
WALLS, FLOORS = tuple(WALL_PAINTERS), tuple(FLOOR_PAINTERS)


def halve(image: np.ndarray) -> np.ndarray:
    """Planes [3, h, w] of half the size, by 2x2 means."""
    rows = image[:, ::2] + image[:, 1::2]
    return np.float32(0.25) * (rows[..., ::2] + rows[..., 1::2])


def mip_chain(image: np.ndarray) -> np.ndarray:
    """All MIPS levels of planes [3, h, w], one after the other, as texels [3, n]."""
    levels = [image]
    while len(levels) < MIPS:
        levels.append(halve(levels[-1]))
    return np.concatenate([level.reshape(3, -1) for level in levels], 1)


@cache
def wall_texels() -> np.ndarray:
    """The unlit wall textures with their mip levels, float32 [3, walls, TEXELS]."""
    planes = (painter().transpose(2, 0, 1).astype(np.float32) for painter in WALL_PAINTERS.values())
    return np.stack([mip_chain(plane) for plane in planes], 1)


@cache
def floor_tiles() -> np.ndarray:
    """The unlit floor textures, float32 [floors, SIZE, SIZE, 3]."""
    return np.stack([painter() for painter in FLOOR_PAINTERS.values()]).astype(np.float32)


def light(normals: np.ndarray, sun: np.ndarray, mood: Mood) -> np.ndarray:
    """Light on surfaces with unit normals [..., 3] from the direction `sun` [3]: factors [..., 3]."""
    lit = np.maximum(normals @ sun, 0)[..., None] * np.array(mood.sun, np.float32)
    # Sides that the sun does not reach still differ, so that a corner is seen in the shade.
    side = 1.0 - 0.10 * np.abs(normals[..., :1]) - 0.18 * np.maximum(normals[..., 1:2], 0)
    return lit + np.array(mood.ambient, np.float32) * side
