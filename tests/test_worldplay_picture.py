"""The start picture of HY-WorldPlay: the official sizes, and a picture that covers its shape whatever its own is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference

from model.worldplay.picture import bucket, buckets, prepare
from runtime.errors import UserError


def test_buckets_are_the_official_ones():
    recorded = json.loads(reference("worldplay", "golden_camera.json").read_text())["resolution_480p"]
    assert len(set(buckets())) == len(buckets()) == recorded["n_buckets"]
    for example in recorded["examples"]:
        assert bucket(*example["image_wh"]) == tuple(example["height_width"][::-1]), example["image_wh"]


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_every_picture_has_a_bucket(width, height):
    wide, high = bucket(width, height)
    assert wide % 16 == high % 16 == 0 and 1500 <= wide * high // 256 <= 1600
    assert bucket(2 * width, 2 * height) == (wide, high)


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows to the right and green downwards, up to 255; blue is 100."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([across, down, np.full_like(across, 100)], -1).round().astype(np.uint8)


@settings(max_examples=50, deadline=None)
@given(st.integers(20, 400), st.integers(20, 400), st.integers(4, 12), st.integers(4, 12))
def test_a_picture_is_scaled_to_cover_and_cropped_about_its_centre(width, height, columns, rows):
    shape = (16 * columns, 16 * rows)
    made = prepare(gradient(width, height), *shape)
    assert made.shape == (*shape[::-1], 3) and made.dtype == np.uint8 and (made[..., 2] == 100).all()
    scale = max(shape[0] / width, shape[1] / height)
    for channel, size, own in ((0, shape[0], width * scale), (1, shape[1], height * scale)):
        line = made[..., channel].mean(channel).astype(float)
        seen = 255 * min(1, size / own)
        assert abs(line.mean() - 127.5) < 4 + 255 / own, "about the centre"
        assert abs(line[-1] - line[0] - seen) < 12 + 2 * 255 / own, "as much of it as fits, and no more"


def test_a_picture_of_the_size_is_left_as_it_is():
    picture = np.random.default_rng(1).integers(0, 256, (48, 80, 3), np.uint8)
    assert np.array_equal(prepare(picture, 80, 48), picture)
    assert np.array_equal(prepare(picture, 80, 45)[0], picture[2]), "a margin of 3 is halved to 2 and 1"
    assert np.array_equal(prepare(picture, 75, 48)[:, 0], picture[:, 2]) and prepare(picture, 79, 48).shape[1] == 79


def test_a_picture_that_is_a_line_is_refused():
    with pytest.raises(UserError, match="1x10000 pixels is too long for 480x848"):
        prepare(np.zeros((10_000, 1, 3), np.uint8), 480, 848)
