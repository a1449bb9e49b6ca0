"""Devices: pygame's events become input events. Only this and input/pads.py know pygame in this room.

It neither polls nor opens anything and keeps no state: whoever owns the window fetches the events, decides whether the
mouse is captured and the world's, and has the gamepads opened.
"""

from __future__ import annotations

from collections.abc import Iterable

import pygame

from input.events import (
    Click,
    Composing,
    Dropped,
    Event,
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
from input.keymap import Keymap
from input.keys import MOUSE_BUTTONS
from input.pads import Pads

SIMPLE = {pygame.WINDOWFOCUSLOST: FocusLost, pygame.WINDOWFOCUSGAINED: FocusGained, pygame.QUIT: Quit}
# pygame's numbers from 1 on; 4 and 5 are the wheel's, which tells itself in a better way.
BUTTONS = dict(enumerate(MOUSE_BUTTONS, 1))


def is_paste(event: pygame.event.Event) -> bool:
    """Whether a key press is that of pasting; where AltGr types a character, it comes with ctrl and alt."""
    modifiers = getattr(event, "mod", 0)
    commanding = modifiers & (pygame.KMOD_CTRL | pygame.KMOD_META) and not modifiers & pygame.KMOD_ALT
    return event.key == pygame.K_v and bool(commanding)


def read_key(event: pygame.event.Event, keymap: Keymap) -> list[Event]:
    """A key of the keyboard; pygame drops repeats as long as nobody calls pygame.key.set_repeat."""
    key = pygame.key.name(event.key)
    if event.type == pygame.KEYUP:
        return [Release(keymap.action_of(key) or "", key)]
    # What has no name could not be told from what else has none.
    return [Pasted()] if is_paste(event) else [Press(keymap.action_of(key) or "", key)] if key else []


def read_button(event: pygame.event.Event, keymap: Keymap, captured: bool) -> list[Event]:
    """A button of the mouse: the world's while it is captured, else the person's, and then only told.

    Its release ends what the press began, even if the mouse was set free in between.
    """
    key = BUTTONS.get(event.button)
    if key is None:
        return []
    action = keymap.action_of(key) or ""
    if event.type == pygame.MOUSEBUTTONUP:
        return [Release(action, key)]
    if captured:
        return [Press(action, key)]
    return [Click(*event.pos)] if event.button == pygame.BUTTON_LEFT else [Press("", key)]


def read_wheel(event: pygame.event.Event, keymap: Keymap, captured: bool) -> list[Event]:
    """The wheel: taps of its keys while the mouse is captured, one per whole notch."""
    if not captured:
        return [Wheel(float(getattr(event, "precise_y", event.y)))]
    key = "wheel up" if event.y > 0 else "wheel down"
    action = keymap.action_of(key) or ""
    return [Press(action, key), Release(action, key)] * abs(event.y)


def read_event(event: pygame.event.Event, keymap: Keymap, captured: bool) -> list[Event]:
    """One pygame event as input events; none for what means nothing here, or is about gamepads."""
    match event.type:
        case pygame.KEYDOWN | pygame.KEYUP:
            return read_key(event, keymap)
        case pygame.MOUSEMOTION:
            return [MouseMove(*event.rel) if captured else Point(*event.pos)]
        case pygame.MOUSEBUTTONDOWN | pygame.MOUSEBUTTONUP:
            return read_button(event, keymap, captured)
        case pygame.MOUSEWHEEL:
            return read_wheel(event, keymap, captured)
        case pygame.TEXTINPUT:
            return [Typed(event.text)]
        case pygame.TEXTEDITING:
            return [Composing(event.text)]
        case pygame.DROPFILE:
            return [Dropped(event.file)]
    return [SIMPLE[event.type]()] if event.type in SIMPLE else []


def read_events(pygame_events: Iterable[pygame.event.Event], keymap: Keymap, captured: bool, pads: Pads) -> list[Event]:
    """The input events among `pygame_events` (as from pygame.event.get()), in order.

    captured: whether the mouse is the world's, hidden and told in relative motion; pads: who opens the gamepads.
    """
    found: list[Event] = []
    for event in pygame_events:
        # First the pads, which let go of all before the loss of focus is told.
        found += pads.take(event, keymap)
        found += read_event(event, keymap, captured)
    return found
