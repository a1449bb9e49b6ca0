"""Keymap: which key means which action, as read from assets/bindings.yaml and overridden by a world's own bindings.

Keys are names (input/keys.py); input/devices.py makes them out of what devices report. Sticks are bound to what they
are for, their roles, as keys are to actions. A keymap knows no time and no state; whether a key is down is
input/controls.py's affair.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from input.document import read_document
from input.keys import LEGAL_NAMES, NAMED_KEYS, STICKS, device_of, is_key_name
from input.motion import MOVEMENT_ACTIONS, ROLES
from runtime.errors import UserError, brief

COMMANDS = (
    *("menu", "pause", "prompt", "reset", "new_seed", "save", "load", "rewind"),
    *("record", "screenshot", "hud", "help", "fullscreen", "toggle_mouse", "quit"),
)
ACTIONS = MOVEMENT_ACTIONS + COMMANDS
BINDINGS = Path(__file__).resolve().parent.parent / "assets" / "bindings.yaml"


@dataclass(frozen=True)
class Keymap:
    """Key name -> action and stick name -> role, each at most once; an action may have several keys or none."""

    by_key: Mapping[str, str]

    def action_of(self, key: str) -> str | None:
        """The action that `key` is bound to, None where it is bound to nothing; the role of a stick."""
        return self.by_key.get(key)

    def keys_of(self, action: str, device: str = "") -> list[str]:
        """The keys bound to `action`, in the order of the file; of one `device` (input/keys.py) where it is given."""
        return [key for key, bound in self.by_key.items() if bound == action and device in ("", device_of(key))]

    def resolve(self, name: str) -> tuple[str, str] | None:
        """(action, key) of a name that is a bound key or an action, None where it is neither.

        A name that is both, such as `left`, is the key. An action is taken for its first key, so that what was begun by
        `forward` can be ended by `w`; an action without a key has the key "".
        """
        if name in self.by_key and name not in STICKS:
            return self.by_key[name], name
        if name in ACTIONS:
            return name, next(iter(self.keys_of(name)), "")
        return None


def suggest(wrong: str, legal: tuple[str, ...], shown: tuple[str, ...] = ()) -> str:
    """Advice that names the legal word nearest to a wrong one, or all of them (or those `shown`)."""
    near = difflib.get_close_matches(wrong.lower(), legal, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(shown or legal)}"


def fits(action: str, key: str) -> bool:
    """Whether `key` can be bound to `action`: sticks have roles, and keys have actions."""
    return key in STICKS if action in ROLES else is_key_name(key)


def check_bindings(content: object, where: str, lines: Sequence[int] = ()) -> dict[str, str]:
    """Key name -> action, of a mapping from action to a list of key names. Raises UserError at the first mistake.

    `where` and, where they are known, the `lines` on which the entries stand name it.
    """
    if not isinstance(content, Mapping):
        raise UserError("the bindings are not a mapping", where, "write lines such as `forward: [w]`")
    by_key: dict[str, str] = {}
    for number, (action, keys) in enumerate(content.items()):
        line = f", line {lines[number]}" if lines else ""
        entry = f"{where}{line}, entry {brief(action)}"
        if action not in ACTIONS + ROLES:
            raise UserError(f"unknown action {brief(action)}", entry, suggest(str(action), ACTIONS + ROLES))
        if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
            raise UserError("the keys of an action are not a list of names", entry, f"write `{action}: [w]`")
        for key in keys:
            if not fits(action, key):
                if action in ROLES:
                    raise UserError(f"{brief(key)} is not a stick", entry, suggest(key, STICKS))
                if key in STICKS:
                    raise UserError(
                        f"{key!r} is no key but a stick", entry, f"write `move: [{key}]` or `look: [{key}]`"
                    )
                raise UserError(f"unknown key {brief(key)}", entry, suggest(key, LEGAL_NAMES, NAMED_KEYS))
            if key in by_key:
                raise UserError(f"key {brief(key)} is bound twice", entry, f"remove it here or from {by_key[key]!r}")
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
