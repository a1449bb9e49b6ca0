"""SHA-256 of big files, remembered across starts: twelve gigabytes are hashed once, not whenever a walk begins.

The memory is $REVERIE_HOME/digests.json, from a file's absolute path, size and time of change to its digest. It only
saves time: without it, or with a broken one, files are hashed anew. It is no guard against one who sets times back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

SMALL = 16 * 2**20  # bytes; below it hashing is as quick as looking up
ENTRIES = 256


def home() -> Path:
    """Where Reverie keeps what it downloads and remembers: $REVERIE_HOME, or .reverie in the person's home folder."""
    return Path(os.environ.get("REVERIE_HOME") or "~/.reverie").expanduser()


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits, from memory where it has not changed since. Raises OSError."""
    key = _key(path)
    known = _read().get(key) if key else None
    if known:
        return known
    digest = hash_anew(path)
    if key and key == _key(path):  # not written to meanwhile
        _keep(key, digest)
    return digest


def hash_anew(path: Path) -> str:
    """The file's SHA-256, without the memory. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(path: Path, digest: str) -> None:
    """Keep what the caller has just found the file's SHA-256 to be."""
    key = _key(path)
    if key:
        _keep(key, digest)


def _key(path: Path) -> str:
    """What the file is remembered by; empty for a small file, which is not."""
    status = path.stat()
    return "" if status.st_size < SMALL else f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def _read() -> dict[str, str]:
    """The whole memory, oldest first; empty where there is none or it is broken."""
    try:
        memory = json.loads((home() / "digests.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) and all(isinstance(value, str) for value in memory.values()) else {}


def _keep(key: str, digest: str) -> None:
    """Write the memory with one more entry, as its newest. Two writers at once cost an entry, never the file."""
    memory = {**_read(), key: digest}
    newest = dict(list(memory.items())[-ENTRIES:])
    path = home() / "digests.json"
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):  # a home that cannot be written to: the next start hashes anew
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(newest, indent=0), encoding="utf-8")
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
