"""Scenes: a map under its light, as one flat table of lit texels that the renderer indexes.

The table holds, one after the other, the wall textures lit for each side a wall can face, the shades of round things,
the whole floor with its shadows, and the sky as a panorama. Nothing here depends on a camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from train.maps import CELLS, Map
from train.textures import (
    MIPS,
    MOODS,
    NORMALS,
    PALETTE_TONES,
    PER_METRE,
    SHADES,
    SIZE,
    SKY_COLUMNS,
    SKY_ROWS,
    TEXELS,
    Mood,
    floor_tiles,
    light,
    mip_chain,
    wall_texels,
)

FLOOR_SIDE = CELLS * PER_METRE
FLOOR_OFFSETS = np.cumsum([0] + [(FLOOR_SIDE >> m) ** 2 for m in range(MIPS)]).astype(np.int32)
SHADOW_DOUBLINGS = 6


@dataclass(frozen=True, eq=False)
class Scene:
    """Lit texels, three planes float32 [3, n] in 0-255, where each part begins, and the fog and light of the mood."""

    map: Map
    texels: np.ndarray
    round_base: int
    floor_base: int
    sky_base: int
    fog: np.ndarray
    density: float
    sun: np.ndarray


def sun_direction(map_: Map) -> np.ndarray:
    """Unit vector towards the sun, float32 [3]."""
    elevation = math.radians(MOODS[map_.mood].elevation)
    flat = math.cos(elevation)
    return np.array([flat * math.sin(map_.sun), -math.sin(elevation), flat * math.cos(map_.sun)], np.float32)


def lit_rounds(mood: Mood) -> np.ndarray:
    """Shades of the palette, [entries * 2 * SHADES, 3]: entry, band, then the cosine to the sun from -1 to 1."""
    tones = np.array(list(PALETTE_TONES.values()), np.float32)
    cosine = np.linspace(-1, 1, SHADES, dtype=np.float32)[:, None]
    shade = np.array(mood.ambient, np.float32) * (0.92 + 0.08 * cosine) + np.maximum(cosine, 0) * np.array(mood.sun)
    return (tones[:, :, None] * shade.astype(np.float32)).reshape(-1, 3)


def floor_shadow(map_: Map, sun: np.ndarray) -> np.ndarray:
    """Which floor texels lie in the shadow of the walls or under round things, bool [FLOOR_SIDE, FLOOR_SIDE]."""
    margin = 6
    shadow = np.pad(map_.solid, margin, mode="edge").repeat(PER_METRE, 0).repeat(PER_METRE, 1)
    # A wall's shadow is the wall swept along the light until the light is as high as the wall; each doubling of the
    # swept length is one shift.
    for k in range(1, 1 + SHADOW_DOUBLINGS):
        sweep = PER_METRE / -float(sun[1]) / 2**k
        shadow |= np.roll(shadow, (-round(float(sun[2]) * sweep), -round(float(sun[0]) * sweep)), (0, 1))
    inner = slice(margin * PER_METRE, -margin * PER_METRE)
    shadow = shadow[inner, inner]
    for thing in map_.solids:
        if thing.kind != "box" and thing.low < 0.3:
            add_round_shadow(shadow, thing.x * PER_METRE, thing.z * PER_METRE, thing.rx * PER_METRE * 1.1)
    return shadow


def add_round_shadow(shadow: np.ndarray, x: float, z: float, radius: float) -> None:
    """Darken a disc, in texels, so that round things stand on the floor."""
    reach = math.ceil(radius)
    z0, x0 = int(z) - reach, int(x) - reach
    patch = shadow[z0 : z0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1]
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]]
    patch |= np.hypot(rows + z0 + 0.5 - z, columns + x0 + 0.5 - x) < radius


def lit_floor(map_: Map, sun: np.ndarray) -> np.ndarray:
    """The whole floor with its mip levels, planes [3, n]."""
    tiles, mood = floor_tiles(), MOODS[map_.mood]
    up = light(NORMALS[4], sun, mood)
    dark = np.array(mood.ambient, np.float32)
    # Tiles repeat every 2 m, so a cell shows the quarter of its tile that its parity says.
    half = SIZE // 2
    quarters = tiles.reshape(len(tiles), 2, half, 2, half, 3).transpose(5, 0, 1, 3, 2, 4).copy()
    z, x = np.mgrid[:CELLS, :CELLS]
    shade = np.float32(0.25) * up + np.float32(0.64) * dark
    shadow = floor_shadow(map_, sun)
    floor = np.empty((3, FLOOR_SIDE, FLOOR_SIDE), np.float32)
    for channel, plane in enumerate(quarters):
        cells = plane[map_.floors, z % 2, x % 2].transpose(0, 2, 1, 3)
        np.multiply(cells.reshape(FLOOR_SIDE, FLOOR_SIDE), up[channel], out=floor[channel])
        np.multiply(floor[channel], shade[channel] / up[channel], out=floor[channel], where=shadow)
    return mip_chain(floor)


def hills(azimuth: np.ndarray, rng: np.random.Generator, base: float, swing: float) -> np.ndarray:
    """A skyline: the sine of its elevation at each azimuth, closed around the circle."""
    line = np.full_like(azimuth, base)
    for waves in (2, 3, 5, 9):
        line += swing / math.sqrt(waves) * np.sin(waves * azimuth + rng.uniform(0, math.tau))
    return line


def clouds(azimuth: np.ndarray, height: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover 0-1 of a few heaps of ellipses, [rows, columns]."""
    cover = np.zeros((len(height), len(azimuth)), np.float32)
    for _ in range(rng.integers(5, 9)):
        middle, level, size = rng.uniform(-math.pi, math.pi), rng.uniform(0.3, 0.75), rng.uniform(0.12, 0.26)
        for lobe in (-1, 0, 1):
            turned = (azimuth - middle - lobe * size * 0.8 + math.pi) % math.tau - math.pi
            lift = (height - level - (0.05 if lobe == 0 else 0)) / (0.34 * size)
            across = (turned / size) ** 2
            rows = slice(*np.searchsorted(height, (level - size, level + size)))
            np.maximum(cover[rows], 4 * (1 - across - lift[rows, None] ** 2), out=cover[rows])
    return np.clip(cover, 0, 1)


def sky(map_: Map, sun: np.ndarray) -> np.ndarray:
    """The panorama [3, SKY_ROWS * SKY_COLUMNS]: rows by the sine of the elevation from 0 up, columns by azimuth."""
    mood, rng = MOODS[map_.mood], np.random.default_rng([map_.seed, 0x736B79])
    azimuth = ((np.arange(SKY_COLUMNS) + 0.5) * (math.tau / SKY_COLUMNS)).astype(np.float32)
    height = ((np.arange(SKY_ROWS) + 0.5) / SKY_ROWS).astype(np.float32)
    zenith, horizon, cloud, far, disc = (
        np.array(c, np.float32)[:, None, None] for c in (mood.zenith, mood.horizon, mood.cloud, mood.hills, mood.disc)
    )
    around = sun[0] * np.sin(azimuth) + sun[2] * np.cos(azimuth)
    cosine = np.sqrt(1 - height**2)[:, None] * around - (height * sun[1])[:, None]
    glow = np.maximum(cosine, 0) ** 2
    glow *= glow * glow
    glow *= 0.45 * glow * glow * glow
    out = np.broadcast_to(horizon + (zenith - horizon) * height[:, None] ** 0.7, (3, SKY_ROWS, SKY_COLUMNS)).copy()
    sunny = np.clip((cosine - 0.9925) * 800, 0, 1)
    for weight, colour in ((glow, disc), (sunny, disc), (clouds(azimuth, height, rng), 0.9 * cloud + 0.1 * horizon)):
        # Most of the sky is touched by neither the sun nor a cloud.
        rows = np.flatnonzero(weight.max(1) > 1e-3)
        part = slice(rows[0], rows[-1] + 1) if len(rows) else slice(0)
        out[:, part] += weight[part] * (colour - out[:, part])
    for base, swing, haze in ((0.20, 0.06, 0.45), (0.11, 0.035, 0.0)):
        skyline = hills(azimuth, rng, base, swing)
        top = int(skyline.max() * SKY_ROWS) + 1
        np.copyto(out[:, :top], far + haze * (horizon - far), where=height[:top, None] < skyline)
    return out.reshape(3, -1)


@lru_cache(maxsize=4)
def make_scene(map_: Map) -> Scene:
    """A map with its tables; the last few are kept."""
    mood, sun = MOODS[map_.mood], sun_direction(map_)
    # Planes by texture, normal and texel.
    walls = wall_texels()[:, :, None] * light(NORMALS, sun, mood).T[:, None, :, None]
    parts = [walls.reshape(3, -1), lit_rounds(mood).T, lit_floor(map_, sun), sky(map_, sun)]
    bases = np.cumsum([0] + [part.shape[1] for part in parts])
    texels = np.concatenate(parts, 1, dtype=np.float32)
    np.minimum(texels, 1, out=texels)
    texels *= 255
    fog = (np.array(mood.horizon, np.float32) * 0.8 + np.array(mood.hills, np.float32) * 0.2) * 255
    return Scene(map_, texels, *(int(b) for b in bases[1:4]), fog, mood.fog, sun)


def wall_base(texture: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Where the lit copy of a wall texture for one of NORMALS begins in the table."""
    return (texture * len(NORMALS) + normal) * TEXELS
