"""Controls: what a row is for what was held, tapped and moved."""

import math

import numpy as np
import pytest

from input.controls import MOVEMENT_ACTIONS, Controls, Motion, Velocity, advance
from input.events import FocusLost, MouseMove, Press, Quit, Release

DT = 0.05
MOTION = Motion()
RIGHT, FORWARD, YAW, PITCH = range(4)
STILL = (0.0, 0.0)


def held_rows(held, frames, velocity=None, dt=DT, mouse=STILL):
    velocity, rows = velocity or Velocity(), []
    for _ in range(frames):
        velocity, row = advance(MOTION, velocity, frozenset(held), mouse, dt)
        rows.append(row)
    return velocity, np.array(rows, np.float64)


@pytest.mark.parametrize(
    ("held", "steady"),
    [
        ({"forward"}, (0, 1.5, 0, 0)),
        ({"back"}, (0, -1.5, 0, 0)),
        ({"left"}, (-1.5, 0, 0, 0)),
        ({"right"}, (1.5, 0, 0, 0)),
        ({"forward", "run"}, (0, 2.625, 0, 0)),
        ({"forward", "right"}, (1.5 / math.sqrt(2), 1.5 / math.sqrt(2), 0, 0)),
        ({"forward", "back"}, (0, 0, 0, 0)),
        ({"turn_right"}, (0, 0, math.radians(100), 0)),
        ({"turn_left", "run"}, (0, 0, -math.radians(100), 0)),
        ({"look_up"}, (0, 0, 0, math.radians(60))),
        ({"look_down"}, (0, 0, 0, -math.radians(60))),
        ({"run"}, (0, 0, 0, 0)),
        (set(), (0, 0, 0, 0)),
    ],
)
def test_held_actions_reach_their_speed(held, steady):
    _, rows = held_rows(held, 60)
    assert rows[-1] / DT == pytest.approx(steady, abs=1e-5)


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.12, 0.5])
def test_acceleration_is_the_integral_of_an_exponential(seconds):
    velocity, rows = held_rows({"forward"}, 1, dt=seconds)
    tau, top = MOTION.accelerate_s, MOTION.walk_speed
    assert velocity.forward == pytest.approx(top * (1 - math.exp(-seconds / tau)))
    assert rows[0, FORWARD] == pytest.approx(top * (seconds - tau * (1 - math.exp(-seconds / tau))), rel=1e-5)


def test_letting_go_glides_by_speed_times_decay_and_then_stands_exactly_still():
    velocity, rows = held_rows(set(), 60, Velocity(forward=1.5))
    assert rows[:, FORWARD].sum() == pytest.approx(1.5 * MOTION.decay_s, rel=1e-4)
    assert rows[1, FORWARD] / rows[0, FORWARD] == pytest.approx(math.exp(-DT / MOTION.decay_s), rel=1e-5)
    assert velocity == Velocity()
    assert not rows[-1].any()


@pytest.mark.parametrize("held", [{"forward", "left"}, {"turn_right", "run", "back"}, set()])
def test_the_path_does_not_depend_on_the_frame_rate(held):
    start = Velocity(right=0.7, forward=-0.3, yaw=1.0)
    coarse, fine = held_rows(held, 6, start, 0.1), held_rows(held, 60, start, 0.01)
    assert coarse[1].sum(0) == pytest.approx(fine[1].sum(0), abs=1e-5)
    assert coarse[0].forward == pytest.approx(fine[0].forward)


@pytest.mark.parametrize(
    ("mouse", "yaw", "pitch"),
    [((10, 0), 1.2, 0), ((-10, 0), -1.2, 0), ((0, -10), 0, 1.2), ((0, 10), 0, -1.2), ((1000, 0), 15, 0)],
)
def test_mouse_turns_the_view(mouse, yaw, pitch):
    _, rows = held_rows(set(), 1, mouse=mouse)
    assert np.degrees(rows[0, [YAW, PITCH]]) == pytest.approx((yaw, pitch), rel=1e-5)


@pytest.mark.parametrize(
    ("pixels", "degrees"), [(100, 12), (1000, 120), (-1000, -120), (1625, 195), (5000, 195), (-5000, -195)]
)
def test_a_flick_is_carried_on_up_to_the_backlog(pixels, degrees):
    controls = Controls()
    controls.mouse(pixels, 0)
    rows = np.array([controls.sample(DT) for _ in range(20)], np.float64)
    assert np.abs(rows[:, YAW]).max() <= MOTION.mouse_max * (1 + 1e-6)
    assert math.degrees(rows[:, YAW].sum()) == pytest.approx(degrees, rel=1e-5)


def test_events_of_one_tick_are_summed_and_consumed():
    controls = Controls()
    for dx, dy in [(3, 0), (4, -2), (-1, 7)]:
        controls.mouse(dx, dy)
    row = controls.sample(DT)
    assert row[[YAW, PITCH]] == pytest.approx((6 * MOTION.mouse_gain, -5 * MOTION.mouse_gain), rel=1e-5)
    assert not controls.sample(DT).any()


def test_no_mouse_motion_is_lost_over_many_chunks():
    rng, controls, sent, made = np.random.default_rng(3), Controls(), np.zeros(2), np.zeros(2)
    for frames in rng.integers(1, 9, 300):
        for move in rng.normal(0, 40, (rng.integers(0, 6), 2)):
            controls.mouse(*move)
            sent += move
        made += controls.sample_chunk(int(frames), DT)[:, [YAW, PITCH]].sum(0, dtype=np.float64)
    made += controls.sample_chunk(20, DT)[:, [YAW, PITCH]].sum(0, dtype=np.float64)
    assert made == pytest.approx(sent * MOTION.mouse_gain * (1, -1), abs=1e-4)


def test_mouse_motion_is_spread_evenly_over_the_chunk():
    controls = Controls()
    controls.mouse(120, 0)
    assert controls.sample_chunk(4, DT)[:, YAW] == pytest.approx([30 * MOTION.mouse_gain] * 4, rel=1e-5)


@pytest.mark.parametrize(
    ("spans", "covered"),
    [([0.0], 1), ([0.02], 1), ([0.05], 1), ([0.1], 2), ([0.15], 3), ([9.0], 4), ([0.01, 0.01], 2), ([0.1, 0.01], 3)],
)
def test_taps_act_for_the_frames_they_cover(spans, covered):
    controls = Controls()
    for i, span in enumerate(spans):
        controls.down("forward", at=10.0 + i)
        controls.up("forward", at=10.0 + i + span)
    assert controls.held == frozenset()
    rows = controls.sample_chunk(4, DT)
    velocity, on = held_rows({"forward"}, covered)
    _, off = held_rows(set(), 5 - covered, velocity)
    assert np.concatenate([rows, [controls.sample(DT)]]) == pytest.approx(np.concatenate([on, off]), rel=1e-5)


def test_a_tap_between_two_samples_acts_for_one_frame():
    tapped, held = Controls(), Controls()
    tapped.down("turn_left")
    tapped.up("turn_left")
    held.down("turn_left")
    assert np.array_equal(tapped.sample(DT), held.sample(DT))
    assert abs(tapped.sample(DT)[YAW]) < abs(held.sample(DT)[YAW])


def test_release_of_a_key_that_was_sampled_is_no_tap():
    controls = Controls()
    controls.down("forward")
    controls.sample(DT)
    controls.up("forward")
    first, second = controls.sample(DT)[FORWARD], controls.sample(DT)[FORWARD]
    assert second / first == pytest.approx(math.exp(-DT / MOTION.decay_s), rel=1e-5)


def test_a_repeated_press_of_a_held_key_changes_nothing():
    plain, repeated = Controls(), Controls()
    for controls in (plain, repeated):
        controls.down("forward")
        controls.sample(DT)
    repeated.down("forward")
    for controls in (plain, repeated):
        controls.up("forward")
    assert np.array_equal(plain.sample(DT), repeated.sample(DT))


def test_chunked_and_single_sampling_agree_on_held_keys():
    one, many = Controls(), Controls()
    for controls in (one, many):
        controls.down("forward")
        controls.down("turn_right")
    assert np.array_equal(one.sample_chunk(8, DT), np.array([many.sample(DT) for _ in range(8)]))


def test_an_action_held_by_two_keys_ends_with_the_last():
    controls = Controls()
    for event in [
        Press("turn_left", "q"),
        Press("turn_left", "left"),
        Press("turn_left", "q"),
        Release("turn_left", "q"),
    ]:
        assert controls.take(event)
    assert controls.held == {"turn_left"}
    controls.take(Release("turn_left", "left"))
    assert controls.held == frozenset()


@pytest.mark.parametrize(("event", "taken"), [(Press("pause"), False), (Quit(), False), (MouseMove(1, 2), True)])
def test_take_leaves_commands_to_the_caller(event, taken):
    assert Controls().take(event) is taken


def test_losing_focus_lets_go_and_neutral_forgets():
    controls = Controls()
    controls.down("forward")
    controls.sample(DT)
    controls.mouse(50, 0)
    controls.take(FocusLost())
    assert controls.held == frozenset()
    assert controls.sample(DT)[YAW] > 0
    controls.down("run")
    controls.mouse(5000, 0)
    controls.sample(DT)
    controls.neutral()
    assert controls.held == frozenset()
    assert not controls.sample_chunk(4, DT).any()


def test_held_columns_say_what_acts_in_each_frame():
    controls = Controls()
    controls.down("forward")
    controls.down("jump", at=1.0)
    controls.up("jump", at=1.01)
    controls.down("slide", at=2.0)
    controls.up("slide", at=2.0 + 3 * DT)
    rows = controls.sample_chunk(4, DT, ("slide", "forward", "jump", "back"))
    assert rows.dtype == np.float32
    assert rows[:, 4:].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]]
    controls.up("forward")
    after = controls.sample_chunk(2, DT, ("forward", "slide"))
    assert not after[:, 4:].any() and after[0, FORWARD] > 0, "it glides, but no key is down"


def test_held_columns_leave_the_camera_as_it_is():
    plain, wide = Controls(), Controls()
    for controls in (plain, wide):
        controls.down("forward")
        controls.mouse(40, -3)
    wide.down("jump")
    wide.down("slide")
    assert np.array_equal(plain.sample_chunk(4, DT), wide.sample_chunk(4, DT, ("jump",))[:, :4])


@pytest.mark.parametrize("held_columns", [(), ("jump",), MOVEMENT_ACTIONS])
def test_rows_have_the_contract_shape(held_columns):
    rows = Controls().sample_chunk(3, DT, held_columns)
    assert rows.shape == (3, 4 + len(held_columns))
    assert rows.dtype == Controls().sample(DT).dtype == np.float32


@pytest.mark.parametrize(("frames", "dt"), [(0, DT), (4, 0.0), (4, -1.0)])
def test_an_impossible_chunk_is_refused(frames, dt):
    with pytest.raises(ValueError, match="frames >= 1"):
        Controls().sample_chunk(frames, dt)


def test_an_unknown_movement_is_refused():
    with pytest.raises(ValueError, match="pause"):
        Controls().down("pause")
