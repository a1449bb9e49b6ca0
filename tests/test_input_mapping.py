"""Mapping: whatever hands do in whatever order, from pygame's events to rows: nothing stays held, nothing is lost."""

from itertools import count

import numpy as np
import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.controls import Controls, Motion
from input.devices import read_events
from input.keymap import Keymap, load_keymap
from input.keys import MOUSE_BUTTONS, PAD_BUTTONS, PAD_TRIGGERS
from input.motion import MOVEMENT_ACTIONS
from input.pads import Pads
from input.response import Feel

DT = 0.05
KEYMAP = Keymap(dict(load_keymap().by_key) | {"mouse left": "run", "mouse right": "jump"})
# The same keys for other things, as after remapping in the middle of it all.
OTHER = Keymap({"w": "back", "s": "menu", "p": "jump", "pad a": "forward", "pad b": "left", "left stick": "look"})
KEYS = ("w", "s", "left", "space", "left shift", "p")
MANY = settings(max_examples=80, deadline=None)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("key"), st.sampled_from(KEYS), st.booleans()),
        st.tuples(st.just("button"), st.integers(1, 3), st.booleans()),
        st.tuples(st.just("pad"), st.integers(0, 1), st.sampled_from((0, 1, 7, 11)), st.booleans()),
        st.tuples(st.just("axis"), st.integers(0, 1), st.integers(0, 5), st.integers(-32768, 32767)),
        st.tuples(st.just("plug"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("focus"), st.booleans()),
        st.tuples(st.just("capture"), st.booleans()),
        st.tuples(st.just("remap"), st.booleans()),
        st.tuples(st.just("sample"), st.integers(1, 6)),
        st.tuples(st.just("feel"), st.sampled_from(("hold", "toggle"))),
    ),
    max_size=40,
)


class Library:
    """Game controllers as pygame has them, without any; the index of one is taken for its instance."""

    class Controller:
        name = "Pad"

        def __init__(self, index):
            self.index = index

        def as_joystick(self):
            return self

        def get_instance_id(self):
            return self.index

        def quit(self):
            pass

    def quit(self):
        pass


class Hands:
    """Two gamepads, a keyboard and a mouse in front of Controls; `down`: what is really down, and what it meant."""

    def __init__(self):
        self.controls, self.pads = Controls(), Pads(Library())
        self.keymap, self.captured, self.there = KEYMAP, True, True
        self.down: dict[object, set[str]] = {}
        self.plugged: set[int] = set()
        self.out: dict[tuple[int, int], int] = {}
        self.clock = count()

    def send(self, kind, **values):
        for event in read_events([pygame.event.Event(kind, **values)], self.keymap, self.captured, self.pads):
            self.controls.take(event, next(self.clock) * 0.01)

    def set_down(self, what, key, down):
        if down and self.there:
            self.down.setdefault(what, set()).add(self.keymap.action_of(key) or "")
        elif not down:
            self.down.pop(what, None)

    def do(self, step):
        match step:
            case ("key" | "button", _, True) if not self.there:
                pass  # another window hears it
            case ("key", key, down):
                self.set_down(key, key, down)
                self.send(pygame.KEYDOWN if down else pygame.KEYUP, key=pygame.key.key_code(key), mod=0)
            case ("button", button, down):
                self.set_down(button, MOUSE_BUTTONS[button - 1] if self.captured else "", down)
                self.send(pygame.MOUSEBUTTONDOWN if down else pygame.MOUSEBUTTONUP, button=button, pos=(0, 0))
            case ("pad", pad, button, down) if pad in self.plugged:
                self.set_down((pad, button), PAD_BUTTONS[button], down)
                kind = pygame.CONTROLLERBUTTONDOWN if down else pygame.CONTROLLERBUTTONUP
                self.send(kind, instance_id=pad, button=button)
            case ("axis", pad, axis, value) if pad in self.plugged:
                value = value if axis < 4 else max(value, 0)
                if axis >= 4:
                    self.set_down((pad, 100 + axis), PAD_TRIGGERS[axis - 4], value > 0.2 * 32767)
                elif self.there:
                    self.out[pad, axis] = value
                self.send(pygame.CONTROLLERAXISMOTION, instance_id=pad, axis=axis, value=value)
            case ("plug", pad, True):
                self.plugged.add(pad)
                self.send(pygame.CONTROLLERDEVICEADDED, device_index=pad)
            case ("plug", pad, False):
                self.plugged.discard(pad)
                self.down = {w: a for w, a in self.down.items() if not (isinstance(w, tuple) and w[0] == pad)}
                self.out = {w: v for w, v in self.out.items() if w[0] != pad}
                self.send(pygame.CONTROLLERDEVICEREMOVED, instance_id=pad)
            case ("focus", there):
                self.there = there
                if not there:
                    self.down.clear()
                    self.out.clear()
                self.send(pygame.WINDOWFOCUSGAINED if there else pygame.WINDOWFOCUSLOST)
            case ("capture", on):
                self.captured = on
            case ("remap", other):
                self.keymap = OTHER if other else KEYMAP
            case ("sample", frames):
                assert np.isfinite(self.controls.sample_chunk(frames, DT, MOVEMENT_ACTIONS)).all()
            case ("feel", run):
                self.controls.feel = Feel(run=run, dead_zone=0.1)


@pytest.fixture(scope="module", autouse=True)
def display():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDL_VIDEODRIVER", "dummy")
        pygame.display.init()
        yield
        pygame.display.quit()


@MANY
@given(STEPS)
def test_nothing_is_held_that_is_not_down(steps):
    hands = Hands()
    for step in steps:
        hands.do(step)
        held = hands.controls.held - {"run"}  # a run may be switched on
        if not any(abs(value) > 0.1 * 32767 for value in hands.out.values()):
            assert held <= set().union(*hands.down.values()), step
        if step == ("focus", False):
            assert hands.controls.held == frozenset()


@MANY
@given(STEPS)
def test_when_all_is_let_go_the_body_comes_to_a_stand(steps):
    hands = Hands()
    for step in [*steps, ("focus", True), ("feel", "hold")]:
        hands.do(step)
    hands.do(("focus", False))
    hands.controls.sample_chunk(200, DT)
    assert hands.controls.held == frozenset()
    assert not hands.controls.sample_chunk(4, DT, MOVEMENT_ACTIONS).any()


@MANY
@given(STEPS)
def test_letting_go_by_hand_is_as_good_as_losing_focus(steps):
    hands = Hands()
    for step in [*steps, ("focus", True), ("feel", "hold")]:
        hands.do(step)
    for key in KEYS:
        hands.do(("key", key, False))
    for button in (1, 2, 3):
        hands.do(("button", button, False))
    for pad in (0, 1):
        for axis in range(6):
            hands.do(("axis", pad, axis, 0))
        for button in (0, 1, 7, 11):
            hands.do(("pad", pad, button, False))
    assert hands.controls.held == frozenset()


@MANY
@given(st.lists(st.one_of(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), st.integers(1, 6)), max_size=30))
def test_mouse_motion_is_summed_and_conserved(steps):
    hands, sent, made = Hands(), np.zeros(2), np.zeros(2)
    for step in steps:
        if isinstance(step, tuple):
            hands.send(pygame.MOUSEMOTION, rel=step, pos=(0, 0), buttons=(0, 0, 0))
            sent += step
        else:
            made += hands.controls.sample_chunk(step, DT)[:, 2:].sum(0, dtype=np.float64)
    for _ in range(3):
        made += hands.controls.sample_chunk(20, DT)[:, 2:].sum(0, dtype=np.float64)
    backlogs = np.abs(np.cumsum([step for step in steps if isinstance(step, tuple)] or [[0, 0]], 0)).max(0)
    if (backlogs * Motion().mouse_gain < (Motion().yaw_backlog, Motion().pitch_backlog)).all():
        assert made == pytest.approx(sent * Motion().mouse_gain * (1, -1), abs=1e-4)
