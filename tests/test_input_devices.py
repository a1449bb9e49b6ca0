"""Devices: what each of pygame's events is for the rest of the program."""

import pygame
import pytest

from input.devices import read_events
from input.events import (
    Click,
    Composing,
    Dropped,
    FocusGained,
    FocusLost,
    MouseMove,
    Pasted,
    Point,
    Press,
    Quit,
    Release,
    Typed,
    Wheel,
)
from input.keymap import Keymap, load_keymap
from input.pads import Pads

KEYMAP = Keymap(dict(load_keymap().by_key) | {"mouse left": "jump", "mouse right": "slide", "wheel up": "hud"})


class NoPads:
    """What gives Pads no gamepads and never refuses."""

    def quit(self):
        pass


@pytest.fixture(autouse=True)
def display():
    pygame.display.init()
    yield
    pygame.display.quit()


def event(kind, **values):
    return pygame.event.Event(getattr(pygame, kind), **values)


def key(kind, name, mod=0):
    return event(kind, key=pygame.key.key_code(name), mod=mod)


def read(*events, captured=True):
    return read_events(events, KEYMAP, captured, Pads(NoPads()))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (("KEYDOWN", {"key": pygame.K_w}), [Press("forward", "w")]),
        (("KEYUP", {"key": pygame.K_w}), [Release("forward", "w")]),
        (("KEYDOWN", {"key": pygame.K_x}), [Press("", "x")]),
        (("KEYUP", {"key": pygame.K_x}), [Release("", "x")]),
        (("KEYDOWN", {"key": pygame.K_F11}), [Press("fullscreen", "f11")]),
        (("KEYDOWN", {"key": 0}), []),
        (("TEXTINPUT", {"text": "é"}), [Typed("é")]),
        (("TEXTEDITING", {"text": "ni", "start": 0, "length": 2}), [Composing("ni")]),
        (("DROPFILE", {"file": "a.png"}), [Dropped("a.png")]),
        (("WINDOWFOCUSLOST", {}), [FocusLost()]),
        (("WINDOWFOCUSGAINED", {}), [FocusGained()]),
        (("QUIT", {}), [Quit()]),
        (("WINDOWEXPOSED", {}), []),
        (("JOYBUTTONDOWN", {"button": 0, "instance_id": 0}), []),
        (("CONTROLLERBUTTONDOWN", {"button": 0, "instance_id": 7}), []),
    ],
)
@pytest.mark.parametrize("captured", [True, False])
def test_what_is_the_same_whoever_has_the_mouse(seen, said, captured):
    assert read(event(seen[0], **seen[1]), captured=captured) == said


@pytest.mark.parametrize(
    ("mod", "pastes"),
    [
        (pygame.KMOD_LCTRL, True),
        (pygame.KMOD_RCTRL | pygame.KMOD_NUM, True),
        (pygame.KMOD_LMETA, True),
        (0, False),
        (pygame.KMOD_LSHIFT, False),
        (pygame.KMOD_LCTRL | pygame.KMOD_RALT, False),
    ],
)
def test_pasting_is_ctrl_or_cmd_and_v(mod, pastes):
    assert read(key("KEYDOWN", "v", mod)) == ([Pasted()] if pastes else [Press("", "v")])
    assert read(key("KEYDOWN", "w", mod)) == [Press("forward", "w")]


def test_the_captured_mouse_is_the_worlds():
    said = read(
        event("MOUSEMOTION", rel=(3, -4), pos=(9, 9), buttons=(0, 0, 0)),
        event("MOUSEBUTTONDOWN", button=1, pos=(5, 6)),
        event("MOUSEBUTTONUP", button=1, pos=(5, 6)),
        event("MOUSEBUTTONDOWN", button=2, pos=(5, 6)),
        event("MOUSEBUTTONDOWN", button=4, pos=(5, 6)),
        event("MOUSEWHEEL", x=0, y=2, precise_y=2.0),
        event("MOUSEWHEEL", x=0, y=-1, precise_y=-1.0),
    )
    up, down = [Press("hud", "wheel up"), Release("hud", "wheel up")], [Press("", "wheel down")]
    assert said == [
        *(MouseMove(3, -4), Press("jump", "mouse left"), Release("jump", "mouse left"), Press("", "mouse middle")),
        *(*up, *up, *down, Release("", "wheel down")),
    ]


def test_the_free_mouse_is_the_persons():
    said = read(
        event("MOUSEMOTION", rel=(3, -4), pos=(9, 8), buttons=(0, 0, 0)),
        event("MOUSEBUTTONDOWN", button=1, pos=(5, 6)),
        event("MOUSEBUTTONDOWN", button=3, pos=(5, 6)),
        event("MOUSEWHEEL", x=0, y=0, precise_y=0.25),
        event("MOUSEWHEEL", x=0, y=-1),
        captured=False,
    )
    assert said == [Point(9, 8), Click(5, 6), Press("", "mouse right"), Wheel(0.25), Wheel(-1.0)]


def test_a_button_that_was_pressed_in_the_world_ends_outside_of_it():
    assert read(event("MOUSEBUTTONUP", button=3, pos=(5, 6)), captured=False) == [Release("slide", "mouse right")]


def test_events_keep_their_order():
    events = [key("KEYDOWN", "w"), event("MOUSEMOTION", rel=(1, 0), pos=(0, 0)), key("KEYUP", "w"), event("QUIT")]
    assert read(*events) == [Press("forward", "w"), MouseMove(1, 0), Release("forward", "w"), Quit()]
