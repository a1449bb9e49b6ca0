"""Opening: which pane a command opens, and how it is made for the walk that is played. Pages are not made here."""

from __future__ import annotations

from runtime.clipboard import clipboard_of
from runtime.pause_menu import PauseMenu
from runtime.player import OpenPane, Player
from runtime.text_line import TextLine


def open_menu(player: Player) -> PauseMenu:
    """The pause menu."""
    hands = player.hands
    info = hands.generator.info
    return PauseMenu(
        hands.preferences.now,
        player.keymap,
        clipboard_of(hands.screen),
        base=player.base,
        world=info.name if info else "",
        seed=hands.generator.seed,
        recording=hands.recording.on,
    )


def open_line(player: Player) -> TextLine:
    """The line of text over the picture."""
    return TextLine(player.history, player.hands.screen.clipboard, player.hands.looks.style)


PANES: dict[str, OpenPane] = {"menu": open_menu, "prompt": open_line}
