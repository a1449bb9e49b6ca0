"""Starts: pictures of our own that official worlds begin from: views of maps of the training world, and of two that are
laid out for driving and for running.

python -m train.starts writes assets/starts

The player's cards show them too, so no two are alike. All is drawn by NumPy, from seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from input.camera import Intrinsics, Pose, c2w
from train.clips import FOV
from train.ground import ground_of
from train.maps import CELLS, Gate, Map, Solid, furniture, gate_solids, make_map
from train.render import render
from train.textures import FLOORS, MOODS, WALLS
from train.walker import find_start

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "starts"
MIDDLE = CELLS / 2
NAMES = [mood.name for mood in MOODS]


@dataclass(frozen=True)
class Start:
    """size: (width, height), the world's own. place: gives the map and where its visitor stands."""

    size: tuple[int, int]
    place: Callable[[], tuple[Map, Pose]]


def found(seed: int, mood: str) -> tuple[Map, Pose]:
    """The map of a seed at a time of day, seen from where a walker would begin."""
    map_ = make_map(seed)
    return replace(map_, mood=NAMES.index(mood)), find_start(ground_of(map_), np.random.default_rng(seed))


def laid_out(half: int, beside: str, floors: tuple[str, str], solids: list[Solid], mood: str, sun: float) -> Map:
    """A way straight ahead, 2 `half` metres wide between walls like `beside`; floors: at its sides, within."""
    solid = np.ones((CELLS, CELLS), bool)
    low, high = CELLS // 2 - half, CELLS // 2 + half
    solid[1:-1, low:high] = False
    floor = np.full((CELLS, CELLS), FLOORS.index(floors[0]), np.int32)
    floor[:, low + 1 : high - 1] = FLOORS.index(floors[1])
    walls = np.full((CELLS, CELLS), WALLS.index(beside), np.int32)
    return Map(0, solid, walls, floor, tuple(solids), (), NAMES.index(mood), sun)


def street() -> tuple[Map, Pose]:
    """Houses of several heights, trees on the pavements, parked cars; seen from the right-hand lane."""
    rng, solids = np.random.default_rng(4), []
    looks = ("brick", "plaster", "panels", "stone", "stripes", "tiles")
    for side in (-1, 1):
        for number, z in enumerate(range(3, CELLS, 3)):
            high, look = float(rng.uniform(1.4, 3.2)), WALLS.index(looks[int(rng.integers(len(looks)))])
            solids.append(Solid("box", MIDDLE + side * 5.0, z, 1.05, 1.45, 0.0, high, look))
            if number % 2:
                solids += furniture("tree", MIDDLE + side * 3.5, z + 0.5, rng)
    for x, z, look in ((-2.4, 7.5, "azure"), (2.5, 10.5, "vermilion"), (-2.4, 14.0, "gold"), (2.5, 17.5, "azure")):
        body = Solid("box", MIDDLE + x, z, 0.36, 0.75, 0.08, 0.34, WALLS.index(look))
        solids += [body, Solid("box", MIDDLE + x, z, 0.3, 0.38, 0.34, 0.55, WALLS.index("panels"))]
    return laid_out(4, "stone", ("flags", "plates"), solids, "day", 0.8), Pose(MIDDLE + 0.9, 0.0, 2.0, -0.04, -0.02)


def colonnade() -> tuple[Map, Pose]:
    """A way between columns and under gates, one behind the other."""
    rng, solids = np.random.default_rng(2), []
    for z in range(4, CELLS - 1, 3):
        solids += [part for side in (-1, 1) for part in furniture("column", MIDDLE + side * 1.55, z, rng)]
    for z in (8.5, 14.5, 20.5):
        solids += gate_solids(Gate(MIDDLE, z, 2.6, True), WALLS.index("vermilion"))
    return laid_out(2, "sandstone", ("grass", "sand"), solids, "dusk", 0.3), Pose(MIDDLE, 0.0, 1.8, 0.0, -0.03)


# Beside court.png, which matrix-game-2 begins from: it was drawn in the same way before there was this file.
STARTS = {
    "matrix-game-2-gta-drive": Start((640, 352), street),
    "matrix-game-2-templerun": Start((640, 352), colonnade),
    "worldplay": Start((832, 480), lambda: found(90064, "day")),
    "worldplay-5b": Start((1280, 704), lambda: found(90023, "day")),
    "worldplay-ar": Start((832, 480), lambda: found(90060, "dusk")),
    "worldplay-rl": Start((832, 480), lambda: found(90072, "night")),
}


def draw(start: Start) -> np.ndarray:
    """The picture, uint8 RGB [height, width, 3]."""
    map_, pose = start.place()
    width, height = start.size
    pinhole = Intrinsics.from_fov(width, height, FOV)
    rgb, _ = render(map_, c2w(pose)[None], (pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy), height, width)
    return rgb[0]


def main() -> None:
    for name, start in STARTS.items():
        path = FOLDER / f"{name}.png"
        Image.fromarray(draw(start)).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
