"""OpenVINO on a CPU: a compiled model per exported graph, bound to the standing buffers. In bf16 where the CPU has it.

The network's graphs, which have caches, take the precision that is asked for; what is about positions and bytes stays
in fp32. Needs neither torch nor onnx where the graphs ship with the world.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compile.buffers import Buffers
from compile.engines import Progress, silent
from compile.plan import Job, Place
from model.graph import CACHE, STATE, Contract, Graph, Seen, Unavailable
from runtime.errors import UserError, first_sentence

QUICK = True  # built within seconds
HINTS = {"fp32": "f32", "bf16": "bf16"}
AXIS = 2  # of a cache's tokens


@dataclass(frozen=True)
class Written:
    """A run of new tokens of a cache: the compiled model's outputs that hold where they go, and them."""

    cache: str
    places: int
    tokens: int


class OpenVino:
    """Compiled models by graph name."""

    def __init__(
        self,
        contract: Contract,
        paths: Mapping[str, Path],
        precision: str,
        threads: int,
        progress: Progress = silent,
    ) -> None:
        """paths: the ONNX file of every graph. Raises UserError for one that does not load."""
        self.contract, self.models = contract, {}
        progress(0, len(paths), "compiling")
        core = make_core()
        for done, (name, path) in enumerate(paths.items(), 1):
            self.models[name] = compile_graph(core, path, contract.graphs[name], precision, threads)
            progress(done, len(paths), "compiling")

    def bind(self, buffers: Buffers) -> OpenVinoBound:
        return OpenVinoBound(self, buffers)


class OpenVinoBound:
    def __init__(self, engine: OpenVino, buffers: Buffers) -> None:
        graphs = engine.contract.graphs
        self._requests = {name: Request(graphs[name], *model, buffers) for name, model in engine.models.items()}

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        self._requests[graph].run()


class Request:
    """One graph over buffers.

    OpenVINO promises nothing for an output that lies where an input does. So what a run updates has arrays of its own,
    and is copied home afterwards: of a cache the new tokens alone, which is a fifth of it or less; a state whole.
    """

    def __init__(self, graph: Graph, model, written: list[Written], buffers: Buffers) -> None:
        """model: compiled; written: see `only_new_tokens`."""
        self._request = model.create_infer_request()
        for node in model.inputs:
            self._bind(node, buffers.numpy(among(node.names, {port.name for port in graph.inputs})))
        own = {}
        standing = {port.name for port in graph.outputs}
        for at, node in enumerate(model.outputs):
            name = among(node.names, standing)
            array = buffers.numpy(name) if name else np.zeros(tuple(node.shape), node.element_type.to_dtype())
            own |= {at: array} | dict.fromkeys(node.names, array)
            self._bind(node, array)
        self._written = [(buffers.numpy(one.cache), own[one.places], own[one.tokens]) for one in written]
        states = [port.name for port in graph.updates if port.role == STATE]
        self._states = [(buffers.numpy(name), own[f"{name}_out"]) for name in states]

    def _bind(self, node, array: np.ndarray) -> None:
        import openvino as ov

        self._request.set_tensor(node, ov.Tensor(array, shared_memory=True))

    def run(self) -> None:
        self._request.infer(share_outputs=True)  # else it copies every output for its caller
        for cache, places, tokens in self._written:
            start = int(places[0])
            cache[:, :, start : start + len(places)] = tokens
        for state, fresh in self._states:
            np.copyto(state, fresh)


def among(names: set[str], wanted: set[str]) -> str:
    """The name of a tensor that is one of `wanted`; empty where none is."""
    return next(iter(names & wanted), "")


def make_core():
    """OpenVINO, able to read TensorScatter, and without the telemetry that importing it sends: where that package is
    missing, it has a stub of its own.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino as ov
    from openvino.frontend.onnx import ConversionExtension

    core = ov.Core()
    core.add_extension(ConversionExtension("TensorScatter", tensor_scatter))
    return core


def tensor_scatter(node) -> list:
    """ONNX's TensorScatter as ScatterUpdate; all rows of a batch begin at one place (model/rings.py)."""
    from openvino import opset14 as ops

    cache, tokens, start = (node.get_input(at) for at in range(3))
    steps = np.arange(tokens.get_partial_shape()[AXIS].get_length(), dtype=np.int64)
    first = ops.gather(start, np.zeros(1, np.int64), np.int64(0))
    return ops.scatter_update(cache, ops.add(first, steps), tokens, np.int64(AXIS)).outputs()


def only_new_tokens(model, graph: Graph) -> list[Written]:
    """Have a model give of each cache not the whole but what it writes into it; returns where that comes out."""
    results = {name: result for result in model.get_results() for name in result.input_value(0).get_names()}
    found = [(port.name, piece) for port in graph.updates if port.role == CACHE
             for piece in scattered(results[f"{port.name}_out"])]  # fmt: skip
    for port in graph.updates:
        if port.role == CACHE:
            model.remove_result(results[f"{port.name}_out"])
    first = len(model.get_results())
    model.add_outputs([value for _, piece in found for value in piece])
    return [Written(name, first + 2 * at, first + 2 * at + 1) for at, (name, _) in enumerate(found)]


def scattered(result) -> list[tuple]:
    """(places, tokens) of every ScatterUpdate between a cache and the result that it leaves as, in order."""
    node, found = result.input_value(0).get_node(), []
    while node.get_type_name() == "ScatterUpdate":
        found.insert(0, (node.input_value(1), node.input_value(2)))
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Parameter":
        raise ValueError(f"a cache is made by {node.get_type_name()}, not by TensorScatter")
    return found


def compile_graph(core, path: Path, graph: Graph, precision: str, threads: int) -> tuple:
    """(compiled model, what it writes) of an ONNX file."""
    has_cache = any(port.role == CACHE for port in graph.inputs)
    config = {
        "INFERENCE_PRECISION_HINT": HINTS[precision if has_cache else "fp32"],
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # the game loop needs its core whenever it wakes
    }
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        reason = first_sentence(error)[:160]
        raise UserError(f"the graph does not load: {reason}", str(path), "restore it from the repository") from error
    written = only_new_tokens(model, graph)
    return core.compile_model(model, "CPU", config), written


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable unless OpenVINO computes in `precision` at `place`."""
    if place.kind != "cpu":
        raise Unavailable("computes on the CPU")
    if precision not in HINTS:
        raise Unavailable(f"does not compute in {precision}")
    if importlib.util.find_spec("openvino") is None:
        raise Unavailable("openvino is not installed: pip install -e '.[openvino]'")
    if precision == "bf16" and not has_bf16():
        raise Unavailable("this CPU does not compute in bf16")


def has_bf16() -> bool:
    """Whether the CPU computes in bf16. Linux tells at once; to ask OpenVINO is to load it, which takes a second."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "flags" in flags:
        return "avx512_bf16" in flags or "amx_bf16" in flags
    return "BF16" in make_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def build(job: Job, progress: Progress = silent) -> OpenVino:
    """See compile.engines."""
    progress(0, 0, "exporting")
    return OpenVino(job.contract, job.exported(), job.precision, job.place.threads, progress)
