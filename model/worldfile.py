"""A world's YAML: what it is, what its files are, and whether they are the right ones. Reads; loads nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from model.digests import sha256_of
from model.fetch import Source
from model.settings import read_settings
from runtime.errors import UserError

RESTORE = "restore it from the repository (git checkout) or fetch it again"


@dataclass(frozen=True)
class WorldFile:
    """The contents of world.yaml.

    family: the module that loads it (see model/registry.py); config: the family's own settings; starts: start pictures,
    beside the YAML; files: what it loads, with the SHA-256 where it is known (else empty), beside the YAML, or in the
    folder of weights where there is a `source` to fetch them from; bindings: keys of this world's own, by action.
    """

    title: str = ""
    summary: str = ""
    config: dict = field(default_factory=dict)
    family: str = "dream"
    starts: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, list[str]] = field(default_factory=dict)
    source: Source | None = None


def read_world_file(folder: Path) -> WorldFile:
    """Read FOLDER/world.yaml; raises UserError for what is none."""
    path = folder / "world.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the world cannot be read: {error}", str(path), RESTORE) from error
    except yaml.YAMLError as error:
        raise UserError(f"not a world file: {error}", str(path), RESTORE) from error
    if isinstance(values, Mapping) and isinstance(values.get("starts"), str):
        values["starts"] = [values["starts"]]
    return read_settings(WorldFile, values, str(path))


def identity(folder: Path, files: Mapping[str, str], settings: object = None) -> str:
    """Compare every file with its SHA-256, where that is known; returns one digest over all of them, and `settings`.

    settings: a dataclass of what else decides what is dreamt, where the files do not hold it.
    """
    whole = hashlib.sha256(b"" if settings is None else repr(settings).encode())
    for name, expected in sorted(files.items()):
        try:
            actual = sha256_of(folder / name)
        except OSError as error:
            raise UserError(f"a file of the world is missing: {error.strerror}", str(folder / name), RESTORE) from error
        if expected and actual != expected:
            what = "a file of the world is truncated or altered: its SHA-256 differs"
            raise UserError(what, str(folder / name), RESTORE)
        whole.update(f"{name} {actual}\n".encode())
    return whole.hexdigest()
