"""Who decides: which engine a world begins on, which are to take over, and what happens where one cannot.

A walk begins on an engine that needs no build. Better ones are built beside it, tried on a recorded roll-out
(compile/rehearsal.py), and take over between two chunks; where one cannot be built, is wrong or is no faster, the next
is tried, and a line says why. What was learnt is stored with what was built (compile/store.py).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from compile.buffers import Array, Buffers
from compile.engines import told
from compile.facts import facts_of
from compile.plan import LOW, PRECISION_DTYPES, Job, Place, candidates, defaults, require_precision
from compile.runner import Runner
from compile.store import Damaged, Store, key_of
from compile.upgrade import Upgrade
from model.graph import Contract, Unavailable
from model.progress import Tally
from model.world import LoadOptions
from runtime.errors import UserError

MODULES = {"compile": "compiled", "graph": "cuda_graph"}  # where they are called otherwise than the engine


def engine_module(name: str):
    """The module of an engine, see compile/engines."""
    return importlib.import_module(f"compile.engines.{MODULES.get(name, name)}")


def possible(
    place: Place, engine: str, precision: str, own: str = "fp32"
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """(engine, precision) pairs that this machine can do, best first, and why not the others, by engine.

    engine, precision: "auto" or a name; own: the precision of the world's buffers. Only the first precision that an
    engine can do counts.
    """
    found, reasons = [], {}
    for name in candidates(place, engine):
        for wanted in defaults(name, own) if precision == "auto" else (precision,):
            try:
                require_precision(name, wanted, own)
                engine_module(name).probe(place, wanted)
            except Unavailable as reason:
                reasons[name] = str(reason)
                continue
            reasons.pop(name, None)
            found.append((name, wanted))
            break
    return found, reasons


def allowed(
    contract: Contract, place: Place, options: LoadOptions, own: str, forbidden: Mapping[str, str]
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """As `possible`, of what may run this contract as things are asked for; see prepare."""
    found, reasons = possible(place, options.engine, options.precision, own)
    reasons |= {name: forbidden[name] for name, _ in found if name in forbidden}
    found = [pair for pair in found if pair[0] not in forbidden]
    if options.engine == "auto" and place.kind == "cpu" and not contract.exported:
        # To export a network of billions of parameters for a CPU is a thing to be asked for.
        reasons |= {name: "is taken where it is asked for" for name, _ in found if name != "eager"}
        found = [pair for pair in found if pair[0] == "eager"]
    return found, reasons


def ready_at_once(contract: Contract, name: str, precision: str) -> bool:
    """Whether an engine needs no build: eager, and whatever runs the graphs that ship with a world."""
    return precision in contract.exported if name == "ort" else name == "eager" and precision not in LOW


def prepare(
    contract: Contract,
    place: Place,
    options: LoadOptions,
    given: Mapping[str, Array] | None = None,
    dtype=None,
    forbidden: Mapping[str, str] | None = None,
) -> Runner:
    """A runner on the first engine, with the better ones in `upgrade`, which `make_ready` sees to.

    given: arrays to use as buffers. dtype: torch's, for buffers that are tensors; None for NumPy arrays. forbidden:
    engines that cannot run this contract, and why. Raises UserError where nothing can run the world.
    """
    buffers = Buffers(contract, given, None if dtype is None else place.device, dtype)
    own = "fp32" if dtype is None else next(name for name, its in PRECISION_DTYPES.items() if its == str(dtype))
    found, reasons = allowed(contract, place, options, own, forbidden or {})
    first = next((pair for pair in found if ready_at_once(contract, *pair)), None) or plain(contract, place, own)
    if first is None:
        why = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
        raise UserError(f"no engine can run this world: {why}", contract.world, "install what one of them needs")
    better = found[: found.index(first)] if first in found else found
    shared = {"modules": cache(contract.modules)} if contract.modules else {}
    store = Store(options.engines)
    shared["exported"] = lambda job, precision: stored_graphs(store, job, precision)
    job = Job(contract, *first, place, store.folder, shared=shared)
    engine = engine_module(first[0]).build(job, told(options.progress, "{} {}".format(*first)))
    line = "engine: {} {}".format(*first)
    why = [f"{name} {reason}" for name, reason in reasons.items()]
    why += [f"{name} {precision} is made ready" for name, precision in better]
    runner = Runner(
        contract,
        buffers,
        engine.bind(buffers),
        "{} {}".format(*first),
        (f"{line} ({'; '.join(why)})" if why else line,),
    )
    if better:
        jobs = [replace(job, engine=name, precision=precision) for name, precision in better]
        runner.upgrade = Upgrade(runner, engine, jobs, store, options, lambda name: engine_module(name))
    return runner


def stored_graphs(store: Store, job: Job, precision: str) -> dict[str, Path]:
    """A contract's ONNX files in `precision`, which all engines share; exported where they are not there."""
    from compile.export import export_for

    facts = facts_of(replace(job, engine="onnx", precision=precision))
    key, names = key_of(facts), job.contract.graphs
    try:
        entry = store.find(key)
    except Damaged:
        entry = None  # what was found there is gone, and they are exported again
    if entry is None:
        part = store.begin(key)
        try:
            export_for(job.contract, job.modules, part, precision)
            entry = store.keep(key, part, facts)
        finally:
            store.discard(part)
    return {name: entry.folder / f"{name}.onnx" for name in names}


def plain(contract: Contract, place: Place, own: str) -> tuple[str, str] | None:
    """What a world can always begin on, whatever was asked for; None where even that cannot run here."""
    for name in ("ort", "eager"):
        try:
            require_precision(name, own, own)
            engine_module(name).probe(place, own)
        except Unavailable:
            continue
        if ready_at_once(contract, name, own):
            return name, own
    return None


def make_ready(runners: Sequence[Runner], options: LoadOptions, rehearse: Callable[[], None]) -> None:
    """See to the better engines: now, where the engine must not change later or is made within seconds, else beside.

    rehearse: plays a short walk; afterwards the world must be reset. What is done now is told `options.progress`, and
    ends where that raises Cancelled.
    """
    waiting = [runner.upgrade for runner in runners if runner.upgrade is not None]
    asked = options.engine != "auto" or options.precision != "auto"
    now = [upgrade for upgrade in waiting if options.settled or (asked and upgrade.quick)]
    if any(upgrade.listens for upgrade in now):
        options.progress.stage("rehearsing")
        runs = Tally(options.progress)
        for upgrade in now:
            upgrade.runner.listen(lambda: runs.add(1))
        rehearse()
        for upgrade in now:
            upgrade.runner.settle()
    for upgrade in now:
        upgrade.run(options.progress)
        upgrade.runner.settle()
    for upgrade in waiting:
        if upgrade not in now:
            upgrade.start()
