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
from itertools import count

from compile.engines import Cancelled, Engine, PassedOver, Progress
from compile.facts import facts_of, facts_of_weights
from compile.plan import TOLERANCE, Job, is_low
from compile.prebuilt import adopt
from compile.rehearsal import TURNS, Rehearsal, times_as_fast, try_on
from compile.store import Damaged, Entry, Store, key_of
from model.graph import Unavailable
from model.progress import STEPS, UNWATCHED, Reading, Slot, Watcher, in_words
from model.world import LoadOptions
from runtime.errors import UserError, first_sentence

FASTER = 1.05  # times, below which a change is not worth its risk
SLOW_FOR_S = 24 * 3600.0
SAY_EVERY_S = 10.0
HEAD_START_S = 2.0


def has_weights(job: Job, store: Store) -> bool:
    """Whether the quantised weights of a job are there already."""
    return store.holds(key_of(facts_of_weights(job)))


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
        self._base, self.runner, self.jobs, self._store, self._options = base, runner, jobs, store, options
        self._module, self._cancelled = engine_module, threading.Event()
        self._rehearsal: Rehearsal | None = None
        # A world's network and its decoder have an engine each.
        self._whose = "decoder" if runner is not None and runner.contract.world.endswith(".decoder") else "engine"
        self._entries: dict[str, Entry | None] = {}
        self._slot, self._watcher, self._beside = Slot(), UNWATCHED, False
        self._say = options.say

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
                what = f"the stored {job.engine} {job.precision} is damaged ({error}) and is built anew"
                self._say(f"{self._whose}: {what}")
        return self._entries[key]

    def start(self) -> None:
        """Go on beside play."""
        if self.listens:
            self._rehearsal = self.runner.listen()
        self._beside = True
        threading.Thread(target=self._later, name="upgrade", daemon=True).start()

    def _later(self) -> None:
        """Whoever begins to play, or is back after a fall, has the machine to themselves for the first pictures."""
        if not self._cancelled.wait(HEAD_START_S):
            self.run()

    def cancel(self) -> None:
        """Nobody wants the engine any more; a build ends at its next sign of progress."""
        self._cancelled.set()

    def reading(self) -> Reading:
        """How far it is; empty before and afterwards. From any thread."""
        return self._slot.reading()

    def run(self, watcher: Watcher = UNWATCHED) -> None:
        """Try the candidates until one is taken. Raises Cancelled where `watcher` does, which is told how far it is."""
        self._watcher = watcher
        try:
            self._run()
        finally:
            self._slot.stage("")

    def _run(self) -> None:
        self._rehearsal = self._rehearsal or self.runner.recorded
        self._store.sweep()
        for job in self.jobs:
            name = f"{job.engine} {job.precision}"
            try:
                return self._take(job, *self._made(job))
            except Cancelled:
                if self._watcher is UNWATCHED:  # beside play, nobody waits for it
                    return
                raise
            except (PassedOver, Unavailable, UserError) as reason:
                why = f": {reason}"
            except MemoryError:
                why = ": out of memory"
            except Exception as error:  # engines are other people's code, and play must go on whatever they raise
                why = f" failed: {first_sentence(error)}"
            self._say(f"{self._whose}: {name}{why}; going on with {self.runner.backend}")

    def _made(self, job: Job) -> tuple[Engine, Entry]:
        """The engine of a job, from the store or built now."""
        facts, entry = facts_of(job), self._found(job)
        if entry is not None and self._passed_over(entry):
            raise PassedOver(self._passed_over(entry))
        module = self._module(job.engine)
        if is_low(job):
            from compile.quantised import quantised

            if not has_weights(job, self._store):
                self._wait(job)
            told, own = self._progress(job), self.runner.buffers
            job = quantised(job, self._store, self._rehearsal, own, lambda: told(0, 0, "measuring"))
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
        """Keeps `reading` up to date, says a line now and then, and ends a build that was cancelled."""
        name = f"{job.engine} {job.precision}"
        said = rested = time.monotonic()

        def told(done: int, total: int, what: str) -> None:
            nonlocal said, rested
            if self._cancelled.is_set():
                raise Cancelled
            self._slot.stage(what, total, STEPS, name, done)
            self._watcher.stage(what, total, STEPS, name, done)
            rested = self._rest(rested)
            if time.monotonic() - said >= SAY_EVERY_S:
                said = time.monotonic()
                self._say(f"{self._whose}: {in_words(self.reading())}")

        return told

    def _rest(self, since: float) -> float:
        """Beside play on a CPU, rest as long as was worked `since`, for play needs the cores; gives the time then."""
        if self._beside and self.jobs[0].place.kind == "cpu":
            self._cancelled.wait(time.monotonic() - since)
        return time.monotonic()

    def _take(self, job: Job, engine: Engine, entry: Entry) -> None:
        """Try the engine, unless it was before, and offer it to the runner."""
        if "error" not in entry.facts or self._stale(entry):
            self._try(job, engine, entry)
        name, runner = f"{job.engine} {job.precision}", self.runner
        error, gain = entry.facts["error"], entry.facts["gain"]

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
        self._wait(job)
        told, runs = self._progress(job), count()
        total = len(self._rehearsal.runs) * (1 + 2 * TURNS)  # once for the error, then each of two engines in turns

        def sign() -> None:
            told(next(runs), total, "trying")

        buffers = self.runner.buffers.twin(job.contract)
        bound = engine.bind(buffers)
        verdict = try_on(self._rehearsal, bound, buffers, sign)
        limit = TOLERANCE[job.precision]
        gain = times_as_fast(self._rehearsal, self._base.bind(buffers), bound, buffers, sign)
        facts = {"error": verdict.error, "gain": gain, "beside": self.runner.backend, "slower": ""}
        if verdict.error > limit:
            facts["refused"] = f"refused, for the error of {verdict.where} is {verdict.error:.2g}, above {limit:g}"
        elif gain < FASTER:
            facts["slower"] = f"is no faster here ({gain:.2f} times)"
        self._store.note(entry, tried=time.time(), **facts)
        if self._passed_over(entry):
            raise PassedOver(self._passed_over(entry))

    def _wait(self, job: Job) -> None:
        """Until the rehearsal is recorded."""
        if self._rehearsal is None:
            raise PassedOver("was not tried on this walk yet, and is on the next")
        told = self._progress(job)
        while not self.runner.rehearsed.wait(0.5):
            told(0, 0, "waiting")
