"""ONNX Runtime on a CPU: a session per exported graph, bound to the standing buffers.

An update and its input share a buffer, so that ONNX Runtime writes TensorScatter into the cache it was given; nothing
is allocated or copied per run. Needs neither torch nor onnx where the graphs ship with the world.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from compile.buffers import Buffers
from compile.engines import Progress, silent
from compile.plan import Job, Place
from model.graph import Contract, Seen, Unavailable
from runtime.errors import UserError, first_sentence

QUICK = True  # built within seconds


class Ort:
    """Sessions by graph name."""

    def __init__(
        self, contract: Contract, paths: Mapping[str, Path], threads: int, progress: Progress = silent
    ) -> None:
        """paths: the ONNX file of every graph. Raises UserError for one that does not load."""
        self.contract, self.sessions = contract, {}
        for name, path in paths.items():
            progress(len(self.sessions), len(paths), "loading")
            self.sessions[name] = open_session(path, threads)

    def bind(self, buffers: Buffers) -> OrtBound:
        return OrtBound(self, buffers)


class OrtBound:
    def __init__(self, engine: Ort, buffers: Buffers) -> None:
        self._sessions, self._bindings = engine.sessions, {}
        for name, session in engine.sessions.items():
            self._bindings[name] = bind_session(session, buffers)

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        self._sessions[graph].run_with_iobinding(self._bindings[graph])


def bind_session(session, buffers: Buffers):
    import onnxruntime as ort

    binding = session.io_binding()
    for node in session.get_inputs():
        binding.bind_ortvalue_input(node.name, ort.OrtValue.ortvalue_from_numpy(buffers.numpy(node.name)))
    for node in session.get_outputs():
        array = buffers.numpy(node.name.removesuffix("_out"))
        binding.bind_ortvalue_output(node.name, ort.OrtValue.ortvalue_from_numpy(array))
    return binding


def open_session(path: Path, threads: int):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take the very cores that the game loop needs (measured: docs and bench/cpu.py).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own kinds for a broken file, all with the reason in words
        reason = first_sentence(error)[:160]
        raise UserError(f"the graph does not load: {reason}", str(path), "restore it from the repository") from error


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable unless ONNX Runtime computes in `precision` at `place`."""
    if place.kind != "cpu":
        raise Unavailable("computes on the CPU")
    if precision not in ("fp32", "int8"):
        raise Unavailable(f"does not compute in {precision} on a CPU")
    if importlib.util.find_spec("onnxruntime") is None:
        raise Unavailable("onnxruntime is not installed")


def build(job: Job, progress: Progress = silent) -> Ort:
    """See compile.engines."""
    progress(0, 0, "exporting")
    paths = job.exported()
    if job.precision == "int8":
        from compile.int8 import dynamic_int8

        paths = dynamic_int8(paths, job.folder)
    return Ort(job.contract, paths, job.place.threads, progress)
