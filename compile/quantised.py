"""A contract's modules with fewer bits, for the engines that run or export torch modules: made once, kept in the store.

Which layers take it is read off a rehearsal (compile/precision.py). Torch only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from compile import precision, precision_store
from compile.buffers import Buffers
from compile.engines.compiled import twin
from compile.engines.eager import Eager
from compile.facts import ACTIVATIONS, facts_of_weights
from compile.plan import Job
from compile.rehearsal import Rehearsal, nothing, try_on
from compile.store import Store, key_of
from model.graph import Unavailable


def quantised(
    job: Job,
    store: Store,
    rehearsal: Rehearsal | None,
    buffers: Buffers,
    sign: Callable[[], None] = nothing,
) -> Job:
    """The job with its modules quantised; those of everybody else stay as they are.

    buffers: of the world, of whose kind others are made for the roll-out. sign: called now and then while that takes
    long, and may raise Cancelled. Raises Unavailable where the weights are not stored and nothing was rehearsed.
    """
    modules = twin(job.modules)
    facts = facts_of_weights(job)
    key = key_of(facts)
    if store.holds(key):
        precision_store.load(modules, store.folder / key)
    elif rehearsal is None:
        raise Unavailable("has to be measured on a walk first, and is the next time")
    else:
        own = buffers.twin(job.contract)

        def roll_out() -> None:
            try_on(rehearsal, Eager(job.contract, modules).bind(own), own, sign)

        part = store.begin(key)
        try:
            report = precision.obtain(modules, job.precision, part, roll_out, ACTIVATIONS.get(job.engine, "token"))
            if not report.chosen:
                raise Unavailable("leaves no layer of this world exact enough")
            store.keep(key, part, facts)
        finally:
            store.discard(part)
    return replace(job, shared={**job.shared, "modules": lambda: modules})
