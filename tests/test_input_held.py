"""Held: switching, flicks and remapping under the fingers; and sticks in Controls as a world sees them."""

import numpy as np
import pytest

from input.controls import Controls
from input.events import FocusLost, PadRemoved, Press, Release, Stick
from input.motion import Sticks
from input.response import Feel

DT = 0.05
TOGGLE = Feel(run="toggle")
AHEAD, REST = Stick("left stick", 0.0, -1.0, "move"), Stick("left stick", 0.02, 0.01, "move")
COLUMNS = ("forward", "back", "left", "right", "turn_right", "run")


def fed(*events, feel=None):
    controls = Controls(feel=feel)
    for event in events:
        controls.take(event)
    return controls


def test_a_toggle_flips_on_each_press_and_not_on_repeats():
    controls, seen = fed(feel=TOGGLE), []
    for event in [
        *(Press("run", "left shift"), Press("run", "left shift"), Release("run", "left shift")),
        *(Press("run", "pad left stick"), Release("run", "pad left stick"), Press("run", "left shift")),
    ]:
        controls.take(event)
        seen.append("run" in controls.held)
    assert seen == [True, True, True, False, False, True]


def test_a_toggle_between_two_samples_is_a_toggle_and_no_tap():
    controls = fed(Press("run", "left shift"), Release("run", "left shift"), feel=TOGGLE)
    assert controls.sample_chunk(8, DT, ("run",))[:, 4].all() and controls.sample_chunk(8, DT, ("run",))[:, 4].all()


@pytest.mark.parametrize("end", [FocusLost(), None])
def test_a_toggle_ends_with_focus_and_with_the_setting(end):
    controls = fed(Press("run", "left shift"), Release("run", "left shift"), feel=TOGGLE)
    if end:
        controls.take(end)
    else:
        controls.feel = Feel()
    assert controls.held == frozenset()
    controls.feel = TOGGLE
    assert controls.held == frozenset()


def test_holding_is_not_changed_by_a_new_feel():
    controls = fed(Press("run", "left shift"), Press("forward", "w"))
    controls.feel = Feel(mouse_sensitivity=2.0)
    assert controls.held == {"run", "forward"}


def test_a_key_that_was_remapped_under_the_finger_lets_go():
    controls = fed(Press("forward", "w"))
    assert not controls.take(Release("pause", "w"))
    assert controls.held == frozenset()
    controls = fed(Press("forward", "w"), Press("forward", "pad dpad up"), Release("back", "w"))
    assert controls.held == {"forward"}


def test_a_pad_that_is_gone_leaves_the_keyboard_alone():
    controls = fed(Press("forward", "w"), Press("run", "pad left trigger"), AHEAD)
    assert not controls.take(PadRemoved("Pad")), "others want to know too"
    assert controls.held == {"forward"}
    controls.take(Release("forward", "w"))
    controls.sample_chunk(200, DT)
    assert not controls.sample_chunk(4, DT).any()


def test_a_tap_of_a_pads_button_acts():
    controls = fed(Press("jump", "pad a"), Release("jump", "pad a"))
    assert controls.sample_chunk(4, DT, ("jump",))[:, 4].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(("lasted", "covered"), [(0.0, 1), (0.02, 1), (0.1, 2), (0.15, 3)])
def test_a_flick_of_a_stick_acts_as_long_as_it_lasted(lasted, covered):
    controls = Controls()
    controls.take(Stick("left stick", 0.0, -0.5, "move"), 1.0)
    controls.take(AHEAD, 1.0)
    controls.take(REST, 1.0 + lasted)
    assert controls.sample_chunk(4, DT, ("forward",))[:, 4].tolist() == [1] * covered + [0] * (4 - covered)
    assert not controls.sample_chunk(2, DT, ("forward",))[:, 4].any()


def test_a_stick_that_a_frame_has_seen_is_no_flick_when_it_comes_back():
    controls = fed(AHEAD)
    assert controls.sample_chunk(2, DT, ("forward",))[:, 4].all()
    controls.take(REST)
    assert not controls.sample_chunk(2, DT, ("forward",))[:, 4].any()


def test_sticks_of_one_role_are_one_and_a_stick_without_is_none():
    controls = fed(Stick("left stick", 0.3, 0.0, "look"), Stick("right stick", -0.9, 0.0, "look"))
    assert controls.held == {"turn_left"} and controls.sample(DT)[2] < 0
    assert fed(Stick("left stick", 1.0, 1.0)).held == frozenset()
    controls.take(Stick("right stick", -0.9, 0.0))
    assert controls._held.sticks == Sticks(look=(0.3, 0.0))
    with pytest.raises(ValueError, match="role"):
        controls.stick("left stick", 0.0, 0.0, "fly")


def test_a_world_that_knows_keys_can_be_played_with_sticks():
    controls = fed(Stick("left stick", 0.7, -0.7, "move"), Stick("right stick", 0.8, 0.0, "look"))
    rows = controls.sample_chunk(3, DT, COLUMNS)
    assert rows[:, 4:].tolist() == [[1, 0, 0, 1, 1, 0]] * 3
    assert (rows[:, :3] > 0).all(), "right, ahead, turning right"


def test_half_a_stick_is_slower_and_a_diagonal_no_faster():
    slow = fed(Stick("left stick", 0.0, -0.5, "move")).sample_chunk(60, DT)
    full, diagonal = fed(AHEAD).sample_chunk(60, DT), fed(Stick("left stick", 1.0, -1.0, "move")).sample_chunk(60, DT)
    key = fed(Press("forward", "w")).sample_chunk(60, DT)
    both = fed(Press("forward", "w"), AHEAD).sample_chunk(60, DT)
    assert 0 < slow[-1, 1] < 0.5 * full[-1, 1]
    assert np.array_equal(full, key) and np.array_equal(both, key)
    assert np.hypot(*diagonal[-1, :2]) == pytest.approx(key[-1, 1], rel=1e-6)
