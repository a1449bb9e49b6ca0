"""Visits: the session logs of an exhibit, one for each visitor. The attract loop is in none of them.

A witness that passes on what it sees to the log of the visit (runtime/session_log.py). Who is told of a visit is told
on the loop's thread before its reset is asked for; it begins with that reset, on the generator's. A log that found the
disk full ended then, and the next visitor's is a new one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from model.world import WorldInfo
from runtime.errors import UserError, reason_of
from runtime.kiosk_config import KioskConfig
from runtime.messages import Bystander, Dreamt, Moment, Reset
from runtime.session import SUFFIX
from runtime.session_log import SessionLog, WriteMoment


class Visits(Bystander):
    """`chunks` counts what is on disk of all visits; `stem` is the path of what is kept of the present visit, without
    its suffix, None while nobody is there; `say` is told in a line why a log ended that was not asked to.
    """

    def __init__(
        self,
        folder: Path,
        world: str,
        write_moment: WriteMoment | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._folder, self._world, self._write_moment, self._say = folder, world, write_moment, say
        self.stem: Path | None = None
        self._visitors = 0
        # The visits that are still to begin: the epoch that each begins with, and where it is kept.
        self._turns: list[tuple[int, Path | None]] = []
        self._lock = threading.Lock()
        self._info: WorldInfo | None = None
        self._log: SessionLog | None = None
        # Of the visits before; the sum is a value of its own, for another thread reads it.
        self.chunks = self._chunks_before = 0
        # All that was witnessed, and how much of it before the visit: what a walk goes back by counts from there.
        self._deeds = self._deeds_before = 0

    @property
    def ended(self) -> str:
        """Why the present visitor's log ended, "" as long as all is well."""
        return self._log.ended if self._log else ""

    def hand(self, epoch: int, visitor: bool) -> None:
        """From the walk `epoch` on, the world is a new visitor's, or nobody's. For the loop's thread."""
        self._visitors += visitor
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}-{self._visitors}-{self._world}"
        self.stem = self._folder / name if visitor else None
        with self._lock:
            self._turns.append((epoch, self.stem))

    # ---- witness ----

    def loaded(self, info: WorldInfo) -> None:
        self._info = info

    def begun(self, reset: Reset) -> None:
        """The reset that a visit begins with, or one that the visitor wants."""
        with self._lock:
            due = [turn for turn in self._turns if turn[0] <= reset.epoch]
            if due:
                self._turns = self._turns[len(due) :]
        if due:
            self._change(due[-1][1])
        self._pass_on("begun", reset)

    def reworded(self, prompt: str) -> None:
        self._pass_on("reworded", prompt)

    def restored(self, moment: Moment) -> None:
        logged = moment.logged and moment.logged - self._deeds_before
        self._pass_on("restored", replace(moment, logged=logged if logged and logged > 0 else None))

    def dreamt(self, chunk: Dreamt) -> None:
        self._pass_on("dreamt", chunk)

    def close(self) -> None:
        """Close the log; only when the generator has ended."""
        self._change(None)

    def _pass_on(self, what: str, fact: object) -> None:
        self._deeds += 1
        log = self._log
        if log is not None and not log.ended:
            getattr(log, what)(fact)
            self.chunks = self._chunks_before + log.chunks
            if log.ended:
                self._say(log.ended)

    def _change(self, stem: Path | None) -> None:
        """End the present visitor's log, and have one for the next."""
        if self._log is not None:
            self._log.close()
            self._log, self._chunks_before = None, self.chunks
        if stem is not None:
            self._deeds_before = self._deeds
            self._log = SessionLog(stem.with_name(stem.name + SUFFIX), self._write_moment)
            self._log.loaded(self._info)


def visits_of(config: KioskConfig, world: str, write_moment: WriteMoment, say: Callable[[str], None]) -> Visits | None:
    """The logs of an exhibit's visitors, None where it records nobody; raises UserError where they cannot be kept."""
    if not config.record:
        return None
    folder = Path(config.record)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("cannot record there", str(folder), reason_of(error)) from error
    return Visits(folder, Path(world).name, write_moment, say)
