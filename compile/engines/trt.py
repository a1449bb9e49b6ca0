"""TensorRT: an engine file per exported graph, run over the standing buffers. NVIDIA GPUs only.

`tensorrt` where it is installed (it builds for the GPU that is there), else `tensorrt_rtx` (portable files, compiled to
the end when they are first run). Files are built by processes of their own (compile/trt_files.py) and read as bytes.
What TensorRT refuses runs on eager torch beside it, see `Trt.partly`.
"""

from __future__ import annotations

import importlib
from functools import cache, cached_property

from compile.buffers import Buffers
from compile.engines import Bound, Progress, eager, silent
from compile.plan import Job, Place
from compile.trt_build import first_error, make_logger
from compile.trt_files import Made, build_files, find_files, read_engine
from compile.trt_run import BoundGraph, Lane
from model.graph import Seen, Unavailable

QUICK = False
LIBRARIES = ("tensorrt", "tensorrt_rtx")
TURING = (7, 5)
LEAST = {"fp32": (8, 0), "bf16": (8, 0), "fp16": TURING, "fp8": (8, 9)}  # compute capability, by precision


@cache
def load_library():
    """The module of TensorRT; raises Unavailable where there is none that loads."""
    reasons = []
    for name in LIBRARIES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        except (ImportError, OSError) as error:  # a wheel without its libraries
            reasons.append(f"{name} does not load ({error})")
    raise Unavailable("; ".join(reasons) or "neither tensorrt nor tensorrt_rtx is installed")


def is_rtx(trt) -> bool:
    return hasattr(trt, "CudaGraphStrategy")


@cache
def runtime(trt) -> tuple[object, object]:
    """The runtime of this process, and its logger, which must live as long."""
    logger = make_logger(trt)
    made = trt.Runtime(logger)
    if made is None:
        raise Unavailable(f"TensorRT does not start: {first_error(logger.lines)}")
    return made, logger


def capability_of(place: Place) -> tuple[int, int]:
    import torch

    return torch.cuda.get_device_capability(place.device)


def target_of(capability: tuple[int, int], precision: str) -> str:
    """TensorRT for RTX's name of what an engine is built for; "" for its default, all of 8.0 and newer."""
    return "SM75" if capability == TURING else "SM89" if precision == "fp8" else ""


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable unless TensorRT computes in `precision` at `place`."""
    if place.kind != "cuda":
        raise Unavailable("needs an NVIDIA GPU")
    if precision not in LEAST:
        raise Unavailable(f"does not compute in {precision}")
    trt = load_library()
    eager.require_torch(place)
    require_capability(trt, capability_of(place), precision)


def require_capability(trt, capability: tuple[int, int], precision: str) -> None:
    """Raise Unavailable where a GPU of `capability` does not run `precision`, or not on this library."""
    major, minor = capability
    if is_rtx(trt) and not hasattr(trt.ComputeCapability, f"SM{major}{minor}"):
        raise Unavailable(f"TensorRT for RTX does not support sm_{major}{minor}: install tensorrt")
    if capability < LEAST[precision]:
        raise Unavailable("{} needs compute capability {}.{}, this GPU has {}.{}".format(
            precision, *LEAST[precision], *capability))  # fmt: skip


def build(job: Job, progress: Progress = silent) -> Trt:
    """See compile.engines. Raises Unavailable where TensorRT does none of the graphs, or a stored file is damaged."""
    trt = load_library()
    if job.cached:
        found = Trt(trt, job, find_files(job.folder, job.contract.graphs))
        found.require()
        return found
    return Trt(trt, job, build_files(job, trt.__name__, target_of(capability_of(job.place), job.precision), progress))


class Trt:
    """Engines by graph name, read and deserialised when they are first wanted."""

    def __init__(self, trt, job: Job, made: Made) -> None:
        self.trt, self.job, self.made = trt, job, made
        self._engines: dict[str, object] = {}

    @property
    def partly(self) -> str:
        """What TensorRT does not run, and why, in a line; empty where it runs all."""
        refused = [f"{name} runs on eager torch ({reason})" for name, reason in self.made.refused.items()]
        return "; ".join(refused)

    @cached_property
    def rest(self) -> eager.Eager | None:
        """What runs the graphs that TensorRT refused."""
        return eager.build(self.job) if self.made.refused else None

    def require(self) -> None:
        """Raise Unavailable where an engine cannot be used."""
        for name in self.made.built:
            self.engine(name)

    def engine(self, name: str):
        """The engine of a graph. Raises Unavailable where its file is damaged, or is none for this GPU or library."""
        if name not in self._engines:
            raw = read_engine(self.job.folder, name, self.trt.__name__)
            made, logger = runtime(self.trt)
            logger.lines.clear()
            engine = made.deserialize_cuda_engine(raw)
            if engine is None:
                raise Unavailable(f"the stored engine of {name} cannot be used: {first_error(logger.lines)}")
            self._engines[name] = engine
        return self._engines[name]

    def context(self, name: str) -> tuple[object, object]:
        """An execution context of a graph's engine, and its runtime cache, or None where the library has none."""
        engine, trt = self.engine(name), self.trt
        cache = config = None
        if is_rtx(trt):
            config = engine.create_runtime_config()
            config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            cache = config.create_runtime_cache()
            path = self.job.folder / f"{name}.cache"
            if path.is_file():
                cache.deserialize(path.read_bytes())  # what is of another driver or GPU is refused, and made anew
            config.set_runtime_cache(cache)
        context = engine.create_execution_context(config) if config else engine.create_execution_context()
        if context is None:
            raise Unavailable(f"there is no room for the engine of {name}: {self.last_error}")
        return context, cache

    @property
    def last_error(self) -> str:
        return first_error(runtime(self.trt)[1].lines)

    def save(self, name: str, cache) -> None:
        """Store what was compiled on this GPU, for the next start; an engine whose folder is gone stores nothing."""
        if cache is not None and self.job.folder.is_dir():
            (self.job.folder / f"{name}.cache").write_bytes(cache.serialize())

    def bind(self, buffers: Buffers) -> TrtBound:
        return TrtBound(self, buffers)


class TrtBound:
    """One context per engine; see compile.engines.Bound."""

    def __init__(self, engine: Trt, buffers: Buffers) -> None:
        graphs, lane = engine.job.contract.graphs, Lane(buffers.device)
        self._rest: Bound | None = engine.rest.bind(buffers) if engine.rest else None
        self._runs = {name: BoundGraph(engine, graphs[name], buffers, lane) for name in engine.made.built}
        for name, graph in graphs.items():
            if graph.within in self._runs:
                self._runs[name] = self._runs[graph.within]

    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        if graph in self._runs:
            self._runs[graph].run()
        else:
            self._rest.run(graph, seen)
