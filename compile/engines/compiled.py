"""torch.compile, region by region: the blocks of a network repeat, so that one compilation serves all of them.

Static shapes: one compilation per fill of the caches, of which a walk has a few. What has no regions stays eager.
"""

from __future__ import annotations

import copy
import importlib.util
import shutil
from typing import TYPE_CHECKING

from compile.buffers import Buffers
from compile.engines import Progress, eager, silent
from compile.plan import Job, Place
from model.graph import Seen, Unavailable

if TYPE_CHECKING:
    import torch.nn as nn

QUICK = False
# Compilations of a region. Torch's own limit is 8, and what comes later is not compiled: with ten fills of a window and
# more for every length of text, that would be what runs for ever.
MOST = 64


class Compiled(eager.Eager):
    """Modules with regions that are compiled when they are first run, for every fill anew."""

    def bind(self, buffers: Buffers) -> CompiledBound:
        return CompiledBound(self, buffers)


class CompiledBound(eager.EagerBound):
    def run(self, graph: str, seen: Seen = ()) -> None:
        """See compile.engines.Bound."""
        import torch

        torch._dynamo.config.recompile_limit = MOST  # of the thread that runs: each has settings of its own
        super().run(graph, seen)


def compile_regions(modules: dict[str, nn.Module], **how: object) -> int:
    """Mark every region of the modules for compilation at its first run; returns how many there are."""
    regions = {id(region): region for module in modules.values() for region in getattr(module, "regions", ())}
    for region in regions.values():
        region.compile(dynamic=False, **how)
    return len(regions)


def probe(place: Place, precision: str) -> None:
    """Raise Unavailable unless torch.compile has what it needs: Triton on a GPU, a C++ compiler on a CPU."""
    eager.probe(place, precision)
    if place.kind == "cuda" and importlib.util.find_spec("triton") is None:
        raise Unavailable("triton is not installed")
    if place.kind == "cpu" and not (shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")):
        raise Unavailable("there is no C++ compiler")


def build(job: Job, progress: Progress = silent) -> Compiled:
    """See compile.engines. What compiles is a copy of the structure over the same weights: eager goes on beside it."""
    progress(0, 1, "compiling at the first run")
    modules = twin(job.modules)
    compile_regions(modules)
    return Compiled(job.contract, modules)


def twin(modules: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The same modules again, sharing every parameter and buffer with the first."""
    shared = {}
    for module in modules.values():
        for tensor in (*module.parameters(), *module.buffers()):
            shared[id(tensor)] = tensor
    return copy.deepcopy(modules, shared)
