"""Archive: the folder of the sessions that are logged by themselves: their names, and how many of them are kept.

Only what has such a name is ever deleted: a log that a person named, or that lies beside a recording, is theirs.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from runtime.session import SUFFIX
from runtime.session_log import SIDE_FILE

KEPT = 50
# When, by what process, the how manieth of that second, in what world; as `new_log` writes it.
OWN = re.compile(rf"(\d{{8}}-\d{{6}}-\d+(\.\d+)?-[^\n]+){re.escape(SUFFIX)}")


def new_log(folder: Path, world: str, when: datetime, process: int | None = None) -> Path:
    """The path of a new log of a walk in `world`, which overwrites none; of this process where none is given."""
    stem = f"{when:%Y%m%d-%H%M%S}-{os.getpid() if process is None else process}"
    stems = itertools.chain((stem,), (f"{stem}.{number}" for number in itertools.count(2)))
    return next(path for stem in stems if not (path := folder / f"{stem}-{Path(world).name}{SUFFIX}").exists())


def tidy(folder: Path, spare: Iterable[Path] = (), keep: int = KEPT) -> list[Path]:
    """Delete the logs that were named by `new_log`, with the files beside them, but for the `keep` that were written to
    last and for `spare`; gives what was deleted. What cannot be deleted stays.
    """
    spared = {path.resolve() for path in spare}
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
        times = {entry.name: entry.stat().st_mtime_ns for entry in entries}
    except OSError:  # there is no folder yet, or another process tidies too
        return []
    logs = sorted((name for name in times if OWN.fullmatch(name)), key=times.__getitem__, reverse=True)
    deleted = []
    for name in logs[keep:]:
        if (folder / name).resolve() not in spared:
            beside = re.compile(re.escape(name.removesuffix(SUFFIX)) + SIDE_FILE)
            deleted += _delete(folder / other for other in (name, *filter(beside.fullmatch, times)))
    return deleted


def _delete(paths: Iterable[Path]) -> list[Path]:
    deleted = []
    for path in paths:
        try:
            path.unlink()
        except OSError:  # open elsewhere, or gone already: another time
            continue
        deleted.append(path)
    return deleted
