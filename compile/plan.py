"""What to build: which engines a machine may have, in which precisions, how exact each must be, and one build's job.

Data and pure functions; compile/manager.py decides by them. Needs torch only where a job's torch parts are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from model.graph import Contract, Unavailable

ENGINES = ("eager", "compile", "graph", "trt", "ort", "openvino")
PRECISIONS = ("fp32", "bf16", "fp16", "fp8", "int8")
# Slowest first. An engine that needs no build begins; the others take over as they get ready.
CHAINS = {"cpu": ("eager", "ort", "openvino"), "cuda": ("eager", "compile", "graph", "trt")}
PRECISION_DTYPES = {"fp32": "torch.float32", "bf16": "torch.bfloat16", "fp16": "torch.float16"}  # of buffers
LOW = ("fp8", "int8")  # of weights, beside a world's own precision
# Engines that compute over float32 buffers and choose by themselves in what; where nobody asks, the first they can do.
OVER_FP32 = {"ort": ("fp32",), "openvino": ("bf16", "fp32")}
# The largest relative error |made - eager| / |eager| of any output over a recorded roll-out, in the L2 norm, that an
# engine may have and be used. Engines of one precision differ by the order of sums and by what they fuse; those of
# fewer bits by rounding, which a few layers and steps amplify.
TOLERANCE = {"fp32": 1e-3, "bf16": 0.06, "fp16": 0.02, "fp8": 0.15, "int8": 0.1}


@dataclass(frozen=True)
class Place:
    """Where a contract is to run. kind: "cpu" or "cuda"; device: torch's name of it; threads: of CPU engines."""

    kind: str = "cpu"
    device: str = "cpu"
    threads: int = 1

    @property
    def chain(self) -> tuple[str, ...]:
        return CHAINS[self.kind]


def defaults(engine: str, own: str) -> tuple[str, ...]:
    """The precisions to try where nobody asks for one, the best first. own: that of the world's buffers."""
    return OVER_FP32.get(engine, (own,))


def require_precision(engine: str, precision: str, own: str) -> None:
    """Raise Unavailable where an engine cannot compute in `precision` over buffers of `own`."""
    wants = "fp32" if engine in OVER_FP32 else precision
    if own != wants and not (engine not in OVER_FP32 and precision in LOW):
        raise Unavailable(f"computes in {precision} over {wants} buffers, and these are {own}")


def candidates(place: Place, engine: str) -> tuple[str, ...]:
    """The engines to try for `engine` ("auto" or a name), best first: what was asked for, then the chain below it."""
    chain = place.chain
    if engine == "auto":
        return tuple(name for name in chain[::-1] if not (place.kind == "cuda" and name == "compile"))
    below = chain[: chain.index(engine)] if engine in chain else chain
    return (engine, *below[::-1])


@dataclass(frozen=True)
class Job:
    """One build: a contract on an engine, in a precision, at a place.

    folder: where the engine's files are put, and are found again where `cached` says that they are there, complete.
    shared: what the jobs of a world share: "modules" gives the contract's torch modules, loaded once; "exported", where
    it is there, gives ONNX files that are stored for all engines (else they go into the job's folder).
    """

    contract: Contract
    engine: str
    precision: str
    place: Place
    folder: Path
    cached: bool = False
    shared: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def modules(self) -> dict[str, object]:
        """The torch modules of the contract, by graph; they share their weights with everybody else's."""
        if self.contract.modules is None:
            raise Unavailable("needs the world's torch modules, which there are none of")
        return self.shared["modules"]()

    def exported(self) -> dict[str, Path]:
        """ONNX files by graph, in fp32 for CPU engines, else in the job's precision: the world's own, or made now."""
        wanted = "fp32" if self.place.kind == "cpu" else self.precision
        if wanted in self.contract.exported:
            return {**self.contract.exported[wanted], **self.contract.exported.get(self.engine, {})}
        if "exported" in self.shared:
            return self.shared["exported"](self, wanted)
        from compile.export import export_for

        return export_for(self.contract, self.modules, self.folder, wanted)


def is_low(job: Job) -> bool:
    """Whether an engine runs torch modules of fewer bits."""
    return job.precision in LOW and job.engine not in OVER_FP32
