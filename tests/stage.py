"""A walk without a window: a screen that plays what a test writes, and the parts of a player around it."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from pathlib import Path

from input.controls import Controls
from input.keymap import load_keymap
from input.script import ScriptPlayer
from runtime.driver import Live
from runtime.generator import Generator
from runtime.governor import Governor
from runtime.looks import Looks
from runtime.loop import Loop, LoopConfig
from runtime.no_screen import NoScreen
from runtime.opening import PANES
from runtime.player import Hands, Player
from runtime.preferences import Preferences
from runtime.recording import Recording
from runtime.saving import Saving
from runtime.screenshot import Screenshots
from runtime.settings import Settings


class Stage(NoScreen):
    """A screen that plays written events, (seconds since the first poll, event), and notes what it is told."""

    def __init__(self, cues=()):
        self.cues, self.start = list(cues), None
        self.shown, self.titles, self.captures, self.fills, self.texts = [], [], [], [], []
        self.nights, self.layers, self.plugged = 0, [], []

    def poll(self):
        now = time.perf_counter()
        self.start = self.start or now
        due = [event for at, event in self.cues if at <= now - self.start]
        self.cues = self.cues[len(due) :]
        return due

    def draw(self, pixels, layers):
        self.pixels, self.layers = pixels, layers

    def flip(self):
        if self.pixels is None:
            self.nights += 1
        else:
            self.shown.append((time.perf_counter(), self.pixels))

    def show(self, pixels, layers):
        self.draw(pixels, layers)
        self.flip()

    def title(self, text):
        if text not in self.titles[-1:]:
            self.titles.append(text)

    def capture(self, on):
        if [on] != self.captures[-1:]:
            self.captures.append(on)

    def pads(self):
        return self.plugged

    def fill(self, on):
        self.fills.append(on)

    def want_text(self, on):
        self.texts.append(on)


def own_folder(owner):
    """A new folder that is gone when `owner` is."""
    folder = tempfile.mkdtemp()
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class Cast:
    """The parts of a walk in `load` or `world`, in a folder of their own. `said`: what the person was told."""

    def __init__(
        self,
        world=None,
        *,
        load=None,
        stage=None,
        settings=None,
        witnesses=(),
        folder=None,
        driver=None,
        bindings=None,
    ):
        self.folder, self.said = folder or own_folder(self), []
        self.stage, self.controls = stage or Stage(), Controls()
        self.preferences = Preferences(settings or Settings(), {}, bindings)
        self.saving = Saving(self.folder / "slots", self.preferences.now)
        self.generator = Generator(load or (lambda: world), None, (*witnesses, self.saving))
        self.saving.begin(self.generator)
        self.recording = Recording(self.generator, self.folder / "recordings")
        self.shots = Screenshots(self.folder / "screenshots")
        self.looks, self.governor = Looks(self.preferences.now), Governor(self.preferences.now.latency)
        self.driver, tell = driver or Live(self.controls, 0), self.looks.say
        self.looks.say = lambda words: (self.said.append(words), tell(words))
        self.hands = Hands(
            *("cloister", self.stage, self.generator, self.driver, self.controls, self.looks, self.governor),
            *(self.preferences, self.recording, self.saving, self.shots, PANES),
        )
        self.player = Player(self.hands, load_keymap(), load_keymap())

    def close(self):
        """End all parts; gives what was not told any more."""
        self.shots.close()
        self.recording.close()
        left = self.saving.close()
        assert self.generator.close()
        return left


class Run(Cast):
    """What a walk left that was walked to its end: its loop, its screen, its generator and its player."""

    def __init__(self, world=None, cues=(), *, script=None, stage=None, load=None, settings=None, **config):
        more = {name: config.pop(name) for name in ("witnesses", "folder", "driver") if name in config}
        super().__init__(world, load=load, stage=stage or Stage(cues), settings=settings, **more)
        script = ScriptPlayer(script) if script else None
        parts = (self.stage, self.generator, self.driver, self.player, self.looks, self.governor, LoopConfig(**config))
        self.loop = Loop(*parts, script=script, watchers=(self.recording,))
        self._walk()

    def _walk(self):
        self.generator.start()
        try:
            info = self.loop.load("fake")
            if info:
                self.recording.rate = info.fps
                self.loop.play()
        finally:
            self.left = self.close()


def walk(*arguments, **options):
    """(loop, stage, generator) of a walk that was walked to its end."""
    run = Run(*arguments, **options)
    return run.loop, run.stage, run.generator
