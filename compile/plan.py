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
# What an engine computes in where nobody asks for anything else: the first that it can do on this machine.
DEFAULTS = {
    ("cpu", "openvino"): ("bf16", "fp32"),
    ("cpu", ""): ("fp32",),
    ("cuda", "trt"): ("bf16", "fp16"),
    ("cuda", ""): ("bf16", "fp16"),
}
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


def defaults(place: Place, engine: str) -> tuple[str, ...]:
    """The precisions to try where nobody asks for one, the best first."""
    return DEFAULTS.get((place.kind, engine), DEFAULTS[place.kind, ""])


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
    modules_of: gives the contract's torch modules, loaded once for all jobs of a world.
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
        from compile.export import export_for

        return export_for(self.contract, self.modules, self.folder, wanted)
