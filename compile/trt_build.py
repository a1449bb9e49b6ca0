"""One TensorRT engine from one ONNX graph, in a process of its own: it may be ended at any time, and may crash alone.

python -m compile.trt_build GRAPH.onnx ENGINE --library tensorrt_rtx [--capability SM89]

Progress leaves as JSON lines on stdout: {"what": ...}, and last {"seconds": ..., "bytes": ...} or {"refused": reason};
exit code 0, or 3 where TensorRT refused. What the library itself prints goes to stderr. It runs nothing on a GPU; it
neither imports torch nor knows what the graph computes. Its caller is compile/engines/trt.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

REFUSED = 3
SAY_EVERY_S = 0.2
ERRORS = ("ERROR", "INTERNAL_ERROR")
LONGEST = 300  # characters of a reason

Say = Callable[[dict], None]


class Refused(Exception):
    """Why TensorRT does not build a graph, in its own words."""


def first_error(lines: list[tuple[str, str]], otherwise: str = "no reason was given") -> str:
    """The first error of what a logger was told, (severity, text) each; the others only follow from it."""
    found = next((text for severity, text in lines if severity in ERRORS), otherwise)
    return " ".join(found.split())[:LONGEST]


def make_logger(trt):
    """A logger that keeps what it is told in `lines`; TensorRT takes one per process."""

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[tuple[str, str]] = []

        def log(self, severity, text: str) -> None:
            # The rest is long, and nobody reads it.
            if severity.name in ERRORS:
                self.lines.append((severity.name, text))

    return Logger()


def make_monitor(trt, say: Say):
    """Tells the names of the phases of a build. Nearly all of the time is one phase that tells nothing."""

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            super().__init__()
            self._said = 0.0

        def phase_start(self, name: str, parent, steps: int) -> None:
            if time.monotonic() - self._said > SAY_EVERY_S:
                self._said = time.monotonic()
                say({"what": f"compiling, {name.lower()}"})

        def step_complete(self, name: str, step: int) -> bool:
            return True

        def phase_finish(self, name: str) -> None:
            pass

    return Monitor()


def parse(trt, builder, logger, source: Path):
    """The network of an ONNX file, strongly typed; raises Refused with the node that TensorRT does not know."""
    strongly = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if strongly is None else 1 << int(strongly))
    parser = trt.OnnxParser(network, logger)
    # From the file, and not from its bytes: weights lie beside it. The parser takes some junk for an empty network.
    if not parser.parse_from_file(str(source)) or not network.num_outputs:
        if parser.num_errors:
            error = parser.get_error(0)
            named = f"{error.node_operator() or error.node_name()}: {error.desc()}"
            raise Refused(" ".join(named.split())[:LONGEST])
        raise Refused(first_error(logger.lines, "not an ONNX graph"))
    return network, parser


def decompose_attention(trt, network) -> None:
    """Allow attention to be made of other layers where there is no kernel for it, as for float32."""
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type == getattr(trt.LayerType, "ATTENTION_INPUT", None):
            layer.__class__ = trt.IAttentionInputLayer
            layer.attention.decomposable = True


def configure(trt, builder, capability: str, say: Say):
    """capability: a member of TensorRT for RTX's ComputeCapability; "" for its portable default, 8.0 and newer."""
    config = builder.create_builder_config()
    config.progress_monitor = make_monitor(trt, say)
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    return config


def build(source: Path, target: Path, library: str, capability: str, say: Say) -> int:
    """Build `target` and return its size in bytes; raises Refused. A file by that name is always whole."""
    trt = importlib.import_module(library)
    logger = make_logger(trt)
    builder = trt.Builder(logger)
    if builder is None:
        raise Refused(first_error(logger.lines))
    say({"what": "parsing"})
    network, parser = parse(trt, builder, logger, source)
    decompose_attention(trt, network)
    say({"what": f"compiling {network.num_layers} layers"})
    plan = builder.build_serialized_network(network, configure(trt, builder, capability, say))
    del parser  # it holds the weights that the network refers to, so it lives as long as the build
    if plan is None:
        raise Refused(first_error(logger.lines))
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_bytes(plan)
    os.replace(part, target)
    return plan.nbytes


def end_with_parent() -> None:
    """Leave when stdin is closed: whoever wanted the engine is gone."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(argv: list[str] | None = None) -> int:
    arguments = argparse.ArgumentParser(prog="python -m compile.trt_build", description=__doc__.split("\n")[0])
    arguments.add_argument("source", type=Path)
    arguments.add_argument("target", type=Path)
    arguments.add_argument("--library", required=True)
    arguments.add_argument("--capability", default="")
    options = arguments.parse_args(argv)
    end_with_parent()
    # Native code prints where it likes: stdout is ours alone from here on.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line: dict) -> None:
        print(json.dumps(line), file=told, flush=True)

    started = time.monotonic()
    try:
        size = build(options.source, options.target, options.library, options.capability, say)
    except (Refused, MemoryError, OSError) as error:
        say({"refused": str(error) or "out of memory"})
        return REFUSED
    say({"seconds": round(time.monotonic() - started, 2), "bytes": size})
    return 0


if __name__ == "__main__":
    sys.exit(main())
