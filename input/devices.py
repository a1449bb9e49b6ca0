"""Devices: pygame's events become input events. The only file of this room that knows pygame.

It neither polls nor opens anything and keeps no state: whoever owns the window fetches the events and decides whether
the mouse is captured, so that its motion counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import pygame

from input.events import Event, FocusGained, FocusLost, MouseMove, Press, Quit, Release
from input.keymap import Keymap


def read_event(event: pygame.event.Event, keymap: Keymap) -> Event | None:
    """One pygame event as an input event; None for what means nothing here, such as a key that is not bound.

    pygame drops the system's key repeats as long as nobody calls pygame.key.set_repeat, so a press is a press.
    """
    if event.type in (pygame.KEYDOWN, pygame.KEYUP):
        key = pygame.key.name(event.key)
        action = keymap.action_of(key)
        if action is None:
            return None
        return Press(action, key) if event.type == pygame.KEYDOWN else Release(action, key)
    if event.type == pygame.MOUSEMOTION:
        return MouseMove(*event.rel)
    simple = {pygame.WINDOWFOCUSLOST: FocusLost, pygame.WINDOWFOCUSGAINED: FocusGained, pygame.QUIT: Quit}
    kind = simple.get(event.type)
    return kind() if kind else None


def read_events(pygame_events: Iterable[pygame.event.Event], keymap: Keymap) -> list[Event]:
    """The input events among `pygame_events` (as from pygame.event.get()), in order."""
    found = (read_event(event, keymap) for event in pygame_events)
    return [event for event in found if event is not None]
