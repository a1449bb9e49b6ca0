"""What the table has done in processes of their own: `python -m bench.task` reads a task from stdin; see `isolated`.

A process per row, so that a row's memory is its own, and one that crashes, hangs or runs out of memory costs no other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

from bench.families import Spec, family_of
from bench.roofline import machine, survey
from bench.row import measure
from bench.worlds import contracts, export
from model.graph import Unavailable
from runtime.errors import UserError, first_sentence

ROOT = Path(__file__).resolve().parent.parent


def done(task: str, spec: Spec, folder: Path) -> dict:
    """What `isolated` asks for, or {"failed": why}."""
    try:
        if task == "export":
            export(spec, folder)
            return {}
        if task == "survey":
            spec = replace(spec, engine="eager", precision="fp32")
            return survey(contracts(spec, sketch=True), family_of(spec.world).seen(spec))
        if task == "machine":
            return machine(spec.device, spec.threads)
        return measure(spec, folder)
    except (Unavailable, UserError) as reason:
        return {"failed": str(reason)}
    except Exception as error:  # whatever an engine of somebody else's raises belongs into the table, by name
        return {"failed": f"{type(error).__name__}: {first_sentence(error)}"}


def isolated(task: str, spec: Spec, folder: Path, seconds: float) -> dict:
    """Do a task ("row", "survey", "export", "machine") in a process of its own, which may take so many seconds.

    Gives what the task gives, or {"failed": why}.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "result.json"
    out.unlink(missing_ok=True)
    asked = json.dumps({"task": task, "spec": asdict(spec), "folder": str(folder)})
    said = folder / "stderr.txt"
    with said.open("w") as stderr:  # a pipe would be held open by whatever workers a compiler leaves
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.task"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=stderr, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            process.communicate(asked, timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process)
            return {"failed": f"stopped after {seconds:.0f} s"}
    if not out.is_file():
        last = (said.read_text(errors="replace").strip().splitlines() or [""])[-1]
        return {"failed": f"the process ended with {process.returncode} {last[:160]}".rstrip()}
    return json.loads(out.read_text())


def end(process: subprocess.Popen) -> None:
    """Stop a process and those that it started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def main() -> None:
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    result = done(asked["task"], Spec(**asked["spec"]), folder)
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
