"""Hands: the parts of a walk that a player moves. A record; what is done with them is runtime/player.py and
runtime/commands.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from input.controls import Controls
from runtime.driver import Driver
from runtime.generator import Generator
from runtime.governor import Governor
from runtime.layers import Pane
from runtime.looks import Looks
from runtime.preferences import Preferences
from runtime.recording import Recording
from runtime.saving import Saving
from runtime.screen import Screen
from runtime.screenshot import Screenshots

if TYPE_CHECKING:
    from runtime.player import Player

# Opens the pane of a command, for the player that asks.
OpenPane = Callable[["Player"], Pane]


@dataclass
class Hands:
    """`world` is what the world is called on a command line; `panes`: how those are opened that commands open."""

    world: str
    screen: Screen
    generator: Generator
    driver: Driver
    controls: Controls
    looks: Looks
    governor: Governor
    preferences: Preferences
    recording: Recording
    saving: Saving
    screenshots: Screenshots
    panes: dict[str, OpenPane] = field(default_factory=dict)
    # Who else has news, in words: the session's log, say.
    heralds: Sequence[Callable[[], Sequence[str]]] = ()
