"""Input events: what a person or a script did, in words that no device library owns.

These are facts without time or meaning: what a press does is decided by whoever takes it (controls, a pane, or the
loop). A key is anything that is down or up: a key of the keyboard as pygame spells it, `mouse left`, `pad a`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Press:
    """A key is down; `action` is what it is bound to, "" for nothing, so that panes and remapping see every key."""

    action: str
    key: str = ""


@dataclass(frozen=True)
class Release:
    """A key is up again; its `action` as for Press."""

    action: str
    key: str = ""


@dataclass(frozen=True)
class MouseMove:
    """The captured mouse moved by (dx, dy) pixels; as on screens, positive dx is right and positive dy is down."""

    dx: float
    dy: float


@dataclass(frozen=True)
class Stick:
    """A stick (`left stick` or `right stick`) stands at (x, y), each in [-1, 1]; positive y is towards the person.

    `role` is what it is bound to, `move` or `look`, "" for nothing.
    """

    name: str
    x: float
    y: float
    role: str = ""


@dataclass(frozen=True)
class PadAdded:
    """A gamepad called `name` was plugged in (or was there when the window opened)."""

    name: str


@dataclass(frozen=True)
class PadRemoved:
    """The gamepad called `name` is gone: nothing of it is held any more."""

    name: str


@dataclass(frozen=True)
class Typed:
    """Text was entered, by keys or by an input method; only while text is asked for."""

    text: str


@dataclass(frozen=True)
class Composing:
    """An input method shows `text` as not yet decided; empty when it is done."""

    text: str


@dataclass(frozen=True)
class Pasted:
    """The person asked for what the clipboard holds."""


@dataclass(frozen=True)
class Dropped:
    """A file was dropped on the window."""

    path: str


@dataclass(frozen=True)
class Point:
    """The free mouse is at (x, y) pixels of the window."""

    x: int
    y: int


@dataclass(frozen=True)
class Click:
    """The free mouse's left button went down at (x, y) pixels of the window."""

    x: int
    y: int


@dataclass(frozen=True)
class Wheel:
    """The wheel was turned by `dy` notches, positive away from the person (up)."""

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


Event = (
    Press
    | Release
    | MouseMove
    | Stick
    | PadAdded
    | PadRemoved
    | Typed
    | Composing
    | Pasted
    | Dropped
    | Point
    | Click
    | Wheel
    | FocusLost
    | FocusGained
    | Quit
)
