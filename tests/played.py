"""A player that a test leads by hand: chunk by chunk and event by event, with no loop and with a clock of its own."""

from __future__ import annotations

import contextlib
import time

import numpy as np
from fake_world import FakeWorld
from stage import Cast

from input.events import Press, Release

ROW = {"forward": (1, 0.1), "left": (0, -0.05), "right": (0, 0.07)}
# So long is waited for what other threads do, in seconds.
PATIENCE = 20.0


def rows_of(generator, held):
    """The next chunk's controls with actions held, by hands that know no past."""
    rows = np.zeros((generator.chunk_length, generator.info.control_columns), np.float32)
    for column, value in (ROW[action] for action in held):
        rows[:, column] = value
    return rows


class Played(Cast, contextlib.AbstractContextManager):
    """Within it, the walk has begun: `chunks` of it are dreamt and shown when they are asked for."""

    def __init__(self, world=None, **more):
        super().__init__(world or FakeWorld(takes_text=True), **more)
        self.now = 100.0

    def __enter__(self):
        self.generator.start()
        self.wait(lambda: self.generator.info is not None)
        self.recording.rate = self.generator.info.fps
        self.driver.begin(self.generator)
        self.player.began(True)
        return self

    def __exit__(self, *_):
        self.close()

    def wait(self, done, step=lambda: None):
        """Until `done`, with `step` in between."""
        end = time.perf_counter() + PATIENCE
        while not done():
            assert time.perf_counter() < end, "what was waited for did not come"
            self.generator.check()
            step()
            time.sleep(0.001)

    def chunks(self, count, *held):
        """Dream and show chunks with rows that are the same wherever one comes from; gives their frames as bytes."""
        shown = []

        def show():
            frame = self.generator.take()
            if frame is not None:
                self.player.last = frame
                self.recording.presented(frame, self.now)
                shown.append(frame.pixels.tobytes())

        for _ in range(count):
            self.wait(lambda: self.generator.idle)
            self.generator.step(rows_of(self.generator, held), self.now)
            self.wait(lambda: self.generator.idle and not self.generator.queued, show)
            self.now += 0.2
        return shown

    def take(self, *events, after=0.01):
        """The events, one after the other."""
        for event in events:
            self.now += after
            self.player.take_all([event], self.now)

    def press(self, *commands):
        """Press and let go of the keys of commands."""
        for command in commands:
            self.take(Press(command, self.key_of(command)), Release(command, self.key_of(command)))

    def key_of(self, command):
        return next(iter(self.player.keymap.keys_of(command)), "")

    def keys(self, *keys):
        """Press and let go of keys of the keyboard."""
        for key in keys:
            action = self.player.keymap.action_of(key) or ""
            self.take(Press(action, key), Release(action, key))

    def tick(self):
        self.now += 0.05
        self.player.tick(self.now)

    def hear(self, words):
        """Until the person was told these words since the last time; gives the whole line."""
        self.wait(lambda: any(words in line for line in self.said), self.tick)
        line = next(line for line in self.said if words in line)
        self.said.clear()
        return line

    def go_back(self, seconds):
        """Hold the key of going back for that long."""
        self.take(Press("rewind", "backspace"))
        self.take(Release("rewind", "backspace"), after=seconds)

    def obey(self, order):
        self.player.obey(order, self.now)
        self.player.settle(self.now)

    def menu(self, name):
        """Open the pause menu and choose an item."""
        self.press("menu")
        self.player.panes[-1]._book.top.go_to(name)
        self.keys("return")


def walked(*legs, seed=0, prompt=None):
    """Frames as bytes of an uninterrupted walk: each leg is (chunks, held actions...)."""
    with Played() as played:
        played.generator.prompt = prompt or ""
        played.generator.begin(seed)
        return [played.chunks(*leg) for leg in legs]
