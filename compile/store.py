"""The store of built engines: a folder per engine, found again by what it was built from. Nothing is unpickled.

A key is the digest of facts: weights, graphs and code, precision, device, driver and library versions; whatever changes
makes another engine. Entries are written beside their place and renamed, so that a killed build leaves none; every file
is checked against its SHA-256 before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model.digests import home
from runtime.errors import UserError

FACTS = "engine.json"
LEFT_AFTER_S = 24 * 3600  # an unfinished entry that nobody has touched for so long has no builder any more


class Damaged(Exception):
    """Which file of an entry is not what was written."""


@dataclass(frozen=True)
class Entry:
    """A complete engine: its folder, and the facts that it was stored with."""

    folder: Path
    facts: dict

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def line(self) -> str:
        """What it is, for a person."""
        facts = self.facts
        what = " ".join(str(facts.get(name)) for name in ("world", "engine", "precision"))
        tried = f"{facts['gain']:.2f} times as fast, error {facts['error']:.1e}" if "gain" in facts else "not tried"
        tried = facts.get("refused") or facts.get("slower") or tried
        return f"{facts.get('built')}  {self.bytes / 1e6:8.1f} MB  {what} on {facts.get('device')}: {tried}"


def key_of(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    """`folder` is made when something is stored. Raises UserError where it cannot be written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "engines"

    def find(self, key: str) -> Entry | None:
        """The entry of `key`, whole; None where there is none. Raises Damaged, and drops it, where a file is not."""
        path = self.folder / key
        try:
            facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
            digests = dict(facts["files"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            shutil.rmtree(path, ignore_errors=True)
            raise Damaged(f"{FACTS} cannot be read ({error})") from error
        for name, digest in digests.items():
            file = path / name
            state = "missing" if not file.is_file() else "altered" if digest_of(file) != digest else ""
            if state:
                shutil.rmtree(path, ignore_errors=True)
                raise Damaged(f"{name} is {state}")
        return Entry(path, facts)

    def holds(self, key: str) -> bool:
        """Whether `find` would give an entry; a damaged one is dropped."""
        try:
            return self.find(key) is not None
        except Damaged:
            return False

    def begin(self, key: str) -> Path:
        """An empty folder to build in."""
        path = self.folder / f"{key}.{os.getpid()}.part"
        try:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        except OSError as error:
            raise UserError(
                "engines cannot be stored", f"{path}: {error.strerror or error}", "free the folder"
            ) from error
        return path

    def discard(self, part: Path) -> None:
        """Nothing came of what was begun."""
        shutil.rmtree(part, ignore_errors=True)

    def keep(self, key: str, part: Path, facts: Mapping[str, object]) -> Entry:
        """Make what was built in `part` the entry of `key`."""
        files = {str(path.relative_to(part)): digest_of(path) for path in sorted(part.rglob("*")) if path.is_file()}
        written = {**facts, "files": files, "built": time.strftime("%Y-%m-%d %H:%M:%S")}
        (part / FACTS).write_text(json.dumps(written, indent=1, default=str), encoding="utf-8")
        place = self.folder / key
        shutil.rmtree(place, ignore_errors=True)
        os.replace(part, place)
        return Entry(place, written)

    def note(self, entry: Entry, **facts: object) -> None:
        """Add facts that are known only after an entry was tried; the entry's files stay as they are."""
        entry.facts.update(facts)
        part = entry.folder / f"{FACTS}.part"
        part.write_text(json.dumps(entry.facts, indent=1, default=str), encoding="utf-8")
        os.replace(part, entry.folder / FACTS)

    def entries(self) -> list[Entry]:
        """All complete entries, not checked, the newest last."""
        found = []
        for path in self.folder.glob(f"*/{FACTS}"):
            try:
                found.append(Entry(path.parent, json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError):
                continue  # `find` will drop it and say so
        return sorted(found, key=lambda entry: str(entry.facts.get("built", "")))

    def drop(self, key: str) -> None:
        shutil.rmtree(self.folder / key, ignore_errors=True)

    def clear(self) -> int:
        """Remove every entry and what unfinished builds left; returns the bytes that were freed."""
        freed = 0
        for path in [*self.folder.glob("*.part"), *(entry.folder for entry in self.entries())]:
            freed += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            shutil.rmtree(path, ignore_errors=True)
        return freed

    def sweep(self) -> None:
        """Remove what builds left that were killed long ago."""
        for path in self.folder.glob("*.part"):
            if time.time() - path.stat().st_mtime > LEFT_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)
