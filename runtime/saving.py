"""Saving: worlds saved and gone on from while one walks, and going back. Between the player, who asks for them, and the
files (runtime/slots.py) and the memory (runtime/rewind.py), which hold them.

Files are written and read on a thread of their own: the walk goes on meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from model.world import WorldInfo
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.messages import Bystander, Dreamt, Moment, Reset, State
from runtime.pending import Pending
from runtime.rewind import Rewind
from runtime.settings import Settings
from runtime.shelf import QUICK, RELOADED, slot_path
from runtime.slots import Slot, make_slot, read_slot, require_fits, write_slot
from runtime.strings import text
from runtime.trail import Moment as Seen

PATIENCE_S = 10.0  # so long a save that was asked for last waits for its chunk
REWIND_S = 30.0
REWIND_SPEED = 4.0  # seconds of the walk that go by per second of holding the key
MARKS = 4096  # more snapshots than are ever kept


def moment_of(slot: Slot, info: WorldInfo) -> Moment:
    """Where a saved world goes on; raises UserError unless it was saved in the world `info`."""
    require_fits(slot, info)
    return Moment(slot.state, slot.meta.chunk, slot.meta.seed, slot.meta.prompt, slot.picture)


def read_moment(path: Path, info: WorldInfo) -> Moment:
    """The moment that a file holds, of the world `info`; raises UserError."""
    return moment_of(read_slot(path), info)


def slot_of(moment: Moment, info: WorldInfo, camera: np.ndarray, backend: str) -> Slot:
    """A moment as it is saved."""
    picture = moment.picture
    if picture is None:  # saved before the first picture was there
        picture = np.zeros((info.height, info.width, 4), np.uint8)
    facts = {"seed": moment.seed, "chunk": moment.chunk, "prompt": moment.prompt, "camera": camera, "backend": backend}
    return make_slot(info, moment.state, picture, **facts)


def write_moment(path: Path, moment: Moment, info: WorldInfo) -> None:
    """Write a moment beside a session's log; raises UserError."""
    write_slot(path, slot_of(moment, info, np.eye(4), info.backend))


class Saving(Bystander):
    """Witness on the generator's thread; all else is for the loop's."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._generator: Generator | None = None
        self._info: WorldInfo | None = None
        self._rewind: Rewind | None = None
        self._pool = ThreadPoolExecutor(1, "slots")
        self._reading: Future | None = None
        self._writing: deque[Future] = deque()
        # What this run wrote itself: the file's size, its time, and the deeds that led to it.
        self._own: dict[Path, tuple[int, int, int | None]] = {}
        self._trail, self._held_at = None, 0.0
        self._marks: dict[int, Moment] = {}  # of the snapshots: what is to be known of them besides
        self._landed: Moment | None = None
        self._news: deque[str] = deque()
        self._wrote: set[str] = set()
        self._pending = Pending()
        # Epochs of the walk: that of what is remembered, and the newest that has nothing to do with those before.
        self._known = self._elsewhere = 0

    def begin(self, generator: Generator) -> None:
        """This is the generator to ask."""
        self._generator = generator

    # ---- witness ----

    def loaded(self, info: WorldInfo) -> None:
        self._info = info
        chunk_s = info.chunk_frames / info.fps
        self._rewind = Rewind(REWIND_S, self._settings.rewind_mb * 2**20, info.fps, chunk_s)

    def begun(self, reset: Reset) -> None:
        self._rewind.clear()
        self._moved()

    def restored(self, moment: Moment) -> None:
        """Who went back can go back further; what comes from elsewhere has no past here."""
        if moment is self._landed:
            self._rewind.cut(moment.chunk - 1)
        else:
            self._rewind.clear()
        self._moved()

    def wants(self, chunk: int) -> bool:
        return chunk % self._rewind.stride == 0

    def dreamt(self, chunk: Dreamt) -> None:
        def state() -> State:
            moment = chunk.moment()
            self._marks.pop(chunk.chunk, None)
            self._marks[chunk.chunk] = replace(moment, state={}, picture=None)
            return moment.state

        self._rewind.dreamt(chunk.chunk, chunk.frames, state)
        while len(self._marks) > MARKS:
            del self._marks[next(iter(self._marks))]

    # ---- saved worlds ----

    def save(self, name: str = QUICK) -> None:
        """Save the world as it is after the chunk that is under way."""
        try:
            path = slot_path(self._folder, name)
        except UserError as error:
            self._news.append(str(error))
            return
        number = self._pending.ask(self._generator.epoch, name)
        self._generator.keep(partial(self._kept, number, path, name))

    def _moved(self) -> None:
        """On the generator's thread: what was to be saved of the walk as it was has no moment any more."""
        self._known = self._generator.epoch
        self._news += [text("slots.left", name=name) for name in self._pending.left(self._known)]

    def _kept(self, number: int, path: Path, name: str, moment: Moment) -> None:
        """On the generator's thread."""
        slot = slot_of(moment, self._info, self._generator.camera, self._generator.backend)
        self._writing.append(self._pool.submit(self._write, path, name, slot, moment.logged))
        self._pending.done(number)

    def _write(self, path: Path, name: str, slot: Slot, deeds: int | None) -> str:
        write_slot(path, slot)
        status = path.stat()
        self._own[path] = (status.st_size, status.st_mtime_ns, deeds)
        self._wrote.add(name)
        said = text("slots.quick_saved") if name == QUICK else text("slots.saved", name=name)
        return "" if name == RELOADED else said

    def wrote(self, name: str) -> bool:
        """Whether the slot `name` was written since the last time that this was asked."""
        written = name in self._wrote
        self._wrote.discard(name)
        return written

    def load(self, name: str = QUICK) -> None:
        """Go on from a saved world, as soon as it has been read."""
        if self._reading is None:
            self._reading = self._pool.submit(self._read, name)

    def _read(self, name: str) -> Moment:
        path = slot_path(self._folder, name)
        if name == QUICK and not path.exists():
            raise UserError(text("slots.nothing"))
        moment = read_moment(path, self._info)
        size, time_ns, deeds = self._own.get(path, (0, 0, None))
        status = path.stat()
        logged = deeds if (size, time_ns) == (status.st_size, status.st_mtime_ns) else None
        return replace(moment, logged=logged)

    def arrived(self) -> Moment | None:
        """The moment that was asked for by `load`, once it is there; each is given once."""
        if self._reading is None or not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        return self._outcome(reading)

    def news(self) -> list[str]:
        """What became of saving and loading since the last call, in words."""
        while self._writing and self._writing[0].done():
            said = self._outcome(self._writing.popleft())
            if said:
                self._news.append(said)
        return [self._news.popleft() for _ in range(len(self._news))]

    def _outcome(self, future: Future) -> object | None:
        try:
            return future.result()
        except (UserError, OSError, MemoryError) as error:
            self._news.append(str(error))
            return None

    # ---- going back ----

    @property
    def going_back(self) -> bool:
        return self._trail is not None

    def go_back(self, shown: tuple[int, int], now: float) -> None:
        """Begin to go back, from the picture that is shown, the (chunk, index)-th since the reset."""
        if self._trail is not None:
            return
        way = self._rewind.begin(shown) if self._known >= self._elsewhere else None
        if way:
            self._trail, self._held_at = way, now
        else:
            self._news.append(self._rewind.refusal or text("rewind.nothing"))

    def seen(self, now: float) -> Seen:
        """What is shown while going back."""
        return self._trail.at(now - self._held_at, REWIND_SPEED)

    def let_go(self, now: float) -> Moment | None:
        """Where the walk goes on from; None where it never went back."""
        if self._trail is None:
            return None
        landing = self._trail.landing(self.seen(now))
        self._trail = None
        mark = self._marks.get(landing.chunk)
        if mark is None:  # forgotten meanwhile
            return None
        self._landed = replace(mark, state=landing.state, picture=landing.picture)
        return self._landed

    def forget(self) -> None:
        """The walk begins anew, or has just gone on elsewhere."""
        self._trail, self._elsewhere = None, self._generator.epoch

    def adopt(self, settings: Settings) -> None:
        """Hold what settings say from now on."""
        self._settings = settings
        if self._rewind is not None:
            self._rewind.allow(settings.rewind_mb * 2**20)

    @property
    def memory_bytes(self) -> int:
        """What going back takes up."""
        return self._rewind.bytes if self._rewind else 0

    def close(self) -> list[str]:
        """Wait for what is to be written, for some seconds even for the chunk before it; gives what nobody read yet."""
        until, generator = time.perf_counter() + PATIENCE_S, self._generator
        while self._pending.waits(generator.epoch) and not generator.stopped and time.perf_counter() < until:
            generator.skip()
            time.sleep(0.005)
        self._pool.shutdown()
        return self.news()
