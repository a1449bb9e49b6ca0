"""Render: a walk as pictures, one after the other, as fast as they are dreamt. No window, no clock, no pace.

Time is the world's own: a script's events come at the frames that they were written for, however long those take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from input.controls import Controls
from input.events import Press
from input.script import ScriptEntry, ScriptPlayer
from runtime.driver import Driver, Live, Whence
from runtime.generator import Generator

NAP_S = 0.001


class Scripted(Live):
    """A script in the world's own time. Of the commands only those that begin again mean anything here."""

    def __init__(self, controls: Controls, seed: int, script: ScriptPlayer | None, start: Whence | None = None) -> None:
        super().__init__(controls, seed, start)
        self._script, self._frames = script, 0
        self._to_take: deque[ScriptEntry] = deque()

    def submit(self, generator: Generator, now: float) -> bool:
        """The next chunk, with all events before its first frame; `now` is not looked at."""
        at = self._frames / generator.info.fps
        self._to_take.extend(self._script.entries_until(at) if self._script else ())
        while self._to_take:
            entry = self._to_take.popleft()
            match entry.event:
                case Press("reset" | "new_seed" as command):
                    generator.begin(generator.seed + (command == "new_seed"))
                    return True
            self._controls.take(entry.event, entry.at)
        self._frames += generator.chunk_length
        return super().submit(generator, at)


def frames_of(
    generator: Generator, driver: Driver, most: int | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[np.ndarray]:
    """Every frame, uint8 BGRA [h, w, 4], that the driver leads to; `most` of them, None for all.

    The generator has been started, and its world may still be loading. Raises what the world raised.
    """
    while generator.info is None:
        generator.check()
        sleep(NAP_S)
    driver.begin(generator)
    more, given = True, 0
    while most is None or given < most:
        if more and generator.idle and generator.ahead == 0:
            more = driver.submit(generator, 0.0)
        frame = generator.take()
        if frame is not None:
            given += 1
            yield frame.pixels
        elif not more and generator.idle and generator.ahead == 0:
            return
        else:
            sleep(NAP_S)
