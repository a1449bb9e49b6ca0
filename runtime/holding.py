"""Holding: keys that repeat while they are held, in menus and in the line of text. Pure; the clock is passed in.

The system's own key repeats do not arrive (input/devices.py), and a gamepad has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from input.events import Event, FocusLost, PadRemoved, Press, Release, Stick
from runtime.menu import lean

FIRST_S = 0.4
EVERY_S = 0.06
REPEATING = (
    *("up", "down", "left", "right", "page up", "page down", "backspace", "delete"),
    *("pad dpad up", "pad dpad down", "pad dpad left", "pad dpad right"),
)


@dataclass(frozen=True)
class Held:
    """`key`, "" for none, is pressed once more at `again_at` seconds; `leaning` as in runtime/menu.py."""

    key: str = ""
    again_at: float = 0.0
    leaning: str = ""


def follow(held: Held, event: Event, now: float) -> Held:
    """What is held after `event`; the event itself is the first press."""
    match event:
        case Press(_, key):
            return replace(held, key=key if key in REPEATING else "", again_at=now + FIRST_S)
        case Release(_, key) if key == held.key:
            return replace(held, key="")
        case Stick("left stick", x, y):
            leaning = lean(held.leaning, x, y)
            if leaning == held.leaning:
                return held
            return Held(leaning, now + FIRST_S, leaning)
        case FocusLost() | PadRemoved():
            return Held()
    return held


def due(held: Held, now: float) -> tuple[Held, Press | None]:
    """The press that is due by `now`, if any; one at most, so that a late caller is not followed by a burst."""
    if not held.key or now < held.again_at:
        return held, None
    return replace(held, again_at=now + EVERY_S), Press("", held.key)
