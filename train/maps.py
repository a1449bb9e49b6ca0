"""Maps: the floor plans of the training world, grown from a seed.

A map is a square of 1 m cells (x to the right, z forward, indexed [z, x]), split into rooms by walls one cell thick,
with openings and gates between the rooms and furniture in them. Heights are metres above the floor. How it looks is
the affair of train/textures.py and train/scene.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from train.textures import FLOORS, MOODS, PALETTE, WALLS

CELLS = 24
FLOOR = 0.5  # the plane y of the floor, and minus that of the walls' tops; the eye is at y = 0
GATE_CLEARANCE = 0.75
POST = 0.14
# A gate stands this far out of the wall on either side, so that it is seen as a frame.
PROUD = 0.06
GATE_LOOKS = ("vermilion", "gold", "azure")


@dataclass(frozen=True)
class Solid:
    """A convex body standing at (x, z): a `box` of half sizes rx, rz, or a `cylinder` or `sphere` of radius rx.

    It reaches from `low` to `high` above the floor; a sphere is as high as it is wide. `look` is a wall texture for a
    box, a palette entry otherwise.
    """

    kind: str
    x: float
    z: float
    rx: float
    rz: float
    low: float
    high: float
    look: int


@dataclass(frozen=True)
class Gate:
    """A doorway under a lintel: centred at (x, z), `width` metres wide, across a wall that runs along x or not."""

    x: float
    z: float
    width: float
    along_x: bool


@dataclass(frozen=True)
class Style:
    """What makes a room a place: names of a wall and a floor texture, and what furniture it may hold."""

    wall: str
    floor: str
    furniture: tuple[str, ...]


STYLES = (
    Style("hedge", "grass", ("tree", "tree", "tree")),
    Style("brick", "boards", ("crate", "barrel")),
    Style("stone", "checker", ("column", "column", "ball")),
    Style("panels", "plates", ("ball", "crate", "pylon")),
    Style("planks", "dirt", ("barrel", "tree", "crate")),
    Style("sandstone", "sand", ("column", "bush")),
    Style("stripes", "carpet", ("ball", "pylon")),
    Style("tiles", "pool", ("column", "bush")),
    Style("plaster", "flags", ("barrel", "tree", "bush")),
    Style("lattice", "grass", ("bush", "tree", "ball")),
)


@dataclass(frozen=True, eq=False)
class Map:
    """One place. `walls` and `floors` [z, x] are texture numbers per open cell (a wall looks as its room says).

    `solids` holds the furniture and the posts and lintels of `gates`; `sun` is the azimuth of the light in radians.
    """

    seed: int
    solid: np.ndarray
    walls: np.ndarray
    floors: np.ndarray
    solids: tuple[Solid, ...]
    gates: tuple[Gate, ...]
    mood: int
    sun: float


Rect = tuple[int, int, int, int]  # x0, z0, x1, z1: the open cells of a room, ends excluded


def gate_solids(gate: Gate, trim: int) -> list[Solid]:
    """The two posts and the lintel of a gate, in the wall texture `trim`."""
    deep, half = 0.5 + PROUD, gate.width / 2
    parts = [(side * (half - POST / 2), POST / 2, 0.0, GATE_CLEARANCE) for side in (-1, 1)]
    parts.append((0.0, half + PROUD, GATE_CLEARANCE, 1.0))
    solids = []
    for offset, along, low, high in parts:
        if gate.along_x:
            solids.append(Solid("box", gate.x + offset, gate.z, along, deep, low, high, trim))
        else:
            solids.append(Solid("box", gate.x, gate.z + offset, deep, along, low, high, trim))
    return solids


def furniture(kind: str, x: float, z: float, rng: np.random.Generator) -> list[Solid]:
    """The solids of one piece of furniture at (x, z)."""
    look = PALETTE.index
    bright = look(("red", "yellow", "blue", "violet")[rng.integers(4)])
    if kind == "tree":
        radius, trunk = 0.42 + 0.2 * rng.random(), 0.7 + 0.5 * rng.random()
        crown = look(("leaf", "leaf", "autumn", "blossom")[rng.integers(4)])
        middle = trunk + 0.75 * radius
        ball = Solid("sphere", x, z, radius, radius, middle - radius, middle + radius, crown)
        return [Solid("cylinder", x, z, 0.12, 0.12, 0.0, middle - 0.5 * radius, look("bark")), ball]
    if kind == "bush":
        return [Solid("sphere", x, z, 0.4, 0.4, -0.12, 0.68, look("leaf"))]
    if kind == "column":
        ends = ((0.32, 1.5, 1.62), (0.3, 0.0, 0.1))
        shaft = Solid("cylinder", x, z, 0.22, 0.22, 0.0, 1.5, look("marble"))
        return [shaft, *(Solid("box", x, z, r, r, low, high, WALLS.index("sandstone")) for r, low, high in ends)]
    if kind == "barrel":
        return [Solid("cylinder", x, z, 0.28, 0.28, 0.0, 0.6, look("barrel"))]
    if kind == "pylon":
        cap = Solid("sphere", x, z, 0.22, 0.22, 1.15, 1.59, bright)
        return [Solid("cylinder", x, z, 0.1, 0.1, 0.0, 1.2, look("marble")), cap]
    if kind == "ball":
        return [Solid("sphere", x, z, 0.35, 0.35, 0.0, 0.7, bright)]
    half = 0.25 + 0.1 * rng.random()
    return [Solid("box", x, z, half, half, 0.0, 2 * half, WALLS.index("crate"))]


class Builder:
    """Grows one map: splits the square into rooms, then furnishes them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 0x6D6170])
        self.solid = np.ones((CELLS, CELLS), bool)
        self.solid[1:-1, 1:-1] = False
        self.doors = np.zeros((CELLS, CELLS), bool)
        self.gates: list[Gate] = []
        self.rooms: list[Rect] = []

    def wall_places(self, room: Rect, along_x: bool) -> list[int]:
        """Where a wall along x (or z) may divide the room: not where its ends would run into a door."""
        x0, z0, x1, z1 = room
        grid, low, high, end0, end1 = (
            (self.doors, z0, z1, x0 - 1, x1) if along_x else (self.doors.T, x0, x1, z0 - 1, z1)
        )
        smallest = 2 if self.rng.random() < 0.35 else 4
        places = range(low + smallest, high - smallest)
        return [p for p in places if not (grid[p - 1 : p + 2, end0].any() or grid[p - 1 : p + 2, end1].any())]

    def split(self, room: Rect) -> None:
        """Divide a room, and its parts, until the rooms are small enough; some stay wide."""
        x0, z0, x1, z1 = room
        wide, deep = x1 - x0, z1 - z0
        along_x = deep > wide if abs(deep - wide) > 2 else bool(self.rng.random() < 0.5)
        places = self.wall_places(room, along_x)
        enough = max(wide, deep) < 7 or (max(wide, deep) < 13 and self.rng.random() < 0.3)
        if enough or not places:
            self.rooms.append(room)
            return
        p = int(self.rng.choice(places))
        if along_x:
            self.open_wall(p, x0, x1, True)
            parts = (x0, z0, x1, p), (x0, p + 1, x1, z1)
        else:
            self.open_wall(p, z0, z1, False)
            parts = (x0, z0, p, z1), (p + 1, z0, x1, z1)
        for part in parts:
            self.split(part)

    def open_wall(self, p: int, start: int, stop: int, along_x: bool) -> None:
        """Put a wall on line `p` from start to stop, with openings: gates, or plain wide gaps."""
        self.solid[(p, slice(start, stop)) if along_x else (slice(start, stop), p)] = True
        pieces = 2 if stop - start >= 11 else 1
        bounds = np.linspace(start, stop, pieces + 1).astype(int)
        for low, high in zip(bounds, bounds[1:], strict=False):
            gated = self.rng.random() < 0.7
            width = min(int(self.rng.integers(2, 4) if gated else self.rng.integers(3, 6)), high - low)
            first = int(self.rng.integers(low, high - width + 1))
            where = (p, slice(first, first + width)) if along_x else (slice(first, first + width), p)
            self.solid[where], self.doors[where] = False, True
            if gated and width >= 2:
                middle = first + width / 2
                x, z = (middle, p + 0.5) if along_x else (p + 0.5, middle)
                self.gates.append(Gate(x, z, float(width), along_x))

    def free(self, x: int, z: int) -> bool:
        """Whether furniture at this cell leaves room to walk all around it."""
        around = slice(z - 1, z + 2), slice(x - 1, x + 2)
        return not (self.solid[around].any() or self.doors[around].any())

    def furnish(self, room: Rect, style: Style, solids: list[Solid]) -> None:
        """Put pillars or furniture into a room, never next to each other nor to a wall."""
        x0, z0, x1, z1 = room
        cells = [(x, z) for x in range(x0, x1) for z in range(z0, z1) if self.free(x, z)]
        self.rng.shuffle(cells)
        budget = math.ceil((x1 - x0) * (z1 - z0) / self.rng.choice((9, 14, 30)))
        taken: list[tuple[int, int]] = []
        blocks = self.rng.random() < 0.2
        for x, z in cells:
            if len(taken) >= budget:
                break
            if any(max(abs(x - a), abs(z - b)) < 2 for a, b in taken):
                continue
            taken.append((x, z))
            if blocks:
                self.solid[z, x] = True
            else:
                kind = style.furniture[self.rng.integers(len(style.furniture))]
                solids += furniture(kind, x + 0.5, z + 0.5, self.rng)

    def regions(self) -> np.ndarray:
        """The room number of every cell, [z, x]; doors and walls belong to a room beside them."""
        region = np.full((CELLS, CELLS), -1)
        for number, (x0, z0, x1, z1) in enumerate(self.rooms):
            region[z0:z1, x0:x1] = number
        for shift, axis in ((1, 0), (1, 1), (-1, 0), (-1, 1)):
            moved = np.roll(region, shift, axis)
            region = np.where(region < 0, moved, region)
        return np.maximum(region, 0)


@lru_cache(maxsize=4)
def make_map(seed: int) -> Map:
    """The map of a seed, always the same; the last few are kept."""
    builder = Builder(seed)
    rng = builder.rng
    builder.split((1, 1, CELLS - 1, CELLS - 1))
    # Few styles per map give it a character of its own; rooms of one style are not rare.
    palette = rng.permutation(len(STYLES))[: rng.integers(3, 6)]
    styles = [STYLES[palette[rng.integers(len(palette))]] for _ in builder.rooms]
    trim = WALLS.index(GATE_LOOKS[rng.integers(len(GATE_LOOKS))])
    solids = [part for gate in builder.gates for part in gate_solids(gate, trim)]
    for room, style in zip(builder.rooms, styles, strict=True):
        builder.furnish(room, style, solids)
    region = builder.regions()
    walls = np.array([WALLS.index(style.wall) for style in styles], np.int32)[region]
    floors = np.array([FLOORS.index(style.floor) for style in styles], np.int32)[region]
    mood, sun = int(rng.integers(len(MOODS))), float(rng.uniform(0, math.tau))
    return Map(seed, builder.solid, walls, floors, tuple(solids), tuple(builder.gates), mood, sun)
