"""Orders: what menus, the text line and the kiosk ask of the player. Facts only; runtime/player.py carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from input.keymap import Keymap
from runtime.image import StartImage
from runtime.settings import Settings


@dataclass(frozen=True)
class Close:
    """Close the pane on top and go on as before it."""


@dataclass(frozen=True)
class Command:
    """Do what the key of this command would do (input/keymap.py: COMMANDS)."""

    name: str


@dataclass(frozen=True)
class Say:
    """Tell the person this, for a moment."""

    text: str


@dataclass(frozen=True)
class Prompt:
    """Change the world's text from the next chunk on."""

    text: str


@dataclass(frozen=True)
class Begin:
    """Begin again, with another seed or picture; None keeps the present one."""

    seed: int | None = None
    image: StartImage | None = None


@dataclass(frozen=True)
class Adopt:
    """Take these settings; the player applies what it can and writes them down.

    passing: a slider is still held; what it comes to rest at will be adopted once more, to be written down.
    """

    settings: Settings
    passing: bool = False


@dataclass(frozen=True)
class Rebind:
    """Use this keymap from now on, and write it down."""

    keymap: Keymap


@dataclass(frozen=True)
class Save:
    """Save the world in the slot `name`."""

    name: str


@dataclass(frozen=True)
class Delete:
    """Delete the slot `name`."""

    name: str


@dataclass(frozen=True)
class Load:
    """Go on from the slot `name`."""

    name: str


@dataclass(frozen=True)
class Choice:
    """Leave what is played and play this: a world from a start, a session to watch (`replay`) or to go on with
    (`resume`), or a saved world. `world` "" is that of the session or slot.
    """

    world: str = ""
    seed: int = 0
    image: StartImage | None = None
    replay: Path | None = None
    resume: Path | None = None
    slot: str = ""


@dataclass(frozen=True)
class Home:
    """Leave the walk, for the start screen."""


@dataclass(frozen=True)
class Leave:
    """End the program."""
