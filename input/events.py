"""Input events: what a person or a script did, in words that no device library owns.

These are facts without time or meaning: what a press does is decided by whoever takes it (controls, or the window).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Press:
    """An action begins; `key` names what began it, so that two keys bound to one action do not release each other."""

    action: str
    key: str = ""


@dataclass(frozen=True)
class Release:
    """The key that began an action is up again."""

    action: str
    key: str = ""


@dataclass(frozen=True)
class MouseMove:
    """The mouse moved by (dx, dy) pixels; as on screens, positive dx is right and positive dy is down."""

    dx: float
    dy: float


@dataclass(frozen=True)
class FocusLost:
    """Another window has the keyboard: key releases will not be seen until FocusGained."""


@dataclass(frozen=True)
class FocusGained:
    """The window has the keyboard again."""


@dataclass(frozen=True)
class Quit:
    """The window was asked to close."""


Event = Press | Release | MouseMove | FocusLost | FocusGained | Quit
