"""Recording: the one that is under way, if there is one; begun and ended at any moment of a walk.

What is written and how is runtime/recorder.py; here is when, where, and what is told of it. It watches the loop.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from runtime.errors import reason_of
from runtime.generator import Generator
from runtime.messages import Frame
from runtime.provenance import provenance
from runtime.recorder import Recorder
from runtime.strings import text


def free_name(folder: Path, when: datetime) -> Path:
    """The path of a new recording, which overwrites none."""
    stem = f"reverie-{when:%Y%m%d-%H%M%S}"
    names = itertools.chain((stem,), (f"{stem}-{number}" for number in itertools.count(2)))
    return next(path for name in names if not (path := folder / f"{name}.mp4").exists())


class Recording:
    """For the loop's thread. `folder`: where recordings go that have no path of their own; `rate`: frames per second;
    `session`: the file name of the walk's log, "" for none; `say`: is told in a line what the terminal should know.
    """

    def __init__(
        self, generator: Generator, folder: Path, session: str = "", say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.folder, self.rate = folder, 0.0
        self._generator, self.session, self._say = generator, session, say
        self._present: Recorder | None = None
        self._started = False
        self._closing: list[Recorder] = []
        self._frames = self._dropped = self._count = 0

    # ---- watcher ----

    def turn(self, now: float) -> None: ...

    def presented(self, frame: Frame, at: float) -> None:
        if self._present is None:
            return
        if not self._started:  # only now the walk says what it is: a recording may be asked for before its reset
            self._started = True
            self._present.start(self.rate, self.facts())
        self._present.put(frame.pixels)

    # ---- begin and end ----

    @property
    def on(self) -> bool:
        """Whether frames are being recorded."""
        return self._present is not None and not self._present.ended

    @property
    def dropped(self) -> int | None:
        """Frames that the recordings lack, all together; None where nothing was recorded."""
        return self._dropped + sum(recorder.dropped for recorder in self._open()) if self._count else None

    @property
    def frames(self) -> int:
        """Frames that are in the recordings, all together."""
        return self._frames + sum(recorder.frames for recorder in self._open())

    @property
    def queued(self) -> int:
        """Frames that wait for an encoder."""
        return sum(recorder.queued for recorder in self._open())

    def begin(self, path: Path) -> None:
        """Record from the next frame on."""
        self.end()
        self._present, self._started = Recorder(path, self._say), False
        self._count += 1

    def end(self) -> None:
        """Record no more; the file is finished beside play."""
        if self._present is not None:
            self._present.finish()
            self._closing.append(self._present)
            self._present = None

    def toggle(self) -> str:
        """Begin, or end; says in words what was done."""
        if self.on:
            self.end()
            return text("record.stopped")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return text("record.ended", reason=reason_of(error))
        self.begin(free_name(self.folder, datetime.now()))
        return text("record.started")

    def news(self) -> list[str]:
        """What became of recordings since the last call, in words for the person."""
        said = []
        if self._present is not None and self._present.ended:
            self.end()
        for recorder in [recorder for recorder in self._closing if recorder.done]:
            self._closing.remove(recorder)
            self._count_in(recorder)
            if recorder.ended:
                said.append(text("record.ended", reason=recorder.ended))
            elif recorder.frames:
                said.append(text("record.saved", name=recorder.path.name))
        return said

    def close(self) -> None:
        """End, and wait until all that was recorded is in its file."""
        self.end()
        while self._closing:
            recorder = self._closing.pop()
            recorder.close()
            self._count_in(recorder)

    def facts(self) -> dict[str, str]:
        """What a recording or a screenshot that is made now says of where it came from."""
        generator = self._generator
        return provenance(
            generator.info,
            generator.seed,
            generator.backend,
            session=self.session,
            chunk=generator.chunks_dreamt,
            prompt=generator.prompt,
            camera=generator.camera,
        )

    def _open(self) -> list[Recorder]:
        return [*self._closing, *((self._present,) if self._present is not None else ())]

    def _count_in(self, recorder: Recorder) -> None:
        self._frames += recorder.frames
        self._dropped += recorder.dropped
