"""Kiosk config: what an exhibitor writes in kiosk.yaml, checked. What it leads to is runtime/kiosk.py.

Paths in it are from the folder that the file lies in. assets/kiosk.yaml is an example that says what each key means.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from input.controls import MOVEMENT_ACTIONS
from input.document import read_document
from input.keymap import is_key_name, suggest
from model.settings import read_settings
from runtime.errors import UserError
from runtime.watch import Limits

WALKER, FRESH = "walker", "fresh"
# Whatever would stop the exhibit, change the machine or lead out of it cannot be allowed.
ALLOWABLE = (
    *MOVEMENT_ACTIONS,
    *("mouse", "stick", "prompt", "reset", "new_seed", "rewind", "screenshot", "hud", "help"),
)
DAY_S = 86400.0
# The range of each number, both ends allowed.
RANGES = {
    "attract_s": (5.0, DAY_S),
    "idle_s": (1.0, DAY_S),
    "session_s": (0.0, DAY_S),
    "countdown_s": (0.0, 600.0),
    "break_s": (0.0, 600.0),
    "log_mb": (0.01, 10000.0),
    "log_files": (1, 1000),
}
LIMIT_RANGES = {"turn_s": (0.5, 600.0), "chunk_s": (0.5, 3600.0), "load_s": (5.0, DAY_S)}


@dataclass(frozen=True)
class KioskConfig:
    """Times are in seconds, log_mb in MiB; session_s 0 is no limit, "" stands for none, or the usual place.

    attract: session logs to show, one after the other; none: a walker that plays by itself, attract_s in one dream.
    allowed: actions, "mouse" and "stick"; seed: "fresh" or a number; hint: words by language.
    """

    world: str = ""
    attract: tuple[str, ...] = ()
    attract_s: float = 120.0
    idle_s: float = 60.0
    session_s: float = 300.0
    countdown_s: float = 10.0
    break_s: float = 3.0
    allowed: tuple[str, ...] = (*MOVEMENT_ACTIONS, "mouse", "stick", "prompt")
    chord: tuple[str, ...] = ("left ctrl", "left shift", "q")
    prompts: tuple[str, ...] = ()
    seed: str = FRESH
    record: str = ""
    still: str = ""
    log: str = ""
    log_mb: float = 5.0
    log_files: int = 5
    beat: str = ""
    restart: Limits = Limits()
    hint: dict[str, str] = field(default_factory=dict)

    @property
    def fixed_seed(self) -> int | None:
        """The seed of every dream, None where each has its own."""
        return None if self.seed == FRESH else int(self.seed)


def words_of(words: Mapping[str, str], language: str) -> str:
    """The words in that language, or in any; "" where there are none."""
    return words.get(language) or next(iter(words.values()), "")


def read_kiosk(path: Path) -> KioskConfig:
    """Read kiosk.yaml; raises UserError that names the file, the key and what to do, at the first mistake."""
    content, _ = read_document(path)
    values = {} if content is None else content
    if isinstance(values, Mapping):
        values = _typed(KioskConfig, values)
        if values.get("attract") == WALKER:
            values["attract"] = ()
        elif isinstance(values.get("attract"), str):
            values["attract"] = [values["attract"]]
    config = read_settings(KioskConfig, values, str(path))
    check(config, str(path))
    return _resolved(config, path)


def _typed(kind: object, value: object) -> object:
    """Text as the number that a field wants; what is no number stays, for the check that names it."""
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        kinds = typing.get_type_hints(kind)
        return {key: _typed(kinds.get(key), item) for key, item in value.items()}
    try:
        return kind(value) if kind in (int, float) else value
    except (TypeError, ValueError, OverflowError):
        return value


def check(config: KioskConfig, where: str) -> None:
    """Raise UserError at the first value that cannot be."""
    for owner, ranges, place in ((config, RANGES, where), (config.restart, LIMIT_RANGES, f"{where}: restart")):
        for key, (low, high) in ranges.items():
            value = getattr(owner, key)
            if not (math.isfinite(value) and low <= value <= high):
                raise UserError(f"{key} is {value:g}", place, f"give a number from {low:g} to {high:g}")
    for action in config.allowed:
        if action not in ALLOWABLE:
            raise UserError(f"'{action}' cannot be allowed", f"{where}: allowed", suggest(action, ALLOWABLE))
    if not config.chord:
        raise UserError("no chord to leave by", f"{where}: chord", "write `chord: [left ctrl, left shift, q]`")
    for key in config.chord:
        if not is_key_name(key):
            raise UserError(f"unknown key '{key}'", f"{where}: chord", "use names as in assets/bindings.yaml")
    if config.seed != FRESH and not re.fullmatch("[0-9]{1,9}", config.seed):
        raise UserError(f"seed is '{config.seed}'", f"{where}: seed", "write `fresh`, or a whole number below 10^9")
    if not all(prompt.strip() for prompt in config.prompts):
        raise UserError("an empty prompt", f"{where}: prompts", "take it out")
    if config.prompts and "prompt" not in config.allowed:
        remedy = "add `prompt` to `allowed`, or take the prompts out"
        raise UserError("nobody could choose a prompt, which is not allowed", f"{where}: prompts", remedy)


def _resolved(config: KioskConfig, path: Path) -> KioskConfig:
    """With paths from the file's own folder; raises UserError for a file that is not there."""
    folder = path.resolve().parent

    def absolute(name: str) -> str:
        return str(folder / Path(name).expanduser()) if name else ""

    names = {key: absolute(getattr(config, key)) for key in ("record", "still", "log", "beat")}
    if config.world and (folder / config.world / "world.yaml").is_file():
        names["world"] = absolute(config.world)
    config = replace(config, attract=tuple(map(absolute, config.attract)), **names)
    for key, files in (("still", (config.still,)), ("attract", config.attract)):
        for name in files:
            if name and not Path(name).is_file():
                raise UserError(
                    f"no file {name}", f"{path}: {key}", "correct the path, which is from the file's folder"
                )
    return config
