"""Response and motion: sticks, sensitivities, smoothing and limits, as functions of one hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.motion import Motion, Sticks, Velocity, acting, advance, targets
from input.response import REDUCED_CARRY_S, REDUCED_TURN, Feel, feel_of, smoothed, stick_keys, stick_response
from runtime.settings import Settings

DT, MOTION, NOTHING, STILL = 0.05, Motion(), frozenset(), (0.0, 0.0)
YAW, PITCH = 2, 3
PARTS = st.floats(-1, 1, allow_subnormal=False)
FEELS = st.builds(
    Feel,
    mouse_sensitivity=st.floats(0, 5),
    stick_sensitivity=st.floats(0, 5),
    invert_y=st.booleans(),
    look_smoothing=st.floats(0, 1),
    dead_zone=st.floats(0, 0.9),
    stick_curve=st.floats(0.2, 5),
    run=st.sampled_from(["hold", "toggle"]),
    reduced_motion=st.booleans(),
)
MANY = settings(max_examples=60, deadline=None)
KEYS = st.frozensets(st.sampled_from(["forward", "back", "left", "right", "turn_left", "turn_right", "look_up", "run"]))


def length(place):
    return math.hypot(*place)


def walk(feel, frames, mouse=STILL, held=NOTHING, sticks=None, dt=DT):
    """Rows, float64 [frames, 4], of which the first alone has the mouse."""
    velocity, rows = Velocity(), []
    for i in range(frames):
        velocity, row = advance(MOTION, velocity, held, mouse if i == 0 else STILL, dt, sticks or Sticks(), feel)
        rows.append(row)
    return np.array(rows, np.float64)


@MANY
@given(PARTS, PARTS, FEELS)
def test_a_stick_answers_in_its_own_direction_and_never_beyond_one(x, y, feel):
    out = stick_response(x, y, feel)
    assert length(out) <= 1 + 1e-12 and max(map(abs, out)) <= 1
    assert stick_response(-x, -y, feel) == (-out[0], -out[1])
    assert out[0] * y == pytest.approx(out[1] * x, abs=1e-9)
    assert out[0] * x >= 0 and out[1] * y >= 0
    if length((x, y)) <= feel.dead_zone:
        assert out == STILL


@MANY
@given(st.floats(0, math.tau), st.floats(0, 1), st.floats(0, 1), FEELS)
def test_further_out_is_never_less(angle, a, b, feel):
    near, far = (stick_response(r * math.cos(angle), r * math.sin(angle), feel) for r in sorted((a, b)))
    assert length(near) <= length(far) + 1e-12


@pytest.mark.parametrize("place", [(1, 0), (0, -1), (1, 1), (-1, 1), (math.sqrt(0.5), math.sqrt(0.5))])
def test_full_deflection_is_full_speed_and_no_more_in_the_corners(place):
    right, forward, _, _ = targets(MOTION, NOTHING, Sticks(move=place))
    assert math.hypot(right, forward) == pytest.approx(MOTION.walk_speed)


def test_speed_is_proportional_to_the_response():
    linear = Feel(dead_zone=0.2, stick_curve=1.0)
    speeds = [targets(MOTION, NOTHING, Sticks(move=(0, -y)), linear)[1] for y in (0.2, 0.4, 0.6, 1.0)]
    assert speeds == pytest.approx([0, 0.25 * 1.5, 0.5 * 1.5, 1.5])
    curved = targets(MOTION, NOTHING, Sticks(move=(0, -0.6)), replace(linear, stick_curve=2.0))[1]
    assert curved == pytest.approx(0.25 * 1.5)


@MANY
@given(KEYS, PARTS, PARTS, PARTS, PARTS, FEELS)
def test_keys_and_sticks_together_are_no_faster_than_the_faster(held, mx, my, lx, ly, feel):
    right, forward, yaw, pitch = targets(MOTION, held, Sticks((mx, my), (lx, ly)), feel)
    top = MOTION.walk_speed * (MOTION.run_factor if "run" in held else 1)
    assert math.hypot(right, forward) <= top * (1 + 1e-9)
    fast = max(1.0, feel.stick_sensitivity)
    assert abs(yaw) <= min(fast * MOTION.turn_speed, feel.turn_limit) * (1 + 1e-9)
    assert abs(pitch) <= min(fast * MOTION.pitch_speed, feel.turn_limit) * (1 + 1e-9)


def test_a_stick_adds_to_a_key():
    half = Sticks(move=(0, -0.5), look=(0.5, 0))
    alone, added = targets(MOTION, NOTHING, half), targets(MOTION, frozenset({"left", "turn_left"}), half)
    assert added[1] > 0 and added[0] < 0, "forward by the stick, left by the key"
    assert added[2] == pytest.approx(alone[2] - MOTION.turn_speed)


@pytest.mark.parametrize(("invert", "sign"), [(False, 1), (True, -1)])
def test_inverting_turns_mouse_and_stick_over_and_leaves_keys(invert, sign):
    feel = Feel(invert_y=invert)
    assert walk(feel, 1, mouse=(0, -10))[0, PITCH] * sign > 0
    assert targets(MOTION, NOTHING, Sticks(look=(0, -1)), feel)[3] * sign == pytest.approx(MOTION.pitch_speed)
    assert targets(MOTION, frozenset({"look_up"}), Sticks(), feel)[3] > 0
    assert acting(Sticks(look=(0, -1)), feel) == {"look_down" if invert else "look_up"}


def test_mouse_and_stick_have_their_own_sensitivity():
    fast_mouse, fast_stick, look = Feel(mouse_sensitivity=2.0), Feel(stick_sensitivity=2.0), Sticks(look=(1, 0))
    assert walk(fast_mouse, 1, (10, 0))[0, YAW] == pytest.approx(2 * walk(Feel(), 1, (10, 0))[0, YAW], rel=1e-6)
    assert walk(fast_stick, 1, (10, 0))[0, YAW] == walk(Feel(), 1, (10, 0))[0, YAW]
    assert targets(MOTION, NOTHING, look, fast_stick)[2] == pytest.approx(2 * MOTION.turn_speed)
    assert targets(MOTION, NOTHING, look, fast_mouse)[2] == pytest.approx(MOTION.turn_speed)


@MANY
@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0.001, 0.2))
def test_smoothing_loses_nothing_and_stays_within(owed, seconds, dt):
    left, made = owed, 0.0
    for _ in range(5000):
        part = smoothed(left, seconds, dt)
        assert part * owed >= 0 and abs(part) <= abs(left)
        left, made = left - part, made + part
        if not left:
            break
    assert left == 0 and made == pytest.approx(owed, abs=1e-12)


@pytest.mark.parametrize("frames", [10, 100])
def test_smoothing_spreads_a_flick_over_its_seconds_whatever_the_frame_rate(frames):
    seconds = 0.5
    rows = walk(Feel(look_smoothing=seconds), 4 * frames, mouse=(50, -20), dt=seconds / frames)
    total = 50 * MOTION.mouse_gain
    assert rows[:frames, YAW].sum() == pytest.approx(0.95 * total, rel=0.01)
    assert rows[:, YAW].sum() == pytest.approx(total, rel=1e-5)
    assert rows[:, PITCH].sum() == pytest.approx(20 * MOTION.mouse_gain, rel=1e-5)
    assert not rows[-1].any(), "and then stands still"


@MANY
@given(KEYS, PARTS, PARTS, st.floats(-3000, 3000), st.floats(-3000, 3000), FEELS)
def test_reduced_motion_limits_whatever_turns(held, lx, ly, dx, dy, feel):
    rows = walk(replace(feel, reduced_motion=True), 5, (dx, dy), held, Sticks(look=(lx, ly)))
    assert np.abs(rows[:, [YAW, PITCH]]).max() <= REDUCED_TURN * DT * (1 + 1e-6)


def test_reduced_motion_stops_soon_after_the_hand():
    rows = walk(Feel(reduced_motion=True), 40, mouse=(3000, 0))
    assert rows[0, YAW] == pytest.approx(REDUCED_TURN * DT)
    assert np.abs(rows[math.ceil(REDUCED_CARRY_S / DT) + 1 :, YAW]).max() < 1e-12


def test_a_stick_far_out_is_a_key_for_worlds_that_know_keys():
    directions = ("right", "left", "back", "forward")
    assert stick_keys(0.0, -0.6, Feel(), directions) == {"forward"}
    assert stick_keys(0.7, 0.7, Feel(), directions) == {"right", "back"}
    assert stick_keys(-0.5, 0.1, Feel(), directions) == frozenset()
    assert stick_keys(0.8, 0.0, Feel(dead_zone=0.85), directions) == frozenset()
    assert acting(Sticks((0, -1), (-1, 0)), Feel()) == {"forward", "turn_left"}


def test_the_settings_of_a_person_make_a_feel():
    assert feel_of(Settings()) == Feel()
    assert feel_of(Settings(run="toggle", invert_y=True, dead_zone=0.3)) == Feel(
        run="toggle", invert_y=True, dead_zone=0.3
    )


@pytest.mark.parametrize(
    "wrong",
    [{"dead_zone": 1.0}, {"dead_zone": math.nan}, {"stick_curve": 0.0}, {"look_smoothing": -1.0}, {"run": "walk"}]
    + [{"mouse_sensitivity": -1.0}],
)
def test_an_impossible_feel_is_refused(wrong):
    with pytest.raises(ValueError):
        Feel(**wrong)
