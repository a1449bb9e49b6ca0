"""Player: whom events go to, what pauses and what ends a pause; and that no order of events breaks it."""

import pytest
from fake_world import FakeWorld
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from played import Played

from input.events import (
    Click,
    Composing,
    Dropped,
    FocusGained,
    FocusLost,
    MouseMove,
    PadAdded,
    PadRemoved,
    Pasted,
    Point,
    Press,
    Quit,
    Release,
    Stick,
    Typed,
    Wheel,
)
from input.keymap import COMMANDS
from runtime import orders, strings
from runtime.holding import EVERY_S, FIRST_S
from runtime.settings import Settings

W, PAD = Press("forward", "w"), "Xbox 360 Controller"


@pytest.fixture
def played():
    with Played() as walk:
        walk.chunks(1)
        yield walk


def test_losing_the_focus_releases_keys_and_pauses_and_its_return_ends_only_that(played):
    played.take(W)
    assert played.player.held == {"forward"}
    played.take(FocusLost())
    assert played.player.held == frozenset() and played.player.standing and played.stage.captures[-1] is False
    played.take(FocusGained())
    assert not played.player.standing and played.stage.captures[-1] is True
    played.press("pause")
    played.take(FocusLost(), FocusGained())
    assert played.player.standing, "the return of the focus ended a person's pause"


def test_what_is_pressed_in_a_pause_does_not_come_out_of_it(played):
    played.press("pause")
    played.take(W, MouseMove(300, 0))
    played.press("pause")
    assert played.player.held == frozenset() and not played.controls.sample_chunk(4, 0.05).any()


def test_a_gamepad_that_is_unplugged_pauses_and_says_so(played):
    played.take(PadAdded(PAD))
    played.hear(f"{PAD} is connected")
    played.take(Press("forward", "pad dpad up"), Stick("left stick", 0.0, -1.0, "move"), PadRemoved(PAD))
    played.hear(f"{PAD} was unplugged")
    assert played.player.standing and played.player.held == frozenset()
    played.take(FocusGained())
    assert played.player.standing
    played.press("pause")
    assert not played.player.standing


def test_help_tells_of_a_gamepad_s_keys_while_there_is_one(played):
    def known():
        return any(key.startswith("pad ") for key in played.player.shown_keys.by_key)

    assert not known()
    played.take(PadAdded(PAD))
    assert known()
    played.stage.plugged = [PAD]  # a second one of that name stays
    played.take(PadRemoved(PAD))
    assert known()
    played.stage.plugged = []
    played.take(PadRemoved(PAD))
    assert not known()


def test_panes_take_all_events_and_give_them_back(played):
    played.take(W)
    played.press("menu")
    assert played.player.held == frozenset() and played.stage.captures[-1] is False
    played.take(W, MouseMove(50, 0), Press("reset", "r"))
    assert played.player.held == frozenset() and played.generator.epoch == 1
    played.press("menu")
    assert played.stage.captures[-1] is True
    played.take(W)
    assert played.player.held == {"forward"}


def test_where_the_mouse_was_let_go_is_no_choice_in_a_menu(played):
    played.press("menu")
    pane = played.player.panes[-1]
    before = pane._book.top.on
    played.take(Point(10, 10))
    assert pane._book.top.on == before


def test_the_line_of_text_does_not_stop_the_walk_and_wants_text(played):
    played.take(W)
    played.press("prompt")
    assert not played.player.standing and played.stage.texts[-1] is True
    assert played.player.held == frozenset(), "a key stays held while its release is swallowed"
    assert played.chunks(1)
    played.take(FocusLost())
    assert played.player.standing and played.player.panes
    played.take(FocusGained())
    assert not played.player.standing and played.stage.texts[-1] is True
    played.take(Composing("ni"), Typed("你"))
    played.keys("escape")
    assert played.player.panes == [] and played.stage.texts[-1] is False


def test_a_key_that_is_held_in_a_pane_acts_again_and_again(played):
    played.press("prompt")
    line = played.player.panes[-1]
    played.take(Typed("abcdef"), Press("rewind", "backspace"))
    assert line.line.text == "abcde"
    for wait, left in ((FIRST_S - 0.01, "abcde"), (0.02, "abcd"), (EVERY_S, "abc"), (EVERY_S / 2, "abc")):
        played.now += wait
        played.player.take_all([], played.now)
        assert line.line.text == left
    played.take(Release("rewind", "backspace"), after=0.0)
    played.now += 5
    played.player.take_all([], played.now)
    assert line.line.text == "abc"


@pytest.mark.parametrize("event", [PadRemoved(PAD), FocusLost()])
def test_what_hides_a_release_ends_the_repeats_in_a_pane(played, event):
    played.press("menu")
    page = played.player.panes[-1]._book.top
    played.take(Press("", "pad dpad down"), event)
    at = page.on
    played.now += 5
    played.player.take_all([], played.now)
    assert page.on == at


def test_a_pause_before_a_menu_outlives_it(played):
    played.press("pause", "menu", "menu")
    assert played.player.panes == [] and played.player.standing and played.player.paused


def test_the_window_s_cross_leaves_whatever_is_open(played):
    played.press("menu")
    played.take(Quit())
    assert played.player.leaving == orders.Leave()


def test_a_world_that_needs_no_mouse_leaves_it_free():
    with Played() as played:
        played.player.began(False)
        played.press("pause", "pause")
        assert True not in played.stage.captures[1:]


# ---- whatever a person does ----

KEYS = ("up", "down", "left", "right", "return", "escape", "space", "backspace", "tab", "a", "pad a", "pad b")
pressed = st.one_of(
    st.sampled_from(COMMANDS).map(lambda name: ("press", name)),
    st.sampled_from(KEYS).map(lambda key: ("key", key)),
)
happened = st.sampled_from(
    [
        *(W, Release("forward", "w"), Press("rewind", "backspace"), Release("rewind", "backspace")),
        *(FocusLost(), FocusGained(), PadAdded(PAD), PadRemoved(PAD), MouseMove(9, 3), Stick("left stick", 0, 1)),
        *(Typed("é"), Composing("n"), Composing(""), Pasted(), Dropped("/nowhere.png"), Point(60, 30)),
        *(Click(60, 30), Wheel(-1.0)),
    ]
).map(lambda event: ("event", event))
likely = st.sampled_from(
    [("event", Press("rewind", "backspace")), ("press", "menu"), ("press", "prompt"), ("chunk", 1), ("wait", 0.5)]
)
deeds = st.lists(st.one_of(pressed, happened, likely), min_size=30, max_size=30)


def do(played, what, which):
    """One deed, unless it needs a walk that stands still to go on."""
    match what:
        case "press":
            played.press(which)
        case "key":
            played.keys(which)
        case "event":
            played.take(which)
        case "chunk" if not played.player.standing:
            played.chunks(which)
        case "wait":
            played.take(after=which)
            played.player.take_all([], played.now)
            played.tick()


def check(played):
    """Panes, the mouse, the keyboard and the pause fit one another."""
    player, stage = played.player, played.stage
    top = player.panes[-1] if player.panes else None
    assert (stage.texts or [False])[-1] == bool(top and top.wants_text)
    assert not (stage.captures[-1] and (player.standing or top))
    assert player.standing == (player.paused or played.saving.going_back or any(pane.pauses for pane in player.panes))
    assert not (top and played.saving.going_back)
    assert player.last is None or player.picture(played.now) is not None
    if played.saving.going_back or player.paused:
        assert player.banner(played.now)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(deeds=deeds)
def test_no_order_of_events_breaks_it(deeds):
    with Played(FakeWorld(takes_text=True, size=(64, 36)), settings=Settings(hud="full")) as played:
        played.chunks(1)
        for deed in deeds:
            do(played, *deed)
            check(played)
        while played.player.panes:
            played.obey(orders.Close())
        played.take(Release("rewind", "backspace"), FocusGained())
        if played.player.standing:
            played.press("pause")
        check(played)
        assert not played.player.standing and len(played.chunks(1)) == 4, "the walk does not go on"
    strings.use("en")
