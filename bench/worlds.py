"""Worlds to measure, each with its graphs on one given engine. No choice is made here and nothing is measured.

The embedded world is its own files. A family whose weights are downloaded gets random ones (bench/synthetic.py), at
full size or in a tiny configuration whose name says so. Play's own choice of an engine (compile/manager.py) is left
out: it would build others beside the one that is measured.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest import mock

from compile import manager
from compile.buffers import Buffers
from compile.plan import PRECISION_DTYPES, Job, Place, is_low, require_precision
from compile.runner import Runner
from compile.store import Store
from model import registry
from model.graph import Contract, Seen, Unavailable
from model.registry import find_world
from model.world import LoadOptions, World
from model.worldfile import read_world_file

TORCH_ENGINES = ("eager", "compile", "graph")  # they compute in the type that the buffers have
ANY = "-"  # the attention of a row whose engine, or whose family, has its own


@dataclass(frozen=True)
class Spec:
    """One row: what is measured. device: torch's name; threads: of everything on the CPU; full: false for tiny sizes.

    seconds: how long chunks are played; repeats: the fewest chunks, and runs of a graph, that a figure is read from.
    """

    world: str
    engine: str
    precision: str
    attention: str = ANY
    device: str = "cpu"
    threads: int = 1
    full: bool = True
    seconds: float = 2.0
    repeats: int = 8

    @property
    def title(self) -> str:
        """The world's name, as a table has it."""
        return self.world if self.full else f"{self.world} (tiny)"


@dataclass(frozen=True)
class Family:
    """load: a world of it; window: the chunks that fill a world's caches.

    attends: whether the attention back end is a choice; anywhere: whether it runs on a GPU too; official: whether its
    weights are not in the repository.
    """

    load: Callable[[Spec, bool], World]
    window: Callable[[World], int]
    attends: bool
    anywhere: bool
    official: bool


def load_dream(spec: Spec, sketch: bool) -> World:
    return registry.load_world(spec.world, LoadOptions(threads=spec.threads, device=spec.device))


def load_matrix_game(spec: Spec, sketch: bool) -> World:
    from bench.synthetic import matrix_game, tiny, variant
    from model.placement import place

    options = LoadOptions(
        device=spec.device, attention="sdpa" if spec.attention == ANY else spec.attention, threads=spec.threads
    )
    config = variant(spec.world) if spec.full else tiny(variant(spec.world))
    return matrix_game(config, place(options, buffer_type(spec)), options=options, sketch=sketch)


def dream_window(world: World) -> int:
    return world.config.slots


def matrix_game_window(world: World) -> int:
    network = world.config.network
    return -(-network.window // network.chunk)


FAMILIES = {
    "dream": Family(load_dream, dream_window, attends=False, anywhere=False, official=False),
    "matrix-game": Family(load_matrix_game, matrix_game_window, attends=True, anywhere=True, official=True),
}


def family_of(world: str) -> Family:
    """Raises Unavailable for a family that nothing here can load without its weights."""
    name = read_world_file(find_world(world)).family
    if name not in FAMILIES:
        raise Unavailable(f"the family {name} has no entry in bench/worlds.py")
    return FAMILIES[name]


def buffer_type(spec: Spec):
    """torch's type of the buffers: 8-bit engines are given halves on a GPU, and all but torch's own floats on a CPU."""
    import torch

    names = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
    cpu = spec.device.startswith("cpu")
    if cpu and spec.engine not in TORCH_ENGINES:
        return torch.float32
    wanted = names.get(spec.precision, "bfloat16" if spec.precision == "fp8" or not cpu else "float32")
    return getattr(torch, wanted)


class Watched(Runner):
    """A runner that remembers how often each graph ran, and with what filled, so that it can be run again."""

    def __init__(self, contract: Contract, buffers: Buffers, bound: object, backend: str) -> None:
        super().__init__(contract, buffers, bound, backend)
        self.seen: dict[str, Seen] = {}
        self.runs: Counter[str] = Counter()

    def run(self, graph: str, seen: Seen = ()) -> None:
        self.seen[graph] = seen
        self.runs[graph] += 1
        super().run(graph, seen)


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
        world = family.load(spec, False)
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
    """The contracts of a world, without an engine; with `sketch` those of official families have no weights."""
    found: list[Contract] = []

    def prepare(contract, place, options, given=None, dtype=None, *_) -> Watched:
        found.append(contract)
        return Watched(contract, buffers_of(contract, place, given, dtype), None, "")

    family = family_of(spec.world)
    with prepared_by(spec.world, prepare):
        family.load(spec, sketch)
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
