"""An upgrade: from the engine that a world began on to a better one, beside play or before it. Every failure is a line.

The candidates are tried best first. One that is built, or found in the store, is run on what the present engine did
(compile/rehearsal.py) over buffers of its own, refused where its error is above the tolerance of its precision, and
passed over where it is no faster; both are stored, so that they are found out once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from compile.buffers import Buffers
from compile.engines import Bound, Cancelled, Engine, Progress
from compile.facts import facts_of
from compile.plan import LOW, OVER_FP32, TOLERANCE, Job
from compile.prebuilt import adopt
from compile.rehearsal import Rehearsal, try_on
from compile.store import Damaged, Entry, Store, key_of
from model.graph import Unavailable
from model.world import LoadOptions
from runtime.errors import UserError, first_sentence

FASTER = 1.05  # times, below which a change is not worth its risk
TURNS = 2  # of a recorded walk that each engine is timed in
SLOW_FOR_S = 24 * 3600.0
SAY_EVERY_S = 10.0


def is_low(job: Job) -> bool:
    """Whether an engine runs torch modules of fewer bits."""
    return job.precision in LOW and job.engine not in OVER_FP32


def has_weights(job: Job, store: Store) -> bool:
    from compile.quantised import is_stored

    return is_stored(job, store)


class PassedOver(Exception):
    """Why a candidate was not taken, in words."""


class Upgrade:
    """Of one runner, to the first of `jobs` that holds."""

    def __init__(
        self,
        runner,
        base: Engine,
        jobs: Sequence[Job],
        store: Store,
        options: LoadOptions,
        engine_module: Callable[[str], object],
    ) -> None:
        """base: what the runner computes by until then; the best of `jobs` comes first."""
        self._base = base
        self.runner, self.jobs, self._store, self._options = runner, jobs, store, options
        self._module, self._cancelled = engine_module, threading.Event()
        self._rehearsal: Rehearsal | None = None
        # A world's network and its decoder have an engine each.
        self._whose = "decoder" if runner is not None and runner.contract.world.endswith(".decoder") else "engine"
        self._entries: dict[str, Entry | None] = {}
        self.progress: tuple[str, int, int, float] = ("", 0, 0, 0.0)

    @property
    def quick(self) -> bool:
        """Whether the best candidate is made within seconds."""
        return self._module(self.jobs[0].engine).QUICK

    @property
    def listens(self) -> bool:
        """Whether the candidate that is likely to be taken has still to be tried on a rehearsal."""
        for job in self.jobs:
            entry = self._found(job)
            if entry is None or "error" not in entry.facts or self._stale(entry):
                return True
            if not self._passed_over(entry):
                return is_low(job) and not has_weights(job, self._store)
        return False

    def _passed_over(self, entry: Entry) -> str:
        """Why a candidate that was tried before is not taken; empty where it is. What is asked for may be slow."""
        slow = entry.facts.get("slower", "") if self._options.engine == "auto" else ""
        return entry.facts.get("refused", "") or ("" if self._stale(entry) else slow)

    def _stale(self, entry: Entry) -> bool:
        """Whether an engine was found slow so long ago that it is timed again: the machine may have been busy."""
        asked = self._options.engine != "auto"
        late = time.time() - entry.facts.get("tried", 0.0) > SLOW_FOR_S
        return bool(entry.facts.get("slower")) and not asked and late

    def _found(self, job: Job) -> Entry | None:
        """The entry of a job in the store, looked for and checked once; a damaged one is a line."""
        key = key_of(facts_of(job))
        if key not in self._entries:
            try:
                self._entries[key] = self._store.find(key)
            except Damaged as error:
                self._entries[key] = None
                self._say(
                    f"{self._whose}: the stored {job.engine} {job.precision} is damaged ({error}) and is built anew"
                )
        return self._entries[key]

    def start(self) -> None:
        """Go on beside play."""
        if self.listens:
            self._rehearsal = self.runner.listen()
        threading.Thread(target=self.run, name="upgrade", daemon=True).start()

    def cancel(self) -> None:
        """Nobody wants the engine any more; a build ends at its next sign of progress."""
        self._cancelled.set()

    def run(self) -> None:
        """Try the candidates until one is taken."""
        self._rehearsal = self._rehearsal or self.runner.recorded
        self._store.sweep()
        for job in self.jobs:
            name = f"{job.engine} {job.precision}"
            try:
                self._take(job, *self._made(job))
                return
            except Cancelled:
                return
            except (PassedOver, Unavailable, UserError) as reason:
                self._say(f"{self._whose}: {name}: {reason}; going on with {self.runner.backend}")
            except MemoryError:
                self._say(f"{self._whose}: {name}: out of memory; going on with {self.runner.backend}")
            except Exception as error:  # engines are other people's code, and play must go on whatever they raise
                self._say(f"{self._whose}: {name} failed: {first_sentence(error)}; going on with {self.runner.backend}")

    def _say(self, line: str) -> None:
        self._options.say(line)

    def _made(self, job: Job) -> tuple[Engine, Entry]:
        """The engine of a job, from the store or built now."""
        facts, entry = facts_of(job), self._found(job)
        if entry is not None and self._passed_over(entry):
            raise PassedOver(self._passed_over(entry))
        module = self._module(job.engine)
        if is_low(job):
            from compile.quantised import quantised

            if not has_weights(job, self._store):
                self._wait()
            job = quantised(job, self._store, self._rehearsal, self.runner.buffers)
        if entry is None:
            key = key_of(facts)
            part = self._store.begin(key)
            try:
                ahead = self._options.engine_dir
                if ahead is None or not adopt(ahead, job, part):
                    engine = module.build(replace(job, folder=part), self._progress(job))
                written = any(part.iterdir())
                entry = self._store.keep(key, part, facts)
            finally:
                self._store.discard(part)
            if not written:
                return engine, entry
        return module.build(replace(job, folder=entry.folder, cached=True), self._progress(job)), entry

    def _progress(self, job: Job) -> Progress:
        """Keeps `progress` up to date, says a line now and then, and ends a build that was cancelled."""
        started = said = time.monotonic()

        def told(done: int, total: int, what: str) -> None:
            nonlocal said
            if self._cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            left = (now - started) * (total - done) / done if done and total else 0.0
            self.progress = (what, done, total, left)
            if now - said >= SAY_EVERY_S:
                said = now
                rest = f", about {left:.0f} s left" if left else ""
                self._say(f"{self._whose}: {job.engine} {job.precision}: {what}, {done} of {total}{rest}")

        return told

    def _take(self, job: Job, engine: Engine, entry: Entry) -> None:
        """Try the engine, unless it was before, and offer it to the runner."""
        if "error" not in entry.facts or self._stale(entry):
            self._try(job, engine, entry)
        name = f"{job.engine} {job.precision}"
        error, gain = entry.facts["error"], entry.facts["gain"]
        runner = self.runner

        def take() -> None:
            runner.take(engine.bind(runner.buffers), name)
            self._let_go()
            partly = f"; {engine.partly}" if getattr(engine, "partly", "") else ""
            self._say(f"{self._whose}: {name} from now on ({gain:.2f} times as fast, error {error:.1e}){partly}")

        runner.offer(take)

    def _let_go(self) -> None:
        """What only the change needed: the recorded walk, and modules that no engine runs any more."""
        self._rehearsal = self.runner.recorded = None
        for job in self.jobs:
            if "modules" in job.shared:
                job.shared["modules"].cache_clear()
        self.jobs, self._base = (), None

    def _try(self, job: Job, engine: Engine, entry: Entry) -> None:
        """Run the rehearsal on buffers of its own; note what came of it. Raises PassedOver."""
        self._wait()
        buffers = self.runner.buffers.twin(job.contract)
        bound = engine.bind(buffers)
        verdict = try_on(self._rehearsal, bound, buffers)
        limit, gain = TOLERANCE[job.precision], self._gain(bound, buffers)
        facts = {
            "error": verdict.error,
            "gain": gain,
            "beside": self.runner.backend,
            "tried": time.time(),
            "slower": "",
        }
        if verdict.error > limit:
            facts["refused"] = f"refused, for the error of {verdict.where} is {verdict.error:.2g}, above {limit:g}"
        elif gain < FASTER:
            facts["slower"] = f"is no faster here ({gain:.2f} times)"
        self._store.note(entry, **facts)
        if self._passed_over(entry):
            raise PassedOver(self._passed_over(entry))

    def _gain(self, bound: Bound, buffers: Buffers) -> float:
        """How many times as fast as the present engine: turn by turn, as what else the machine does falls on both."""
        base, seconds = self._base.bind(buffers), {}
        for _ in range(TURNS):
            for name, each in (("base", base), ("new", bound)):
                took = try_on(self._rehearsal, each, buffers).seconds
                seconds[name] = min(seconds.get(name, took), took)
        return seconds["base"] / seconds["new"]

    def _wait(self) -> None:
        """Until the rehearsal is recorded."""
        if self._rehearsal is None:
            raise PassedOver("was not tried on this walk yet, and is on the next")
        while not self.runner.rehearsed.wait(0.5):
            if self._cancelled.is_set():
                raise Cancelled
