"""The kiosk's turns: nobody plays too long or in nobody's presence, only what is allowed passes, the chord leaves."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.events import (
    Click,
    Dropped,
    FocusGained,
    FocusLost,
    MouseMove,
    PadAdded,
    PadRemoved,
    Pasted,
    Press,
    Quit,
    Release,
    Stick,
    Typed,
    Wheel,
)
from runtime.kiosk import ATTRACT, COUNTDOWN, HELD_S, PLAYING, Kiosk, State, advance
from runtime.kiosk_config import KioskConfig
from runtime.orders import Leave, Prompt

CONFIG = KioskConfig(idle_s=20.0, session_s=60.0, countdown_s=5.0, break_s=3.0, prompts=("rain", "snow", "fog"))
W, W_UP = Press("forward", "w"), Release("forward", "w")
KEYS = [("forward", "w"), ("quit", "f10"), ("menu", "escape"), ("", "x"), ("run", "left shift"), ("slide", "left ctrl")]
KEYS += [("turn_left", "q"), ("prompt", "return"), ("", "1"), ("load", "f8"), ("fullscreen", "f11"), ("reset", "r")]
EVENTS = st.one_of(
    st.sampled_from(KEYS).map(lambda key: Press(*key)),
    st.sampled_from(KEYS).map(lambda key: Release(*key)),
    st.builds(MouseMove, st.floats(-50, 50), st.floats(-50, 50)),
    st.builds(Stick, st.just("left stick"), st.floats(-1, 1), st.floats(-1, 1)),
    st.sampled_from([Quit(), Click(3, 4), Wheel(1.0), FocusLost(), FocusGained(), PadAdded("p"), PadRemoved("p")]),
    st.sampled_from([Typed("hello"), Pasted(), Dropped("evil.png")]),
)
STEPS = st.lists(st.tuples(st.floats(0, 40), st.lists(EVENTS, max_size=4)), max_size=60)
CONFIGS = st.builds(
    KioskConfig,
    idle_s=st.floats(1, 30),
    session_s=st.one_of(st.just(0.0), st.floats(1, 60)),
    countdown_s=st.floats(0, 10),
    break_s=st.floats(0, 5),
    allowed=st.lists(st.sampled_from(["forward", "run", "mouse", "stick", "prompt", "reset"]), unique=True).map(tuple),
    prompts=st.sampled_from([(), ("rain",)]),
)


@settings(max_examples=150, deadline=None)
@given(config=CONFIGS, steps=st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=60))
def test_no_turn_is_too_long_and_none_goes_on_unattended(config, steps):
    state, now, touched_at = State(), 0.0, -math.inf
    for pause, touched in steps:
        now += pause
        before, state = state, advance(config, state, now, touched)
        touched_at = now if touched else touched_at
        if state.mode == ATTRACT:
            continue
        assert now - touched_at < config.idle_s
        assert not config.session_s or now - state.since < config.session_s
        if before.mode == ATTRACT:
            assert touched and state.since == now and now >= before.deaf_until
        left = min(touched_at + config.idle_s, state.since + (config.session_s or math.inf)) - now
        assert (state.mode == COUNTDOWN) is (left <= config.countdown_s)


@settings(max_examples=150, deadline=None)
@given(config=CONFIGS, steps=STEPS)
def test_nothing_passes_that_is_not_allowed_and_hands_change_with_the_mode(config, steps):
    kiosk, now, mode = Kiosk(config, seed=1), 0.0, ATTRACT
    down = set()
    for pause, events in steps:
        now += pause
        turn = kiosk.turn(events, now)
        assert turn.handed or (turn.mode == ATTRACT) == (mode == ATTRACT)
        mode = turn.mode
        down = set() if turn.handed else down
        for event in turn.events:
            match event:
                case PadAdded() | PadRemoved():
                    continue
                case Release():
                    down.discard((event.action, event.key))
                case Press():
                    down.add((event.action, event.key))
            assert turn.mode != ATTRACT or isinstance(event, Release)
            name = {MouseMove: "mouse", Stick: "stick"}.get(type(event)) or event.action
            assert name in config.allowed and name != "prompt"
        assert not any(isinstance(event, FocusLost) for event in events[-1:]) or not down, "keys stay down unseen"
        assert all(isinstance(order, Leave | Prompt) for order in turn.orders)


@settings(max_examples=60, deadline=None)
@given(config=CONFIGS, steps=STEPS, order=st.permutations(KioskConfig().chord), together=st.booleans())
def test_the_chord_leaves_from_everywhere(config, steps, order, together):
    kiosk, now = Kiosk(config, seed=1), 0.0
    for pause, events in steps:
        now += pause
        kiosk.turn(events, now)
    presses = [Press("", key) for key in order]
    turns = [kiosk.turn(part, now) for part in ([presses] if together else [[press] for press in presses])]
    assert Leave() in turns[-1].orders


def test_a_play_from_the_first_touch_to_the_end():
    kiosk = Kiosk(CONFIG, seed=1)
    assert kiosk.turn([], 0.0).line == "Touch any control to begin"
    assert kiosk.turn([MouseMove(1, 1)], 1.0).mode == ATTRACT, "a nudge of the table is no touch"
    turn = kiosk.turn([W], 10.0)
    assert (turn.mode, turn.events, turn.handed, turn.line) == (PLAYING, (W,), True, "")
    turn = kiosk.turn([W_UP, Press("quit", "f10"), Release("quit", "f10"), Quit()], 20.0)
    assert turn.events == (W_UP,) and turn.orders == () and not turn.handed
    assert "5 s" in kiosk.turn([], 35.0).line
    assert kiosk.turn([Press("", "x"), Release("", "x")], 36.0).line == "", "a key without a meaning is a touch too"
    for at in (50.0, 64.0):
        kiosk.turn([MouseMove(9, 0)], at)
    assert kiosk.turn([], 66.5).line == "4 s left"
    ended = kiosk.turn([W], 70.0)
    assert (ended.mode, ended.handed, ended.events) == (ATTRACT, True, ())
    assert kiosk.turn([W], 72.0).mode == ATTRACT, "who goes on walking has begun again"
    assert kiosk.turn([], 74.0).mode == ATTRACT, "a key that is held has begun a play"
    assert kiosk.turn([W], 75.0).mode == PLAYING


def test_a_held_key_is_somebody_but_not_for_ever():
    kiosk = Kiosk(KioskConfig(idle_s=20.0, session_s=0.0), seed=1)
    kiosk.turn([W], 0.0)
    assert all(kiosk.turn([], float(at)).mode == PLAYING for at in range(1, int(HELD_S)))
    modes = [kiosk.turn([], HELD_S + at).mode for at in range(40)]
    assert ATTRACT in modes and modes[-1] == ATTRACT


def test_prompts_come_from_the_list_alone():
    kiosk = Kiosk(CONFIG, seed=1)
    kiosk.turn([W], 0.0)
    asked = [Press("prompt", "return"), Press("prompt", "return"), Press("", "1"), Press("", "4"), Press("", "0")]
    turns = [kiosk.turn([press], 1.0 + at) for at, press in enumerate(asked)]
    assert [turn.orders for turn in turns] == [(Prompt("rain"),), (Prompt("snow"),), (Prompt("rain"),), (), ()]
    assert all(turn.events == () for turn in turns), "the line of text would open"


@pytest.mark.parametrize(("seed", "kinds"), [("fresh", 20), ("7", 1)])
def test_dreams_are_fresh_unless_the_seed_is_fixed(seed, kinds):
    kiosk = Kiosk(KioskConfig(seed=seed))
    seeds = [kiosk.fresh_seed() for _ in range(20)]
    assert len(set(seeds)) == kinds and (seed == "fresh" or seeds[0] == 7)


def test_recording_is_off_unless_a_folder_is_named():
    assert not Kiosk(CONFIG).turn([W], 0.0).record
    kiosk = Kiosk(KioskConfig(record="out"))
    assert not kiosk.turn([], 0.0).record and kiosk.turn([W], 1.0).record
