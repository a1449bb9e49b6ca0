"""Preferences: a person's settings and keys while the program runs, and writing down what they change.

What the command line asks for holds for this run alone: it is laid over what is kept, and never written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from input.keymap import Keymap
from input.remap import load_own, save_own
from input.response import Feel, feel_of
from runtime.errors import UserError
from runtime.settings import Settings
from runtime.settings_file import save_settings


class Preferences:
    """`now` is what holds; `kept` what is written down."""

    def __init__(
        self,
        kept: Settings,
        overrides: dict[str, object],
        bindings: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:
        """overrides: fields of Settings by the command line; bindings: the file of the person's own keys, None where
        nothing is to be written, neither keys nor settings; say: told what cannot be written.
        """
        self.kept, self.now = kept, replace(kept, **overrides)
        self._bindings, self._say = bindings, say
        self._unwritten = False

    def change(self, **changes: object) -> None:
        """Set fields, from now on."""
        self.adopt(replace(self.now, **changes))

    def adopt(self, settings: Settings, passing: bool = False) -> None:
        """Hold `settings` from now on, and write down what is different in them, unless that is passing."""
        names = [field.name for field in fields(Settings)]
        changes = {
            name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(self.now, name)
        }
        self.now = settings
        self.kept = replace(self.kept, **changes)
        self._unwritten = self._unwritten or bool(changes)
        if not passing:
            self.settle()

    def settle(self) -> None:
        """Write down what has not been yet."""
        if self._unwritten:
            self._unwritten = False
            self._write(lambda: save_settings(self.kept))

    def keys(self, base: Keymap) -> Keymap:
        """The person's keys, over those of `base`; raises UserError where their file is damaged."""
        return base if self._bindings is None else load_own(self._bindings, base)

    def rebind(self, keymap: Keymap, base: Keymap) -> None:
        """Write down what is different in the person's keys from those of `base`."""
        self._write(lambda: save_own(self._bindings, keymap, base))

    def feel(self) -> Feel:
        """How hands act, by the settings."""
        return feel_of(self.now)

    def _write(self, write: Callable[[], None]) -> None:
        if self._bindings is None:
            return
        try:
            write()
        except UserError as error:
            self._say(str(error))
