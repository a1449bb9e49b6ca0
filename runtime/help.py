"""Help: the overlay that says what can be done in this world, and with which keys. Words and when; it draws nothing."""

from __future__ import annotations

from collections.abc import Sequence

from input.keymap import Keymap

# A world whose keys a person cannot know yet shows them this long by itself, in seconds of play.
FIRST_SHOWN_S = 5.0
COMMAND_LABELS = {
    "pause": "pause",
    "reset": "begin again",
    "new_seed": "another dream",
    "fullscreen": "full screen",
    "screenshot": "screenshot",
    "hud": "figures",
    "help": "this help",
    "toggle_mouse": "let the mouse go",
    "quit": "quit",
}


def uses_mouse(vocabulary: Sequence[tuple[str, str]]) -> bool:
    """Whether a world does anything with the mouse; one that does not say is taken to."""
    return not vocabulary or "mouse" in dict(vocabulary)


def help_lines(vocabulary: Sequence[tuple[str, str]], keymap: Keymap) -> list[str]:
    """`keys   label` per entry of WorldInfo.vocabulary and per command; what has no key is left out."""
    commands = {
        name: label for name, label in COMMAND_LABELS.items() if name != "toggle_mouse" or uses_mouse(vocabulary)
    }
    entries = [*vocabulary, *commands.items()]
    keyed = [("mouse" if name == "mouse" else " / ".join(keymap.keys_of(name)), label) for name, label in entries]
    return [f"{keys}   {label}" for keys, label in keyed if keys]


def help_open(asked: bool | None, vocabulary: Sequence[tuple[str, str]], seconds: float) -> bool:
    """Whether the help is shown after `seconds` of play; `asked` is what the person last wanted, None for nothing."""
    if asked is not None:
        return asked
    return bool(vocabulary) and seconds < FIRST_SHOWN_S
