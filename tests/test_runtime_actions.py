"""A program's numbers as control rows: within a body's limits, as slow to get going, and keys where there are keys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.controls import Controls
from input.motion import Motion, Velocity
from runtime.actions import held_of, rows_of, targets

MOTION, DT = Motion(), 1 / 20
TOP = MOTION.walk_speed * MOTION.run_factor
numbers = st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4)


def rows(action, velocity=None, frames=4, columns=()):
    return rows_of(np.array(action, np.float32), velocity or Velocity(), MOTION, frames, DT, columns)


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=8))
def test_nothing_is_faster_than_the_body(actions):
    velocity = Velocity()
    for action in actions:
        velocity, made = rows(action, velocity)
        assert made.dtype == np.float32 and made.shape == (4, 4) and np.isfinite(made).all()
        assert np.hypot(made[:, 0], made[:, 1]).max() <= TOP * DT * 1.0001
        assert np.abs(made[:, 2]).max() <= MOTION.turn_speed * DT * 1.0001
        assert np.abs(made[:, 3]).max() <= MOTION.pitch_speed * DT * 1.0001


def test_full_speed_is_reached_and_lost_as_by_keys():
    controls = Controls()
    for action in ("forward", "run", "turn_right", "look_up"):
        controls.down(action)
    velocity, made = rows([0, 1, 1, 1], frames=40)
    assert np.allclose(made, controls.sample_chunk(40, DT), atol=1e-7)
    controls.release_all()
    _, made = rows([0, 0, 0, 0], velocity, frames=80)
    assert np.allclose(made, controls.sample_chunk(80, DT), atol=1e-7) and not made[-1].any(), "standing still is zero"


def test_signs_and_fractions():
    assert targets(np.array([0.5, 0, 0, 0]), MOTION) == pytest.approx((TOP / 2, 0, 0, 0))
    assert targets(np.array([0, -1, 0.5, -9.0]), MOTION) == pytest.approx(
        (0, -TOP, MOTION.turn_speed / 2, -MOTION.pitch_speed)
    )
    assert math.hypot(*targets(np.array([1, 1, 0, 0]), MOTION)[:2]) == pytest.approx(TOP)


@pytest.mark.parametrize(
    ("action", "held"),
    [
        ([0, 0, 0, 0, 0, 0, 0], []),
        ([0, 0.6, 0, 0, 0, 0, 0], ["forward"]),
        ([0, -0.6, 0, 0, 0, 0, 1], ["back", "jump"]),
        ([0, 0.5, 0, 0, 0.5, 0.51, -1], ["back"]),
    ],
)
def test_columns_are_held_by_their_number_or_by_their_axis(action, held):
    columns = ("forward", "back", "jump")
    assert [name for name, down in zip(columns, held_of(np.array(action), columns), strict=True) if down] == held
    made = rows(action, columns=columns)[1]
    assert made.shape == (4, 7) and (made[:, 4:] == [name in held for name in columns]).all()
