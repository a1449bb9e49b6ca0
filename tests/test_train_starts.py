"""The start pictures of official worlds: small, no two alike, as large as what they begin, drawn by the program."""

from __future__ import annotations

import numpy as np

from model import registry
from model.worldfile import read_world_file
from train.starts import FOLDER, STARTS, draw


def own_pictures(name: str) -> list[np.ndarray]:
    folder = registry.WORLDS / name
    return registry.starts_of(folder, read_world_file(folder))


def test_every_official_world_has_a_small_picture_of_its_own():
    names = [path.parent.name for path in registry.WORLDS.glob("*/world.yaml")]
    official = {name: own_pictures(name) for name in names if read_world_file(registry.WORLDS / name).source}
    assert {*STARTS, "matrix-game-2"} == official.keys() and all(len(pictures) == 1 for pictures in official.values())
    assert len({pictures[0].tobytes() for pictures in official.values()}) == len(official)
    assert all(path.stat().st_size < 100_000 for path in FOLDER.glob("*.png"))
    assert all(official[name][0].shape[1::-1] == start.size for name, start in STARTS.items())


def test_a_picture_is_what_the_program_draws():
    name = "matrix-game-2-templerun"
    (kept,) = own_pictures(name)
    assert np.abs(draw(STARTS[name]).astype(int) - kept).mean() < 0.5, "rounding may differ on other machines"
