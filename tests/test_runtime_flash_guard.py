"""The flash guard: whatever goes in, no more than three flashes in a second come out; calm pictures come out as is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.flash_guard import FlashGuard, luminance, sample

SHAPE = (24, 128)


def even(value):
    picture = np.full((*SHAPE, 4), value, np.uint8)
    picture[..., 3] = 255
    return picture


def light(picture):
    """The mean relative luminance of all pixels, as WCAG defines it."""
    value = picture[..., :3].astype(float) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float((linear @ [0.0722, 0.7152, 0.2126]).mean())


def most_flashes(levels, fps):
    """The most flashes in any second of a course of luminances: pairs of opposite changes of a tenth or more."""
    changes, way = [], 0
    low = high = levels[0]
    for number, level in enumerate(levels):
        low, high = min(low, level), max(high, level)
        if way <= 0 and level - low >= 0.1 and low < 0.8:
            way, low, high = 1, level, level
            changes.append(number)
        elif way >= 0 and high - level >= 0.1 and level < 0.8:
            way, low, high = -1, level, level
            changes.append(number)
    return max((sum(start <= one < start + fps for one in changes) // 2 for start in changes), default=0)


def through(pictures, fps):
    guard = FlashGuard(fps)
    return [guard.pass_(picture).copy() for picture in pictures]


def strobe(frames, every, dark=0, bright=255):
    return [even(bright if (number // every) % 2 else dark) for number in range(frames)]


@pytest.mark.parametrize(("fps", "every"), [(16, 1), (16, 2), (30, 1), (30, 3), (60, 1), (60, 6)])
@pytest.mark.parametrize("levels", [(0, 255), (100, 160), (0, 120), (190, 255)])
def test_a_strobe_is_held_back(fps, every, levels):
    pictures = strobe(3 * fps, every, *levels)
    before = most_flashes([light(picture) for picture in pictures], fps)
    after = most_flashes([light(picture) for picture in through(pictures, fps)], fps)
    assert before > 3 >= after


def test_a_part_of_the_picture_may_not_strobe_either():
    pictures = [even(40) for _ in range(60)]
    for number, picture in enumerate(pictures):
        picture[:, :64] = 255 if number % 2 else 0
        picture[:, 64:] = 0 if number % 2 else 255  # so that the mean never changes
    shown = through(pictures, 30)
    assert most_flashes([light(picture[:, :64]) for picture in pictures], 30) > 3
    assert most_flashes([light(picture[:, :64]) for picture in shown], 30) <= 3


def test_something_small_may():
    pictures = [even(40) for _ in range(60)]
    for number, picture in enumerate(pictures):
        picture[:6, :32] = 255 if number % 2 else 0
    guard = FlashGuard(30)
    assert all(guard.pass_(picture) is picture for picture in pictures)


def test_calm_pictures_are_not_touched():
    guard, noise = FlashGuard(30), np.random.default_rng(0)
    for number in range(150):
        # A walk: brightness drifts up and down over seconds, with noise; now and then a door opens.
        value = 120 + 80 * np.sin(number / 25) + (60 if number == 70 else 0)
        picture = np.clip(value + noise.normal(0, 12, (*SHAPE, 4)), 0, 255).astype(np.uint8)
        assert guard.pass_(picture) is picture


def test_three_flashes_pass_and_the_picture_is_itself_again_within_a_second():
    guard = FlashGuard(30)
    flashes = strobe(6, 1)
    assert all(guard.pass_(picture) is picture for picture in flashes)
    guard = FlashGuard(30)
    for picture in strobe(60, 1):
        guard.pass_(picture)
    shown = [guard.pass_(even(255)) for _ in range(40)]
    assert (shown[-1] == 255).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=2, max_size=60), st.sampled_from((10, 24)))
def test_no_course_of_brightness_gets_through(values, fps):
    shown = through([even(value)[:32, :32] for value in values], fps)
    assert most_flashes([light(picture) for picture in shown], fps) <= 3


def test_what_was_handed_in_may_change_afterwards_and_sizes_may_too():
    guard, picture = FlashGuard(30), even(0)
    for number in range(30):  # one buffer, as a decoder may use
        picture[..., :3] = 255 if number % 2 else 0
        shown = guard.pass_(picture)
        assert shown.shape == picture.shape and shown.dtype == np.uint8
    assert guard.pass_(np.zeros((8, 6, 4), np.uint8)).shape == (8, 6, 4)


def test_luminance_is_that_of_the_standard():
    assert luminance(sample(even(255))) == pytest.approx(1.0, abs=1e-5) and luminance(sample(even(0))) == pytest.approx(
        0.0
    )
    red = np.zeros((*SHAPE, 4), np.uint8)
    red[..., 2] = 255
    assert luminance(sample(red)) == pytest.approx(0.2126, abs=1e-5)
    noise = np.random.default_rng(1).integers(0, 256, (*SHAPE, 4)).astype(np.uint8)
    assert luminance(sample(noise))[-1] == pytest.approx(light(noise), abs=0.02)
