"""Worlds to measure, each with its graphs on one given engine. No choice is made here and nothing is measured.

Which families there are: bench/families.py. Play's own choice of an engine (compile/manager.py) is left out: it would
build others beside the one that is measured.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest import mock

from bench.families import Spec, family_of
from compile import manager
from compile.buffers import Buffers
from compile.plan import PRECISION_DTYPES, Job, Place, is_low, require_precision
from compile.runner import Runner
from compile.store import Store
from model import registry
from model.graph import Contract, Seen
from model.registry import find_world
from model.world import World
from model.worldfile import read_world_file


class Watched(Runner):
    """A runner that remembers how often each graph ran.

    With a `clock`, which takes a run and gives its time, it times each graph when that next runs, by running it again
    and again, and leaves the times in `took`: what the graph is told is in the buffers only then.
    """

    def __init__(self, contract: Contract, buffers: Buffers, bound: object, backend: str) -> None:
        super().__init__(contract, buffers, bound, backend)
        self.runs: Counter[str] = Counter()
        self.clock: Callable[[Callable[[], None]], float] | None = None
        self.took: dict[str, float] = {}

    def run(self, graph: str, seen: Seen = ()) -> None:
        self.runs[graph] += 1
        if self.clock is None or graph in self.took:
            super().run(graph, seen)
        else:
            self.took[graph] = self.clock(lambda: Runner.run(self, graph, seen))


def precision_of(dtype) -> str:
    """The name of a type of torch's; fp32 for NumPy arrays."""
    return "fp32" if dtype is None else next(name for name, its in PRECISION_DTYPES.items() if its == str(dtype))


def buffers_of(contract: Contract, place: Place, given, dtype) -> Buffers:
    """NumPy arrays where `dtype` is None, else tensors of torch's `dtype` at `place`."""
    if dtype is None:
        return Buffers(contract, given)
    import torch

    return Buffers(contract, given, torch.device(place.device), dtype)


@contextmanager
def prepared_by(world: str, prepare: Callable) -> Iterator[None]:
    """Within it, a world gets its runners from `prepare`, which has the arguments of compile.manager.prepare."""
    folder = find_world(world)
    registry.family_of(read_world_file(folder), folder)  # imports all that calls it
    theirs = manager.prepare
    with ExitStack() as stack:
        for module in [each for each in sys.modules.values() if getattr(each, "__dict__", {}).get("prepare") is theirs]:
            stack.enter_context(mock.patch.object(module, "prepare", prepare))
        yield


def on_engine(spec: Spec, folder: Path) -> tuple[World, list[Watched]]:
    """The world with all of its graphs on the engine of `spec`; exports are looked for in, and made into, `folder`."""
    runners: list[Watched] = []
    lower: list[tuple[Watched, Job]] = []
    module = manager.engine_module(spec.engine)

    def prepare(contract, place, options, given=None, dtype=None, *_) -> Watched:
        module.probe(place, spec.precision)
        buffers = buffers_of(contract, place, given, dtype)
        require_precision(spec.engine, spec.precision, precision_of(dtype))
        contract = with_exports(contract, folder)
        own = folder / f"{spec.engine}-{spec.precision}" / contract.world
        own.mkdir(parents=True, exist_ok=True)
        job = Job(contract, spec.engine, spec.precision, place, own, shared={"modules": cache(contract.modules)})
        low = is_low(job)
        if low:  # layers are quantised by what they are given in a walk: that is walked on eager, before
            first = manager.engine_module("eager").build(replace(job, engine="eager", precision=precision_of(dtype)))
        else:
            first = module.build(job)
        runners.append(Watched(contract, buffers, first.bind(buffers), f"{spec.engine} {spec.precision}"))
        if low and not contract.world.endswith(".decoder"):
            lower.append((runners[-1], job))
        return runners[-1]

    family = family_of(spec.world)
    with prepared_by(spec.world, prepare):
        world = family.load(spec)
    for runner, job in lower:
        lower_precision(world, runner, job, module, Store(folder / "store"))
    return world, runners


def lower_precision(world: World, runner: Watched, job: Job, module, store: Store) -> None:
    """Have `runner` go on with quantised layers."""
    from compile.quantised import quantised

    rehearsal = runner.listen()
    world.rehearse()
    runner.settle()
    job = quantised(job, store, rehearsal, runner.buffers)
    runner.take(module.build(job).bind(runner.buffers), runner.backend)
    runner.runs.clear()


def contracts(spec: Spec, sketch: bool) -> list[Contract]:
    """The contracts of a world, without an engine; with `sketch` official families have no weights and no caches."""
    family, found = family_of(spec.world), []
    if sketch and family.sketch is not None:
        return family.sketch(spec)

    def prepare(contract, place, options, given=None, dtype=None, *_) -> Watched:
        found.append(contract)
        return Watched(contract, buffers_of(contract, place, given, dtype), None, "")

    with prepared_by(spec.world, prepare):
        family.load(spec)
    return found


def exports_of(contract: Contract, folder: Path) -> dict[str, Path]:
    return {name: folder / "fp32" / contract.world / f"{name}.onnx" for name in contract.graphs}


def with_exports(contract: Contract, folder: Path) -> Contract:
    """The contract, told of what `export` has written into `folder`, if it has."""
    paths = exports_of(contract, folder)
    if "fp32" in contract.exported or not all(path.is_file() for path in paths.values()):
        return contract
    return replace(contract, exported={**contract.exported, "fp32": paths})


def export(spec: Spec, folder: Path) -> None:
    """Export once, in fp32, what does not ship with its world, for all rows whose engine reads ONNX."""
    for contract in contracts(replace(spec, engine="eager", precision="fp32"), sketch=False):
        if "fp32" not in contract.exported:
            from compile.export import export_for

            target = exports_of(contract, folder)
            own = next(iter(target.values())).parent
            own.mkdir(parents=True, exist_ok=True)
            export_for(contract, contract.modules(), own, "fp32")
