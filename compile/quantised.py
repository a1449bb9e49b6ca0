"""A contract's modules with fewer bits, for the engines that run or export torch modules: made once, kept in the store.

Which layers take it is read off a rehearsal (compile/precision.py). Torch only.
"""

from __future__ import annotations

from dataclasses import replace

from compile import precision, precision_store
from compile.buffers import Buffers
from compile.engines.compiled import twin
from compile.engines.eager import Eager
from compile.facts import facts_of
from compile.plan import Job
from compile.rehearsal import Rehearsal, try_on
from compile.store import Damaged, Store, key_of
from model.graph import Unavailable

# TensorRT's fast path wants the scale of activations beforehand; torch takes one per token as it comes.
ACTIVATIONS = {"trt": "tensor"}


def facts_of_weights(job: Job) -> dict[str, object]:
    """The key's facts of the quantised weights that an engine runs on."""
    return facts_of(replace(job, engine=f"weights per {ACTIVATIONS.get(job.engine, 'token')}"))


def is_stored(job: Job, store: Store) -> bool:
    try:
        return store.find(key_of(facts_of_weights(job))) is not None
    except Damaged:
        return False


def quantised(job: Job, store: Store, rehearsal: Rehearsal | None, buffers: Buffers) -> Job:
    """The job with its modules quantised; those of everybody else stay as they are.

    buffers: of the world, of whose kind others are made for the roll-out. Raises Unavailable where the weights are not
    stored and nothing was rehearsed.
    """
    modules = twin(job.modules)
    facts = facts_of_weights(job)
    key = key_of(facts)
    if is_stored(job, store):
        precision_store.load(modules, store.folder / key)
    elif rehearsal is None:
        raise Unavailable("has to be measured on a walk first, and is the next time")
    else:
        own = buffers.twin(job.contract)

        def roll_out() -> None:
            try_on(rehearsal, Eager(job.contract, modules).bind(own), own)

        part = store.begin(key)
        report = precision.obtain(modules, job.precision, part, roll_out, ACTIVATIONS.get(job.engine, "token"))
        if not report.chosen:
            store.discard(part)
            raise Unavailable("leaves no layer of this world exact enough")
        store.keep(key, part, facts)
    return replace(job, shared={**job.shared, "modules": lambda: modules})
