"""Pads: real gamepads as far as SDL can tell, plugged in, played on and pulled out."""

import time

import pygame
import pytest
from virtual_pad import NoVirtualPad, VirtualPad

from input.controls import Controls
from input.devices import read_events
from input.events import FocusGained, FocusLost, PadAdded, PadRemoved, Press, Release, Stick
from input.keymap import Keymap, load_keymap
from input.keys import PAD_BUTTONS, PAD_TRIGGERS, STICKS
from input.pads import TRIGGER_DOWN, TRIGGER_UP, Pads

KEYMAP = load_keymap()
PAD_EVENTS = (Press, Release, Stick, PadAdded, PadRemoved)


@pytest.fixture
def plug(monkeypatch):
    """Makes virtual pads that are pulled out in the end."""
    made = []

    def one():
        try:
            made.append(VirtualPad())
        except NoVirtualPad as error:
            pytest.skip(f"no virtual gamepads here: {error}")
        return made[-1]

    monkeypatch.delenv("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", raising=False)
    pygame.display.init()
    pygame.display.set_mode((64, 64))
    yield one
    for pad in made:
        pad.unplug()
    pygame.display.quit()


@pytest.fixture
def pads(plug):
    pads = Pads()
    yield pads
    pads.close()


def told(pads, keymap=KEYMAP):
    """What pads say at the next fetch."""
    return [e for e in read_events(pygame.event.get(), keymap, True, pads) if isinstance(e, PAD_EVENTS)]


def test_a_pad_is_there_when_it_is_plugged_in_and_gone_when_it_is_pulled(plug, pads):
    assert told(pads) == [] and pads.names == [] and pads.problem == ""
    for _ in range(3):
        pad = plug()
        [added] = told(pads)
        assert isinstance(added, PadAdded) and added.name and pads.names == [added.name]
        pad.press("pad a")
        assert told(pads) == [Press("jump", "pad a")]
        pad.unplug()
        assert told(pads) == [Release("jump", "pad a"), PadRemoved(added.name)] and pads.names == []


def test_a_pad_that_was_there_before_is_found(plug):
    pad = plug()
    pads = Pads()
    assert [type(event) for event in told(pads)] == [PadAdded]
    pad.press("pad start")
    assert told(pads) == [Press("menu", "pad start")]
    pads.close()
    assert pads.names == []


@pytest.mark.parametrize("key", PAD_BUTTONS[:15])
def test_every_button_is_the_key_of_its_name(plug, pads, key):
    pad, action = plug(), KEYMAP.action_of(key) or ""
    told(pads)
    pad.press(key)
    assert told(pads) == [Press(action, key)]
    pad.release(key)
    # SDL holds the release of the guide button back for a quarter of a second.
    end = time.perf_counter() + 5.0
    while not (released := told(pads)) and time.perf_counter() < end:
        time.sleep(0.01)
    assert released == [Release(action, key)]


@pytest.mark.parametrize("key", PAD_TRIGGERS)
def test_triggers_are_keys_that_do_not_flutter(plug, pads, key):
    pad, action, middle = plug(), KEYMAP.action_of(key) or "", (TRIGGER_UP + TRIGGER_DOWN) / 2
    told(pads)
    pad.trigger(key, middle)
    assert told(pads) == []
    pad.trigger(key, 1.0)
    assert told(pads) == [Press(action, key)]
    pad.trigger(key, middle)
    assert told(pads) == []
    pad.trigger(key, 0.0)
    assert told(pads) == [Release(action, key)]


@pytest.mark.parametrize(("stick", "role"), list(zip(STICKS, ("move", "look"), strict=True)))
def test_sticks_tell_where_they_stand(plug, pads, stick, role):
    pad = plug()
    told(pads)
    for x, y in [(1.0, 0.0), (-1.0, -1.0), (0.25, -0.5), (0.0, 0.0)]:
        pad.stick(stick, x, y)
        last = told(pads)[-1]
        assert (last.name, last.role) == (stick, role)
        assert (last.x, last.y) == pytest.approx((x, y), abs=1e-4) and max(abs(last.x), abs(last.y)) <= 1


def test_pulling_the_plug_lets_everything_go(plug, pads):
    pad, controls = plug(), Controls()
    told(pads)
    pad.press("pad dpad up")
    pad.trigger("pad left trigger", 1.0)
    pad.stick("right stick", 0.8, 0.0)
    for event in told(pads):
        controls.take(event)
    assert controls.held == {"forward", "run", "turn_right"}
    pad.unplug()
    events = told(pads)
    assert {Release("forward", "pad dpad up"), Release("run", "pad left trigger")} <= set(events)
    assert [e for e in events if isinstance(e, Stick)][-1] == Stick("right stick", 0.0, 0.0, "look")
    assert isinstance(events[-1], PadRemoved)
    for event in events:
        controls.take(event)
    assert controls.held == frozenset()


def test_two_pads_are_one_player(plug, pads):
    one, other = plug(), plug()
    assert len(told(pads)) == 2
    one.press("pad a")
    assert told(pads) == [Press("jump", "pad a")]
    other.press("pad a")
    one.release("pad a")
    assert told(pads) == []
    other.release("pad a")
    assert told(pads) == [Release("jump", "pad a")]
    one.stick("left stick", 0.0, 0.4)
    assert told(pads)[-1].y == pytest.approx(0.4, abs=1e-4)
    other.stick("left stick", 0.0, 0.9)
    assert told(pads)[-1].y == pytest.approx(0.9, abs=1e-4)
    other.unplug()
    left = told(pads)
    assert left[-2].y == pytest.approx(0.4, abs=1e-4) and isinstance(left[-1], PadRemoved)
    # The one that stays has another place in the list now, and a third takes the place that is free.
    third = plug()
    assert len(told(pads)) == 1 and len(pads.names) == 2
    for pad in (one, third):
        pad.press("pad b")
        assert told(pads) == [Press("rewind", "pad b")]
        pad.release("pad b")
        assert told(pads) == [Release("rewind", "pad b")]


def test_a_window_without_focus_lets_go_and_hears_nothing(plug, pads):
    pad = plug()
    told(pads)
    pad.press("pad b")
    pad.stick("left stick", 1.0, 0.0)
    told(pads)
    lost = read_events([pygame.event.Event(pygame.WINDOWFOCUSLOST)], KEYMAP, True, pads)
    assert lost == [Release("rewind", "pad b"), Stick("left stick", 0.0, 0.0, "move"), FocusLost()]
    pad.press("pad a")
    pad.stick("left stick", -1.0, 0.0)
    pad.release("pad b")
    assert told(pads) == []
    assert read_events([pygame.event.Event(pygame.WINDOWFOCUSGAINED)], KEYMAP, True, pads) == [FocusGained()]
    pad.press("pad y")
    assert told(pads) == [Press("screenshot", "pad y")]


def test_roles_follow_the_keymap(plug, pads):
    pad = plug()
    told(pads)
    pad.stick("left stick", 0.0, 1.0)
    assert told(pads, Keymap({"left stick": "look"})) == [Stick("left stick", 0.0, 1.0, "look")]
    pad.stick("left stick", 0.0, 0.0)
    assert told(pads, Keymap({})) == [Stick("left stick", 0.0, 0.0)]


def test_a_machine_without_gamepads_is_told_of_once_and_plays_on(capsys, monkeypatch):
    def refuse():
        raise pygame.error("no joystick driver")

    monkeypatch.setattr("input.pads.open_library", refuse)
    pads = Pads()
    assert pads.problem == "no joystick driver" and pads.names == []
    assert read_events([pygame.event.Event(pygame.CONTROLLERDEVICEADDED, device_index=0)], KEYMAP, True, pads) == []
    assert capsys.readouterr().err == "reverie: no gamepads on this machine (no joystick driver)\n"
    pads.close()
