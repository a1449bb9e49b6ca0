"""Help: the overlay that says what can be done in this world, and with which keys. Words and when; it draws nothing."""

from __future__ import annotations

from collections.abc import Sequence

from input.keymap import COMMANDS, Keymap
from runtime.strings import text

# A world whose keys a person cannot know yet shows them this long by itself, in seconds of play.
FIRST_SHOWN_S = 5.0
# Commands that lead a walk elsewhere; what a command does is said by the words `help.<command>`.
LEADING = ("prompt", "reset", "new_seed", "save", "load", "rewind")


def uses_mouse(vocabulary: Sequence[tuple[str, str]]) -> bool:
    """Whether a world does anything with the mouse; one that does not say is taken to."""
    return not vocabulary or "mouse" in dict(vocabulary)


def help_lines(
    vocabulary: Sequence[tuple[str, str]], keymap: Keymap, *, walks: bool = True, takes_text: bool = True
) -> list[str]:
    """`keys   label` per entry of WorldInfo.vocabulary and per command; what has no key is left out.

    Keys are those of the keyboard, the mouse and the gamepad. `walks`: whether a person leads the walk; who watches one
    again is offered nothing that would change it. `takes_text`: see WorldInfo.
    """
    offered = [name for name in COMMANDS if name != "toggle_mouse" or (walks and uses_mouse(vocabulary))]
    offered = [name for name in offered if (walks or name not in LEADING) and (takes_text or name != "prompt")]
    said = [(name, can_words(label)) for name, label in vocabulary] if walks else []
    entries = [*said, *((name, text(f"help.{name}")) for name in offered)]
    keyed = [("mouse" if name == "mouse" else " / ".join(keymap.keys_of(name)), label) for name, label in entries]
    return [f"{keys}   {label}" for keys, label in keyed if keys]


def can_words(label: str) -> str:
    """What can be done in a world, in the present language where somebody wrote that down."""
    try:
        return text(f"can.{label}")
    except KeyError:  # somebody's own world
        return label


def help_open(asked: bool | None, vocabulary: Sequence[tuple[str, str]], seconds: float) -> bool:
    """Whether the help is shown after `seconds` of play; `asked` is what the person last wanted, None for nothing."""
    if asked is not None:
        return asked
    return bool(vocabulary) and seconds < FIRST_SHOWN_S
