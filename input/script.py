"""Script: input that was written down, played back as if it came from the devices.

A script is a YAML list of `{at: seconds, down: key}`, `{at: seconds, up: key}`, `{at: seconds, mouse: [dx, dy]}` and
`{at: seconds, stick: [left stick, x, y]}`, in any order. A key is a key name or an action name (a name that is both,
such as `left`, is the key). This is not a recording of controls: a script goes through the keymap and the controls like
a hand does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from input.document import read_document
from input.events import Event, MouseMove, Press, Release, Stick
from input.keymap import Keymap, load_keymap
from input.keys import STICKS
from runtime.errors import UserError, brief

FORMS = (
    "write `{at: 0.5, down: w}`, `{at: 1.5, up: w}`, `{at: 2, mouse: [120, 0]}`"
    " or `{at: 3, stick: [left stick, 0, -1]}`"
)
# A frame's time computed as a product may fall short of the same time as written by the last bit or two.
ROUNDING = 1e-9


@dataclass(frozen=True)
class ScriptEntry:
    """`event` happens `at` seconds after the start."""

    at: float
    event: Event


def number(text: object, what: str, where: str) -> float:
    """A finite number written as `text`."""
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{what} {brief(text)} is not a number", where, FORMS)
    return value


def read_key(value: object, keymap: Keymap, where: str) -> tuple[str, str]:
    """(action, key) of a key name or an action name."""
    found = keymap.resolve(value) if isinstance(value, str) else None
    if found is None:
        keys = ", ".join(keymap.by_key)
        raise UserError(
            f"{brief(value)} is neither a bound key nor an action", where, f"use an action or a key of: {keys}"
        )
    return found


def read_stick(value: object, keymap: Keymap, where: str) -> Stick:
    """A stick's place of [name, x, y]."""
    if not isinstance(value, list) or len(value) != 3 or value[0] not in STICKS:
        raise UserError(f"{brief(value)} is not [stick, x, y]", where, FORMS)
    x, y = (number(part, "a stick's place", where) for part in value[1:])
    if max(abs(x), abs(y)) > 1:
        raise UserError(f"a stick cannot stand at ({x:g}, {y:g})", where, "use numbers from -1 to 1")
    return Stick(value[0], x, y, keymap.action_of(value[0]) or "")


def read_entry(entry: object, keymap: Keymap, where: str) -> ScriptEntry:
    """One checked entry of a script; `where` names it in errors."""
    kinds = sorted(entry.keys() - {"at"}) if isinstance(entry, dict) and "at" in entry else []
    if len(kinds) != 1 or kinds[0] not in ("down", "up", "mouse", "stick"):
        raise UserError("an entry has `at` and exactly one of `down`, `up`, `mouse`, `stick`", where, FORMS)
    kind, value = kinds[0], entry[kinds[0]]
    at = number(entry["at"], "time", where)
    if at < 0:
        raise UserError(f"time {entry['at']} is before the start", where, "use seconds from 0 on")
    if kind == "mouse":
        if not isinstance(value, list) or len(value) != 2:
            raise UserError(f"mouse motion {brief(value)} is not [dx, dy]", where, FORMS)
        return ScriptEntry(at, MouseMove(*(number(pixels, "mouse motion", where) for pixels in value)))
    if kind == "stick":
        return ScriptEntry(at, read_stick(value, keymap, where))
    event = Press if kind == "down" else Release
    return ScriptEntry(at, event(*read_key(value, keymap, where)))


def load_script(path: Path | str, keymap: Keymap | None = None) -> list[ScriptEntry]:
    """Read a script, sorted by time (entries of one time stay in the order of the file).

    Raises UserError at the first mistake, among them letting go of a key that is not down by then.
    """
    keymap = keymap or load_keymap()
    content, lines = read_document(path)
    if not isinstance(content, list):
        raise UserError("the script is not a list", str(path), FORMS.replace("write", "write lines such as"))
    wheres = [f"{path}, entry {i}, line {line}" for i, line in enumerate(lines, 1)]
    entries = [read_entry(entry, keymap, where) for entry, where in zip(content, wheres, strict=True)]
    order = sorted(range(len(entries)), key=lambda i: entries[i].at)
    down: set[tuple[str, str]] = set()
    for i in order:
        match entries[i].event:
            case Press(action, key):
                down.add((action, key))
            case Release(action, key) if (action, key) not in down:
                raise UserError(
                    f"{key or action!r} is let go but is not down", wheres[i], "press it at an earlier time"
                )
            case Release(action, key):
                down.remove((action, key))
    return [entries[i] for i in order]


class ScriptPlayer:
    """Hands out a script's entries as time goes on; one thread owns it."""

    def __init__(self, entries: list[ScriptEntry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.at)
        self._next = 0

    @property
    def finished(self) -> bool:
        """Whether every entry was handed out."""
        return self._next == len(self._entries)

    def entries_until(self, seconds: float) -> list[ScriptEntry]:
        """The entries not handed out before that happen at or before `seconds`, in order and with their times."""
        first = self._next
        while not self.finished and self._entries[self._next].at <= seconds + ROUNDING:
            self._next += 1
        return self._entries[first : self._next]

    def events_until(self, seconds: float) -> list[Event]:
        """As entries_until, the events alone."""
        return [entry.event for entry in self.entries_until(seconds)]
