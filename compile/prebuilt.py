"""Engines that were made ahead of time (`python -m compile build WORLD --out DIR`), taken over into the store.

Only looks whether they are this world's and whole; whether they run here, the engine says when it loads them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from compile.plan import Job
from compile.store import FACTS, digest_of
from runtime.errors import UserError

REMEDY = "make them again: python -m compile build WORLD --out DIR"


def adopt(folder: Path, job: Job, part: Path) -> bool:
    """Copy what `folder` has for a job into `part`; False where it has nothing for that engine, precision or contract.

    Raises UserError for what is no such folder, was made of other weights, or is damaged.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        engine, precision, weights = facts["engine"], facts["precision"], facts["weights"]
        files, graphs = dict(facts["files"]), dict(facts["graphs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"there are no engines ({error})", f"--engine-dir {folder}", REMEDY) from error
    if (engine, precision) != (job.engine, job.precision) or job.contract.world not in graphs:
        return False
    if weights != job.contract.identity:
        raise UserError("the engines were made of other weights", f"--engine-dir {folder}", REMEDY)
    own = folder / job.contract.world
    for name, digest in files.items():
        path = folder / name
        if own in path.parents and (not path.is_file() or digest_of(path) != digest):
            raise UserError(f"{name} is missing or altered", f"--engine-dir {folder}", REMEDY)
    shutil.copytree(own, part, dirs_exist_ok=True)
    return True
