"""TensorRT's engine files of a job: built by child processes, one per graph, and found again. Needs no GPU itself.

A folder has NAME.engine for each graph that TensorRT does, and trt.json, written last: what was built by what, and what
was refused and why.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import queue
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from compile.engines import Progress
from compile.plan import Job
from compile.trt_build import REFUSED
from model.graph import Graph, Unavailable

FACTS = "trt.json"
ROOT = Path(__file__).resolve().parent.parent
TICK_S = 0.2  # between two calls of a progress callback, which is where a build is cancelled
MAGIC, SIZE_AT = b"vtrt", 16  # of files of TensorRT for RTX: how they begin, and where their size in bytes stands


@dataclass(frozen=True)
class Made:
    """built: seconds and bytes by graph; refused: reasons by graph; library, version and target: what built it."""

    library: str
    version: str
    target: str
    built: dict[str, dict[str, float]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def build_files(job: Job, library: str, target: str, progress: Progress) -> Made:
    """Export the job's graphs and build an engine of each that TensorRT does, in the job's folder.

    target: see compile.trt_build.configure. Raises Unavailable where it does none or a build crashes; whatever
    `progress` raises ends the build within a moment.
    """
    made = Made(library, version_of(library), target)
    exports = job.folder / "onnx"
    exports.mkdir(parents=True, exist_ok=True)
    graphs = [graph for graph in job.contract.graphs.values() if not graph.within]
    # What is within another graph has no engine, and is exported only where other engines may want it.
    needed = replace(job.contract, graphs={graph.name: graph for graph in graphs})
    contract = job.contract if "exported" in job.shared else needed
    try:
        progress(0, len(graphs), "exporting")
        paths = replace(job, folder=exports, contract=contract).exported()
        for number, graph in enumerate(graphs):

            def told(what: str, number: int = number, name: str = graph.name) -> None:
                progress(number, len(graphs), f"{name}: {what}")

            child = Child(paths[graph.name], engine_path(job.folder, graph.name), library, target, job.place.device)
            last = child.finished(told)
            if "refused" in last:
                made.refused[graph.name] = last["refused"]
            else:
                made.built[graph.name] = last
    finally:
        shutil.rmtree(exports, ignore_errors=True)
    orphans = [graph.name for graph in job.contract.graphs.values() if graph.within in made.refused]
    made.refused.update(dict.fromkeys(orphans, "goes with the other"))
    if not made.built:
        raise Unavailable("; ".join(f"TensorRT refuses {name}: {why}" for name, why in made.refused.items()))
    part = job.folder / f"{FACTS}.part"
    part.write_text(json.dumps(asdict(made), indent=1), encoding="utf-8")
    os.replace(part, job.folder / FACTS)
    return made


def version_of(library: str) -> str:
    """Of an installed package, by the name of its module."""
    try:
        return importlib.metadata.version(library.replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class Child:
    """A build under way in a process of its own."""

    def __init__(self, source: Path, target: Path, library: str, capability: str, device: str = "cuda") -> None:
        """device: torch's name of the GPU, which is the one that the child sees."""
        self._name = target.stem
        command = [sys.executable, "-m", "compile.trt_build", str(source.resolve()), str(target.resolve())]
        command += ["--library", library, "--capability", capability]
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115, see `finished`
        # Its stdin is never written to: when it closes, for we are gone, the child leaves.
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | only(device),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lines: queue.Queue[dict | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def finished(self, told) -> dict:
        """The child's last line, while `told` is called with what it does; ends the child where that raises.

        Raises Unavailable where the child ended without one.
        """
        started, what, last = time.monotonic(), "starting", {}
        try:
            while True:
                told(f"{what}, {time.monotonic() - started:.0f} s")
                try:
                    line = self._lines.get(timeout=TICK_S)
                except queue.Empty:
                    continue
                if line is None:
                    break
                what, last = line.get("what", what), line
            code = self.process.wait()
            if code not in (0, REFUSED) or not last.keys() & {"bytes", "refused"}:
                raise Unavailable(f"building {self._name} {self._crash(code)}")
            return last
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self._errors.close()

    def _crash(self, code: int) -> str:
        """How the child ended, in words, with the last thing that it printed."""
        self._errors.seek(0)
        said = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        how = f"failed with exit code {code}"
        if code == -9:
            how = "was ended by the system, as it does when memory runs out"
        elif code < 0:
            how = f"crashed (signal {-code})"
        return f"{how}: {said[-1][:200]}" if said else how


def only(device: str) -> dict[str, str]:
    """What makes a process see only the GPU `device`, as it would be without a number."""
    index = device.partition(":")[2]
    if not index:
        return {}
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return {"CUDA_VISIBLE_DEVICES": seen[int(index)] if int(index) < len(seen) else index}


def engine_path(folder: Path, graph: str) -> Path:
    return folder / f"{graph}.engine"


def find_files(folder: Path, graphs: Mapping[str, Graph]) -> Made:
    """What `build_files` left in `folder`; raises Unavailable where that is not all there."""
    try:
        made = Made(**json.loads((folder / FACTS).read_text(encoding="utf-8")))
        strangers = [name for name in (*made.built, *made.refused) if name not in graphs]
    except (OSError, ValueError, TypeError) as error:
        raise Unavailable(f"the stored engine cannot be used: {FACTS} does not say what it is ({error})") from error
    missing = [name for name in made.built if not engine_path(folder, name).is_file()]
    if strangers or missing:
        raise Unavailable(f"the stored engine cannot be used: {', '.join(strangers + missing)} does not fit")
    return made


def read_engine(folder: Path, graph: str, library: str) -> bytes:
    """The bytes of an engine file; raises Unavailable for what is visibly none. Whoever stores it checks its digest."""
    path = engine_path(folder, graph)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"the stored engine of {graph} cannot be read: {error.strerror}") from error
    if library == "tensorrt_rtx":
        header = raw[: SIZE_AT + 8]
        if header[:4] != MAGIC or len(header) < SIZE_AT + 8 or struct.unpack_from("<Q", header, SIZE_AT)[0] != len(raw):
            raise Unavailable(f"the stored engine of {graph} is damaged: {path.name} has not the size that it says")
    return raw
