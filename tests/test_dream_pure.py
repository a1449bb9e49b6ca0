"""The pure parts of the embedded world: ages, picture fitting, clearance, configuration. Tables, no network."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dream_fixtures import TINY

from model.cache import EMPTY
from model.dream.ages import ages, visible
from model.dream.clearance import BODY_RADIUS, free_way, hold_back, obstacles
from model.dream.config import DreamConfig
from model.dream.picture import fit
from model.settings import read_settings, write_settings
from runtime.errors import UserError


@pytest.mark.parametrize(
    "chunk, expected",
    [
        (0, [0, EMPTY, EMPTY, EMPTY]),
        (1, [3, 0, EMPTY, EMPTY]),
        (2, [3, 1, 0, EMPTY]),
        (3, [3, 2, 1, 0]),
        (4, [3, 0, 2, 1]),
        (100_003, [3, 0, 2, 1]),
    ],
)
def test_ages_of_slots(chunk, expected):
    assert ages(chunk, past=2).tolist() == expected


@pytest.mark.parametrize("chunk", [0, 1, 2, 5, 9])
def test_parallel_and_cached_bookkeeping_agree(chunk):
    by_slot = {int(age) for age in ages(chunk, 3) if age != EMPTY}
    assert by_slot == {age for _, age in visible(chunk, 3)}


def test_fit_crops_about_the_centre_and_averages_areas():
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, 30:70] = 200  # of the 40x40 that a square crop keeps, all of it
    assert (fit(picture, 10, 10) == 200).all()
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[None, :, None], 20, 0).repeat(3, 2)
    assert fit(ramp, 10, 10)[0, :, 0].tolist() == [round(5 + 20 * i) for i in range(10)]
    assert fit(picture[:1, :1], 8, 4).shape == (4, 8, 3)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_fit_refuses_what_is_no_picture(bad):
    with pytest.raises(ValueError):
        fit(bad, 8, 8)


def wall(distance: float, config: DreamConfig) -> np.ndarray:
    return np.full((config.height, config.width), config.near / distance)


def test_obstacles_of_a_wall_ahead_lie_at_its_distance_whatever_the_pitch():
    config = DreamConfig()
    points = obstacles(wall(1.0, config), 0.0, config)
    assert np.allclose(points[:, 1], 1.0) and len(points) > 1000
    pitch = math.radians(20)
    rays = (np.arange(config.height) + 0.5 - config.height / 2) / config.focal
    depth = 1.0 / (math.cos(pitch) + rays * math.sin(pitch))  # a vertical wall 1 m ahead, seen looking up
    tilted = np.repeat((config.near / depth)[:, None], config.width, 1)
    assert np.allclose(obstacles(tilted, pitch, config)[:, 1], 1.0, atol=1e-6)


def test_hold_back_stops_before_a_wall_and_leaves_free_walks_alone():
    config = DreamConfig()
    rows = np.tile(np.array([0, 0.2, 0.01, 0], np.float32), (4, 1))
    assert np.array_equal(hold_back(rows, wall(3.0, config), 0.0, config), rows)
    held = hold_back(rows, wall(0.5, config), 0.0, config)
    yaw = np.cumsum(held[:, 2])
    ahead = (held[:, 1] * np.cos(yaw) - held[:, 0] * np.sin(yaw)).sum()
    assert ahead <= 0.5 - BODY_RADIUS + 1e-6
    assert np.array_equal(held[:, 2:], rows[:, 2:]), "turning is never held back"


def test_hold_back_slides_along_a_slanted_wall():
    """A wall that runs away to the right at 45 degrees lets one slide that way."""
    config = DreamConfig()
    across = (np.arange(config.width) + 0.5 - config.width / 2) / config.focal
    depth = 0.6 / (1 + across)  # the line forward + right = 0.6
    slanted = np.repeat((config.near / np.clip(depth, 0.05, 50))[None], config.height, 0)
    held = hold_back(np.tile(np.array([0, 0.15, 0, 0], np.float32), (4, 1)), slanted, 0.0, config)
    assert held[:, 0].sum() < -0.05, "bent to the left, where the wall runs away"
    assert free_way(obstacles(slanted, 0.0, config), 0.0) < 0.6


def test_walking_backwards_is_not_held_by_what_is_ahead():
    config = DreamConfig()
    rows = np.tile(np.array([0, -0.2, 0, 0], np.float32), (4, 1))
    assert np.array_equal(hold_back(rows, wall(0.35, config), 0.0, config), rows)


def test_config_is_strict():
    assert read_settings(DreamConfig, write_settings(TINY), "here") == TINY
    with pytest.raises(UserError, match="unknown key 'widht'.*world.yaml"):
        read_settings(DreamConfig, {"widht": 3}, "world.yaml")
    with pytest.raises(UserError, match="patches"):
        read_settings(DreamConfig, {"width": 100}, "world.yaml")
