"""Remap: giving keys to other actions, as pure functions of keymaps; and the file in which a person's own are kept.

What a person has changed lies over the default keys and a world's (`base` here), and only that is written down. Nothing
is drawn or waited for here: which key is to be bound is the menu's affair.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from input.document import read_document
from input.keymap import ACTIONS, Keymap, check_bindings, fits, load_keymap, with_overrides
from input.keys import STICKS, device_of
from input.motion import ROLES
from runtime.errors import UserError

# Without a key for these on the keyboard, which every machine has, a person could not get out again.
NEEDED = ("menu",)
HEADER = (
    "# Your own keys, over those of assets/bindings.yaml, whose words it has. Remove this file to go back to them.\n"
)


def _keymap(by_key: Mapping[str, str]) -> Keymap:
    return Keymap(MappingProxyType(dict(by_key)))


def may_bind(action: str, key: str) -> bool:
    """Whether `key` can be bound to `action` at all: sticks have roles, keys have actions, and some have no name."""
    return action in ACTIONS + ROLES and fits(action, key)


def conflict(keymap: Keymap, action: str, key: str) -> str | None:
    """The action that would lose `key` to `action`, None where there is none."""
    loser = keymap.action_of(key)
    return None if loser == action else loser


def is_last(keymap: Keymap, key: str) -> bool:
    """Whether a command that must never be without a key would be, if `key` were taken from it."""
    return keymap.action_of(key) in NEEDED and keymap.keys_of(keymap.by_key[key], "keyboard") == [key]


def rebind(keymap: Keymap, action: str, key: str) -> tuple[Keymap, str | None]:
    """The keymap in which `key` is bound to `action`, in place of its other keys of the same device; and the action
    that lost the key, None for none.

    The very same keymap comes back where that cannot be: the other action would be left without the key that it must
    have (see is_last). A stick is exchanged for the one that the role had. Raises ValueError unless may_bind.
    """
    if not may_bind(action, key):
        raise ValueError(f"{key!r} cannot be bound to {action!r}")
    loser, device = conflict(keymap, action, key), device_of(key)
    if loser and is_last(keymap, key):
        return keymap, loser
    replaced = keymap.keys_of(action, device)
    by_key = {k: bound for k, bound in keymap.by_key.items() if k not in replaced and k != key} | {key: action}
    if key in STICKS and loser and replaced:
        by_key[replaced[0]] = loser
    return _keymap(by_key), loser


def unbind(keymap: Keymap, action: str) -> Keymap:
    """The keymap in which no key is bound to `action`; of a command that must have one, its first key stays."""
    keys = keymap.keys_of(action)
    kept = keymap.keys_of(action, "keyboard")[:1] if action in NEEDED else []
    return _keymap({k: bound for k, bound in keymap.by_key.items() if k not in keys or k in kept})


def reset(keymap: Keymap, base: Keymap, action: str | None = None) -> Keymap:
    """The keys of `base`: all, or those of one `action`, which other actions then lose (one role resets both).

    Where that would take the only key of a command that must have one, this command is given back its own as well.
    """
    if action is None:
        return base
    these = ROLES if action in ROLES else (action,)
    after = with_overrides(keymap, {name: base.keys_of(name) for name in these}, "reset")
    for needed in NEEDED:
        if not after.keys_of(needed, "keyboard"):
            after = with_overrides(after, {needed: base.keys_of(needed)}, "reset")
    return after


def differences(keymap: Keymap, base: Keymap) -> dict[str, list[str]]:
    """What with_overrides needs to make `keymap` of `base`: every action with other keys, with all that it has now."""
    return {action: keys for action in ACTIONS + ROLES if (keys := keymap.keys_of(action)) != base.keys_of(action)}


def _require(keymap: Keymap, base: Keymap, line_of: Mapping[str, int], path: Path) -> None:
    """Raise UserError where a person's own file leaves a command without a key that must have one."""
    for needed in NEEDED:
        before = base.keys_of(needed, "keyboard")
        if before and not keymap.keys_of(needed, "keyboard"):
            entry = needed if needed in line_of else keymap.by_key[before[0]]
            where = f"{path}, line {line_of[entry]}, entry {entry!r}"
            raise UserError(f"no key is left for {needed!r}", where, f"write `{needed}: [{before[0]}]`")


def load_own(path: Path, base: Keymap | None = None) -> Keymap:
    """`base` (the default keys unless given) with what the person's own file changes; `base` itself without a file.

    Raises UserError at the first mistake in it, with its line and what to do.
    """
    base = base or load_keymap()
    if not os.path.exists(path):
        return base
    try:
        content, lines = read_document(path)
        check_bindings(content, str(path), lines)
        keymap = with_overrides(base, content, str(path))
        _require(keymap, base, dict(zip(content, lines, strict=True)), path)
    except UserError as error:
        raise UserError(str(error), remedy="or remove that file to go back to the default keys") from error
    return keymap


def save_own(path: Path, keymap: Keymap, base: Keymap | None = None) -> None:
    """Write down what `keymap` changes in `base` (the default keys unless given), all at once or not at all.

    Raises UserError where it cannot be written.
    """
    changed = differences(keymap, base or load_keymap())
    words = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "w", encoding="utf-8") as file:
            file.write(HEADER + words)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where there is no draft
            draft.unlink()
        remedy = "free some space or correct the rights of that folder"
        raise UserError("your keys cannot be written down", f"{path}: {error.strerror or error}", remedy) from error
