"""Keymap: which key means which action, as read from assets/bindings.yaml and overridden by a world's own bindings.

Keys are names as pygame spells them, but nothing here needs pygame: input/devices.py turns key codes into names. A
keymap knows no time and no state; whether a key is down is input/controls.py's affair.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from input.controls import MOVEMENT_ACTIONS
from input.document import read_document
from runtime.errors import UserError

COMMANDS = ("pause", "reset", "new_seed", "fullscreen", "screenshot", "hud", "help", "toggle_mouse", "quit")
ACTIONS = MOVEMENT_ACTIONS + COMMANDS
BINDINGS = Path(__file__).resolve().parent.parent / "assets" / "bindings.yaml"

NAMED_KEYS = (
    *("up", "down", "left", "right", "home", "end", "page up", "page down", "insert", "delete", "backspace"),
    *("space", "tab", "return", "enter", "escape", "equals", "clear", "help", "menu", "break", "power", "print screen"),
    *("left shift", "right shift", "left ctrl", "right ctrl", "left alt", "right alt", "left meta", "right meta"),
    *("alt gr", "caps lock", "scroll lock", "numlock"),
    *(f"f{n}" for n in range(1, 16)),
    *(f"[{key}]" for key in "0123456789.*/+-"),
)
# A key that types a character is named by it, in lower case, on any keyboard layout (so ö and ß are keys too).
CHARACTER_KEY = re.compile(r"[^\s\x00-\x1f\x7fA-Z]")


def is_key_name(name: str) -> bool:
    """Whether pygame could call a key `name`."""
    return name in NAMED_KEYS or CHARACTER_KEY.fullmatch(name) is not None


@dataclass(frozen=True)
class Keymap:
    """Key name -> action, each key at most once; an action may have several keys or none."""

    by_key: Mapping[str, str]

    def action_of(self, key: str) -> str | None:
        """The action that `key` is bound to, None where it is bound to nothing."""
        return self.by_key.get(key)

    def keys_of(self, action: str) -> list[str]:
        """The keys bound to `action`, in the order of the file."""
        return [key for key, bound in self.by_key.items() if bound == action]

    def resolve(self, name: str) -> tuple[str, str] | None:
        """(action, key) of a name that is a bound key or an action, None where it is neither.

        A name that is both, such as `left`, is the key. An action is taken for its first key, so that what was begun by
        `forward` can be ended by `w`; an action without a key has the key "".
        """
        if name in self.by_key:
            return self.by_key[name], name
        if name in ACTIONS:
            return name, next(iter(self.keys_of(name)), "")
        return None


def suggest(wrong: str, legal: tuple[str, ...]) -> str:
    """Advice that names the legal word nearest to a wrong one, or all of them."""
    near = difflib.get_close_matches(wrong.lower(), legal, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(legal)}"


def check_bindings(content: object, where: str, lines: Sequence[int] = ()) -> dict[str, str]:
    """Key name -> action, of a mapping from action to a list of key names. Raises UserError at the first mistake.

    `where` and, where they are known, the `lines` on which the entries stand name it.
    """
    if not isinstance(content, Mapping):
        raise UserError("the bindings are not a mapping", where, "write lines such as `forward: [w]`")
    by_key: dict[str, str] = {}
    for number, (action, keys) in enumerate(content.items()):
        line = f", line {lines[number]}" if lines else ""
        entry = f"{where}{line}, entry {action!r}"
        if action not in ACTIONS:
            raise UserError(f"unknown action {action!r}", entry, suggest(str(action), ACTIONS))
        if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
            raise UserError("the keys of an action are not a list of names", entry, f"write `{action}: [w]`")
        for key in keys:
            if not is_key_name(key):
                raise UserError(f"unknown key {key!r}", entry, suggest(key, NAMED_KEYS))
            if key in by_key:
                raise UserError(f"key {key!r} is bound twice", entry, f"remove it here or from {by_key[key]!r}")
            by_key[key] = action
    return by_key


def load_keymap(path: Path | str = BINDINGS) -> Keymap:
    """Read a bindings file: a mapping from action to a list of key names. Raises UserError at the first mistake."""
    content, lines = read_document(path)
    return Keymap(MappingProxyType(check_bindings(content, str(path), lines)))


def with_overrides(keymap: Keymap, overrides: Mapping[str, Sequence[str]], where: str) -> Keymap:
    """The keymap in which the actions of `overrides` have exactly the keys given there, and no other action has those.

    Raises UserError at the first mistake, as load_keymap does; `where` names the overrides in it.
    """
    taken = check_bindings(overrides, where)
    kept = {key: action for key, action in keymap.by_key.items() if key not in taken and action not in overrides}
    return Keymap(MappingProxyType(kept | taken))
