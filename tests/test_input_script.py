"""Script: what a script may say, and that it acts exactly as the same events by hand."""

import numpy as np
import pytest

from input.controls import Controls
from input.events import MouseMove, Press, Release, Stick
from input.script import ScriptEntry, ScriptPlayer, load_script
from runtime.errors import UserError

WALK = """
- {at: 0.5, up: forward}
- {at: 0, down: w}
- {at: 0.2, mouse: [40, -8.5]}
- {at: 0.2, down: turn_right}
- {at: 0.25, up: turn_right}
- {at: 1e0, down: p}
- {at: 1, stick: [left stick, 0.5, -1]}
"""
EVENTS = [
    (0.0, Press("forward", "w")),
    (0.2, MouseMove(40, -8.5)),
    (0.2, Press("turn_right", "right")),
    (0.25, Release("turn_right", "right")),
    (0.5, Release("forward", "w")),
    (1.0, Press("pause", "p")),
    (1.0, Stick("left stick", 0.5, -1.0, "move")),
]


def write(tmp_path, text):
    path = tmp_path / "walk.yaml"
    path.write_text(text)
    return path


def test_entries_are_resolved_and_sorted_stably(tmp_path):
    assert load_script(write(tmp_path, WALK)) == [ScriptEntry(at, event) for at, event in EVENTS]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("- {at: 0, down: w}\n\n- {at: 1, push: w}", ["entry 2, line 3", "exactly one of `down`, `up`, `mouse`"]),
        ("- {at: 0, down: w, up: s}", ["exactly one"]),
        ("- {at: 0}", ["exactly one"]),
        ("- {down: w}", ["exactly one"]),
        ("- w", ["exactly one"]),
        ("- {at: soon, down: w}", ["time 'soon' is not a number", "`{at: 0.5, down: w}`"]),
        ("- {at: nan, down: w}", ["not a number"]),
        ("- {at: [1], down: w}", ["not a number"]),
        ("- {at: -1, down: w}", ["before the start"]),
        ("- {at: 0, down: x}", ["'x' is neither a bound key nor an action", "entry 1, line 1", "left shift"]),
        ("- {at: 0, down: [w]}", ["neither a bound key nor an action"]),
        ("- {at: 0, mouse: 5}", ["not [dx, dy]"]),
        ("- {at: 0, mouse: [1, 2, 3]}", ["not [dx, dy]"]),
        ("- {at: 0, mouse: [1, inf]}", ["mouse motion 'inf' is not a number"]),
        ("- {at: 0, stick: [left stick, 1]}", ["is not [stick, x, y]"]),
        ("- {at: 0, stick: [w, 1, 1]}", ["is not [stick, x, y]", "`{at: 3, stick: [left stick, 0, -1]}`"]),
        ("- {at: 0, stick: [left stick, 1, up]}", ["place 'up' is not a number"]),
        ("- {at: 0, stick: [left stick, 1, -2]}", ["(1, -2)", "from -1 to 1"]),
        ("- {at: 0, down: left stick}", ["neither a bound key nor an action"]),
        ("- {at: 1, down: w}\n- {at: 0.5, up: w}", ["'w' is let go but is not down", "entry 2, line 2"]),
        ("- {at: 0, at: 1, down: w}", ["'at' is given twice", "line 1"]),
        ("at: 0", ["not a list"]),
        ("", ["not a list"]),
    ],
)
def test_mistakes_are_told(tmp_path, text, parts):
    with pytest.raises(UserError) as caught:
        load_script(write(tmp_path, text))
    for part in ["walk.yaml", *parts]:
        assert part in str(caught.value)


def test_a_missing_script_is_told(tmp_path):
    with pytest.raises(UserError, match="nowhere.yaml"):
        load_script(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("steps", [[2.0], [0.0, 0.2, 0.2, 0.3, 5.0], [k * 0.05 for k in range(30)]])
def test_the_player_hands_out_every_event_once_and_in_order(tmp_path, steps):
    player, seen = ScriptPlayer(load_script(write(tmp_path, WALK))), []
    for now in steps:
        batch = player.events_until(now)
        assert all(at <= now + 1e-9 for at, _ in EVENTS[: len(seen) + len(batch)])
        seen += batch
        assert len(seen) == sum(at <= now + 1e-9 for at, _ in EVENTS)
    assert seen == [event for _, event in EVENTS]
    assert player.finished
    assert player.events_until(99.0) == []


def test_a_time_summed_in_floating_point_is_not_a_frame_late():
    now = sum([0.1] * 10)
    assert now < 1.0
    assert ScriptPlayer([ScriptEntry(1.0, Press("run"))]).events_until(now) == [Press("run")]


@pytest.mark.parametrize("frames", [1, 4])
def test_a_script_equals_the_same_events_by_hand(tmp_path, frames):
    player, scripted, by_hand = ScriptPlayer(load_script(write(tmp_path, WALK))), Controls(), Controls()
    rows, hand_rows, fed = [], [], 0
    for chunk in range(24 // frames):
        now = chunk * frames / 20
        for entry in player.entries_until(now):
            scripted.take(entry.event, entry.at)
        while fed < len(EVENTS) and EVENTS[fed][0] <= now:
            by_hand.take(EVENTS[fed][1], EVENTS[fed][0])
            fed += 1
        rows.append(scripted.sample_chunk(frames, 0.05))
        hand_rows.append(by_hand.sample_chunk(frames, 0.05))
    assert np.array_equal(rows, hand_rows)
    total = np.concatenate(rows).sum(0)
    assert total[1] > 0.5, "it did not walk"
    assert total[2] > 0 and total[3] > 0, "it did not turn right and look up"
    assert total[0] > 0, "the stick did nothing"
