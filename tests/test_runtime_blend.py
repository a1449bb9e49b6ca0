"""Blending: weights and ticks as pure functions, pictures mixed to within a level, and fast enough for a screen."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.blend import FULL, Blender, tick, weight


def picture(seed, size=(72, 128)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


@pytest.mark.parametrize(
    ("period", "rate", "seconds"),
    [
        (0.05, 60.0, 0.05 / 3),
        (0.05, 0.0, 0.05 / 3),  # nobody tells: taken for 60
        (0.05, 144.0, 0.05 / 7),
        (0.04, 60.0, 0.02),  # 25 fps on 60 Hz: two pictures each, all alike
        (1 / 60, 60.0, 1 / 60),
        (0.05, 25.0, 0.05),
        (0.0, 60.0, 0.0),
    ],
)
def test_ticks_are_whole_parts_of_the_period(period, rate, seconds):
    assert tick(period, rate) == pytest.approx(seconds)


@given(st.floats(0.005, 1.0), st.floats(0.0, 1000.0))
def test_no_tick_is_longer_than_the_period_and_each_frame_has_as_many(period, rate):
    times = period / tick(period, rate)
    assert times >= 1 and times == pytest.approx(round(times))


@given(st.lists(st.floats(0.0, 0.2), min_size=2), st.floats(0.001, 0.1))
def test_a_picture_only_grows_from_nothing_to_all_within_a_period(moments, period):
    shares = [weight(7.0 + moment, 7.0, period) for moment in sorted(moments)]
    assert shares == sorted(shares) and all(0 <= share <= FULL for share in shares)
    assert weight(7.0, 7.0, period) == 0 and weight(7.0 + period, 7.0, period) == FULL
    assert weight(7.0, 7.0, 0.0) == FULL


@settings(max_examples=25, deadline=None)
@given(st.integers(0, FULL), st.integers(0, 99))
def test_mixed_to_within_a_level_and_opaque(share, seed):
    before, after = picture(seed), picture(seed + 100)
    kept = before.copy(), after.copy()
    blender = Blender()
    blender.take(before)
    blender.take(after)
    mixed = blender.at(share)
    wanted = before + (after.astype(float) - before) * share / FULL
    assert np.abs(mixed - wanted).max() <= 1.0 and (mixed[..., 3] == 255).all()
    assert np.array_equal(before, kept[0]) and np.array_equal(after, kept[1])  # frames are never written again


def test_a_first_picture_another_size_and_a_new_walk_are_seen_at_once():
    blender = Blender()
    for pixels in (picture(1), picture(2, (36, 64))):
        blender.take(pixels)
        assert blender.at(0) is pixels and blender.at(100) is pixels
    blender.forget()
    blender.take(third := picture(3, (36, 64)))
    assert blender.at(0) is third


def test_a_picture_of_640_by_352_takes_no_time_to_speak_of():
    blender, took = Blender(), []
    blender.take(picture(1, (352, 640)))
    blender.take(picture(2, (352, 640)))
    for _ in range(50):
        began = time.perf_counter()
        blender.at(100)
        took.append(time.perf_counter() - began)
    assert min(took) < 1e-3
