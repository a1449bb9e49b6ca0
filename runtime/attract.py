"""Attract: who leads the walk in a kiosk: the walker or recorded sessions while nobody is there, else a person.

Drivers, as runtime/loop.py wants them. Whose turn it is, is runtime/kiosk.py's affair. A recorded session is walked
again and not compared: it is a show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from runtime.driver import Driver
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.kiosk import Kiosk
from runtime.replay import ReadMoment, Replay, replayed_image
from runtime.session import Session, read_session
from runtime.visits import Visits
from runtime.walker import Gait, stroll


class Stroller:
    """A driver that plays by itself, in one dream for `lasts_s` seconds of its time; `fresh_seed` gives each seed."""

    interactive = hurries = False
    progress = (0, 0)

    def __init__(self, fresh_seed: Callable[[], int], lasts_s: float) -> None:
        self._fresh_seed, self._lasts_s = fresh_seed, lasts_s

    def begin(self, generator: Generator) -> None:
        """A fresh dream, and a walk of its own."""
        seed = self._fresh_seed()
        self._gait, self._left_s = Gait(seed), self._lasts_s
        generator.begin(seed)

    def submit(self, generator: Generator, now: float) -> bool:
        """The next steps, which notice where the last ones led."""
        if self._left_s <= 0:
            self.begin(generator)
            return True
        info, frames = generator.info, generator.chunk_length
        self._gait, rows = stroll(self._gait, generator.camera, frames, 1 / info.fps, info.held_columns)
        self._left_s -= frames / info.fps
        generator.step(rows, now)
        return True


class Shows:
    """A driver through recorded sessions, one after the other, and again from the first.

    Raises UserError for a session that cannot be shown: at once where it cannot be read, else when it begins.
    """

    interactive = hurries = False
    progress = (0, 0)

    def __init__(self, paths: Sequence[str], read_moment: ReadMoment | None = None) -> None:
        self._sessions: list[tuple[str, Session]] = [(path, read_session(Path(path))) for path in paths]
        self._read_moment, self._next = read_moment, 0
        for path, session in self._sessions:
            if not session.chunks:
                raise UserError("the session is empty", path, "take it out of `attract`")

    def begin(self, generator: Generator) -> None:
        """The next session from its start."""
        _, session = self._sessions[self._next]
        self._next = (self._next + 1) % len(self._sessions)
        generator.image = replayed_image(session.header, folder=session.path.parent)
        self._show = Replay(session, self._read_moment, generator.image)
        self._show.loaded(generator.info)
        self._show.begin(generator)

    def submit(self, generator: Generator, now: float) -> bool:
        """What was walked then."""
        if not self._show.submit(generator, now):
            self.begin(generator)
        return True


class KioskDriver:
    """Leads as the attract loop does while the kiosk attracts, and lets `person` lead while somebody plays."""

    interactive = True
    hurries = False
    progress = (0, 0)

    def __init__(
        self, kiosk: Kiosk, person: Driver, read_moment: ReadMoment | None = None, visits: Visits | None = None
    ) -> None:
        """visits: the logs of those who play, None where nobody is recorded."""
        config = kiosk.config
        self._kiosk, self._person, self._visits = kiosk, person, visits
        self._own: tuple | None = None
        self._attract: Driver = (
            Shows(config.attract, read_moment) if config.attract else Stroller(kiosk.fresh_seed, config.attract_s)
        )

    def begin(self, generator: Generator) -> None:
        """A fresh world for whoever leads now: at the start, and whenever the walk changes hands."""
        # A show may have brought its own picture and words.
        self._own = self._own or (generator.image, generator.prompt)
        generator.image, generator.prompt = self._own
        if self._visits is not None:
            self._visits.hand(generator.epoch + 1, not self._kiosk.attracting)
        if self._kiosk.attracting:
            self._attract.begin(generator)
        else:
            generator.begin(self._kiosk.fresh_seed())

    def submit(self, generator: Generator, now: float) -> bool:
        """Ask for the next chunk, of whoever leads; there always is one."""
        leader = self._attract if self._kiosk.attracting else self._person
        return leader.submit(generator, now)
