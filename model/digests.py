"""SHA-256 of big files, remembered across starts: twelve gigabytes are hashed once, not whenever a walk begins.

The memory is $REVERIE_HOME/digests.json, from a file's absolute path, size and time of change to its digest. It only
saves time: without it, or with a broken one, files are hashed anew. It is no guard against one who sets times back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

SMALL = 16 * 2**20  # bytes; below it hashing is as quick as looking up
ENTRIES = 256
BLOCK = 4 * 2**20  # bytes between two signs of progress


def home() -> Path:
    """Where Reverie keeps what it downloads and remembers: $REVERIE_HOME, or .reverie in the person's home folder."""
    return Path(os.environ.get("REVERIE_HOME") or "~/.reverie").expanduser()


def sha256_of(path: Path, told: Callable[[int], None] = lambda count: None) -> str:
    """The file's SHA-256 in hexadecimal digits, from memory where it has not changed since. Raises OSError.

    told: see `hash_anew`.
    """
    known = _known(path)
    if known:
        return known
    key = _key(path)
    digest = hash_anew(path, told)
    if key and key == _key(path):  # not written to meanwhile
        _keep(key, digest)
    return digest


def hash_anew(path: Path, told: Callable[[int], None] = lambda count: None) -> str:
    """The file's SHA-256, without the memory. Raises OSError, and what `told` raises.

    told: called with the bytes of each block that was hashed.
    """
    whole, block = hashlib.sha256(), memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            whole.update(block[:count])
            told(count)
    return whole.hexdigest()


def to_be_hashed(path: Path) -> int:
    """The bytes that `sha256_of` would have to read: 0 of a file that is remembered, or is not there."""
    try:
        return 0 if _known(path) else path.stat().st_size
    except OSError:
        return 0


def remember(path: Path, digest: str) -> None:
    """Keep what the caller has just found the file's SHA-256 to be."""
    key = _key(path)
    if key:
        _keep(key, digest)


def _known(path: Path) -> str | None:
    key = _key(path)
    return _read().get(key) if key else None


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
