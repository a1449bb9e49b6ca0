"""The pause menu: every choice is the order it should be, and nothing that a person does breaks it."""

from __future__ import annotations

import numpy as np
import pygame
import pytest
from hands import choose, go, item, menu_of, names, on, press
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from input import events
from input.events import Composing, Dropped, Pasted, Press, Quit, Typed
from input.keymap import ACTIONS, NAMED_KEYS, load_keymap
from runtime import library, orders, strings
from runtime.image import StartImage
from runtime.library import NEEDS_WEIGHTS, READY, WorldEntry
from runtime.orders import Begin, Choice, Close, Command, Home, Leave, Load, Save, Say
from runtime.pause_menu import PauseMenu
from runtime.settings import Settings
from runtime.shelf import SlotEntry
from runtime.start import StartScreen
from runtime.world_page import Fetch

PICTURE = np.full((45, 80, 3), 60, np.uint8)
WORLDS = [
    WorldEntry("cloister", "Cloister", "", READY, PICTURE),
    WorldEntry("matrix-game-2", "Matrix-Game 2.0", "", NEEDS_WEIGHTS, None, lacking=None),
]
ORDERS = (
    Fetch,
    *(kind for kind in vars(orders).values() if isinstance(kind, type) and kind.__module__ == orders.__name__),
)


@pytest.fixture(autouse=True)
def saved(monkeypatch, tmp_path):
    """Two saved worlds, and what is in the lists else."""
    strings.use("en")
    found = [
        SlotEntry("garden", tmp_path / "1", "cloister", "Cloister", "", PICTURE),
        SlotEntry("street", tmp_path / "2", "matrix-game-2", "Matrix-Game 2.0", "", PICTURE),
    ]
    monkeypatch.setattr(library, "slots", lambda: found)
    monkeypatch.setattr(library, "sessions", lambda: [])


def opened(clipboard=lambda: None, recording=False) -> PauseMenu:
    keymap = load_keymap()
    return PauseMenu(Settings(), keymap, clipboard, base=keymap, world="cloister", seed=7, recording=recording)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        *(("resume", Close()), ("again", Begin()), ("home", Home()), ("quit", Leave())),
        *((name, Command(name)) for name in ("record", "screenshot", "help")),
    ],
)
def test_every_choice_is_its_order(name, order):
    assert choose(opened(), name) == order


def test_it_closes_by_the_keys_that_open_it():
    for event in (Press("menu", "escape"), Press("menu", "pad start"), Press("pause", "p"), Press("", "pad b")):
        assert opened().take(event) == Close()
    menu = opened()
    choose(menu, "load")
    assert menu.take(Press("menu", "escape")) is None and on(menu) == "load"


def test_another_seed_is_another_seed():
    order = choose(opened(), "another")
    assert isinstance(order, Begin) and 0 <= order.seed < 2**31 and order.image is None


def test_recording_is_shown_as_it_is():
    menu = opened(recording=True)
    assert item(menu, "record").label == "Stop recording"
    choose(menu, "record")
    assert item(menu, "record").label == "Record"
    menu.note_recording(True)
    assert item(menu, "record").label == "Stop recording"


def test_a_world_is_saved_under_a_typed_name():
    menu = opened()
    choose(menu, "save", "new")
    assert menu.wants_text and "Cloister 2" in item(menu, "save").label
    for event in (Typed("Hof "), Press("", "h"), Composing("ni"), Press("", "return"), Typed("你"), Press("", "space")):
        assert menu.take(event) is None
    assert item(menu, "save").label == "Save as: Hof 你_"
    for event in (Typed("xy"), Press("", "backspace")):
        menu.take(event)
    assert press(menu, "return") == Save("Hof 你x") and on(menu) == "save"


def test_a_saved_world_is_replaced_only_when_asked():
    menu = opened()
    assert choose(menu, "save", "slot:garden") is None and on(menu) == "back"
    assert press(menu, "return") is None
    assert choose(menu, "slot:garden", "sure") == Save("garden") and on(menu) == "save"
    choose(menu, "save", "new")
    menu.take(Typed("Garden"))
    assert press(menu, "return") is None and names(menu) == ["back", "sure"]
    assert choose(menu, "sure") == Save("garden") and on(menu) == "save"


def test_a_name_may_be_pasted():
    menu = opened(lambda: "two\nlines")
    choose(menu, "save", "new")
    assert menu.take(Pasted()) is None and press(menu, "return") == Save("twolines")


@pytest.mark.parametrize("name", [" ", "Reloaded"])
def test_a_name_that_cannot_be_one_is_a_line(name):
    menu = opened()
    choose(menu, "save", "new")
    menu.take(Typed(name))
    assert isinstance(press(menu, "return"), Say) and menu.wants_text


def test_saved_worlds_of_this_world_are_loaded_and_others_are_another_choice():
    menu = opened()
    choose(menu, "load")
    assert choose(menu, "slot:garden") == Load("garden")
    assert choose(menu, "slot:street") == Choice(world="matrix-game-2", slot="street")


def test_another_start_picture_is_dropped_or_pasted(tmp_path):
    path, pasted = tmp_path / "a.png", StartImage("/b.png", "0" * 64, PICTURE)
    Image.fromarray(PICTURE).save(path)
    menu = opened(lambda: pasted)
    assert menu.take(Dropped(str(path))) is None and on(menu) == "begin"
    assert press(menu, "return").image.path == str(path)
    menu.take(Pasted())
    assert press(menu, "return").image is pasted
    assert isinstance(menu.take(Dropped(str(tmp_path))), Say)


def test_keys_that_act_everywhere_do_so_but_not_while_typing():
    menu = opened()
    assert menu.take(Press("screenshot", "f12")) == Command("screenshot") and menu.take(Quit()) == Leave()
    assert menu.take(Press("quit", "x")) == Leave()
    choose(menu, "save", "new")
    assert menu.take(Press("quit", "x")) is None and menu.take(Press("pause", "p")) is None


KEYS = st.sampled_from([*NAMED_KEYS, *"awx1 ", "pad a", "pad b", "pad start", "pad dpad down", "mouse right", ""])
MOVING = st.sampled_from(["up", "down", "left", "right", "return", "return", "return"]).map(lambda key: Press("", key))
EVENTS = st.one_of(
    MOVING,
    MOVING,
    st.builds(Press, st.sampled_from(["", *ACTIONS]), KEYS),
    st.builds(events.Release, st.just(""), KEYS),
    st.builds(events.Point, st.integers(-5, 400), st.integers(-5, 240)),
    st.builds(events.Click, st.integers(-5, 400), st.integers(-5, 240)),
    st.builds(events.Wheel, st.floats(-3, 3)),
    st.builds(events.Stick, st.sampled_from(["left stick", "right stick"]), st.floats(-1, 1), st.floats(-1, 1)),
    st.builds(events.MouseMove, st.floats(-9, 9), st.floats(-9, 9)),
    st.builds(Typed, st.text(max_size=3)),
    st.builds(Composing, st.text(max_size=3)),
    st.builds(Dropped, st.sampled_from([__file__, "/", "none.png", "assets/starts/court.png"])),
    st.sampled_from(
        [Quit(), Pasted(), events.FocusLost(), events.FocusGained(), events.PadAdded("x"), events.PadRemoved("x")]
    ),
)


@settings(max_examples=20, deadline=None)
@given(happening=st.lists(EVENTS, min_size=20, max_size=60), pasted=st.sampled_from([None, "x", "\0", "1"]))
@pytest.mark.parametrize("kind", ["pause", "start"])
def test_whatever_happens_is_an_order_or_nothing_and_the_cursor_stays(kind, happening, pasted):
    keymap, surface = load_keymap(), pygame.Surface((400, 240))
    screen = opened(lambda: pasted)
    if kind == "start":
        screen = StartScreen(Settings(), keymap, lambda: pasted, look=lambda: WORLDS)
    for event in happening:
        order = screen.take(event)
        assert order is None or isinstance(order, ORDERS), order
        menu = menu_of(screen)
        assert menu.items[menu.cursor].kind != "heading"
        assert isinstance(screen.wants_text, bool)
    screen.draw(surface)
    for event in happening[:5]:  # now that there is something to point at
        screen.take(event)
    screen.draw(surface)


def test_the_cursor_can_reach_everything():
    menu = opened()
    for name in names(menu):
        go(menu, name)
