"""What people set for their comfort acts at once, in a walk that is under way; so does what is shown between frames."""

from __future__ import annotations

import math

import numpy as np
import pygame
import pytest
from fake_world import FakeWorld
from stage import Run, Stage

from input.events import Press
from input.response import REDUCED_TURN
from runtime import strings
from runtime.flash_guard import CHANGES
from runtime.orders import Adopt
from runtime.settings import Settings

FPS = 40.0


class Changed(Run):
    """A walk in whose midst the settings are changed, as the menu does it; `at_frame` counts those presented."""

    def __init__(self, changes, at_frame, world=None, cues=(), **more):
        self.changes, self.at_frame = changes, at_frame
        super().__init__(world or FakeWorld(fps=FPS), cues, **more)

    def _walk(self):
        poll, done = self.stage.poll, []

        def polled():
            if not done and self.loop.stats.frames >= self.at_frame:
                done.append(self.player.obey(Adopt(Settings(**self.changes)), 0.0))
            return poll()

        self.stage.poll = polled
        super()._walk()
        assert done


class Faster(Stage):
    """A screen of 160 pictures per second."""

    rate = 160.0


def drawn(layers):
    """The layers on white, and which of its pixels they changed."""
    surface = pygame.Surface((1280, 720))
    surface.fill("white")
    for layer in layers:
        layer.draw(surface)
    pixels = pygame.surfarray.array3d(surface)
    return pixels, (pixels != 255).any(-1)


def contrast(layers):
    """Of the lightest colour to the most frequent one, as WCAG has it."""
    pixels, changed = drawn(layers)
    colours, counts = np.unique(pixels[changed], axis=0, return_counts=True)

    def light(colour):
        value = colour / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05

    ground, ink = light(colours[counts.argmax()]), max(light(colour) for colour in colours)
    return ink / ground


@pytest.fixture(autouse=True)
def english():
    yield
    strings.use("en")


def test_high_contrast_and_scale_act_on_the_figures():
    plain = Changed({"hud": "line"}, 4, frames=24)
    strong = Changed({"hud": "line", "high_contrast": True}, 4, frames=24)
    large = Changed({"hud": "line", "interface_scale": 2.0}, 4, frames=24)
    assert contrast(strong.stage.layers) > contrast(plain.stage.layers)
    assert contrast(strong.stage.layers) >= 15
    assert drawn(large.stage.layers)[1].sum() > 2 * drawn(plain.stage.layers)[1].sum()


def test_reduced_motion_limits_the_turn_rate_of_keys_and_mouse():
    world = FakeWorld(fps=FPS)
    Changed({"reduced_motion": True}, 24, world, [(0.0, Press("turn_right", "right"))], frames=80)
    turns = np.array(world.rows)[:, 2] * FPS  # rad/s
    assert turns[:24].max() > math.radians(90)
    assert np.abs(turns[-16:]).max() <= REDUCED_TURN * 1.001
    assert turns[-16:].min() > 0.9 * REDUCED_TURN


class Flashing(FakeWorld):
    """Black, white, black, white."""

    def step(self, controls):
        for number, picture in enumerate(super().step(controls)):
            yield np.full_like(picture, 255 * (number % 2))


def swings(shown):
    """How often the picture's mean goes up or down by a tenth of white or more."""
    means = np.array([pixels[..., :3].mean() / 255 for pixels in shown])
    return int((np.abs(np.diff(means)) > 0.5).sum())


def test_the_flash_guard_acts_on_what_is_shown_and_not_on_what_is_recorded():
    seen = []

    class Eye(Run):
        def _walk(self):
            self.recording.presented = lambda frame, at: seen.append(frame.pixels)
            super()._walk()

    free = Run(Flashing(fps=FPS), frames=40)
    held = Eye(Flashing(fps=FPS), frames=40, settings=Settings(flash_guard=True))
    assert swings([pixels for _, pixels in free.stage.shown]) > 30
    assert swings([pixels for _, pixels in held.stage.shown]) <= CHANGES
    assert swings(seen) > 30
    late = Changed({"flash_guard": True}, 20, Flashing(fps=FPS), frames=60)
    assert swings([pixels for _, pixels in late.stage.shown[30:]]) <= CHANGES


def test_language_fullscreen_latency_and_memory_act_at_once():
    changes = {"language": "zh-CN", "fullscreen": True, "latency": "smooth", "rewind_mb": 64, "hud": "full"}
    run = Changed(changes, 4, cues=[(0.0, Press("help"))], frames=40)
    assert strings.text("language.name") == "简体中文" and run.stage.fills[-1] is True
    assert run.loop.governor.mode == "smooth" and run.saving._rewind._budget == 64 * 2**20
    assert any(ord(letter) > 0x4E00 for line in run.stage.layers[1].view.lines for letter in line)


@pytest.mark.parametrize(
    "name", ["mouse_sensitivity", "stick_sensitivity", "look_smoothing", "dead_zone", "stick_curve"]
)
def test_how_hands_act_changes_at_once(name):
    run = Changed({name: 0.5, "invert_y": True, "run": "toggle"}, 4, frames=8)
    feel = run.player.hands.controls.feel
    assert getattr(feel, name) == 0.5 and feel.invert_y and feel.run == "toggle"


def test_cross_fades_fill_the_screen_s_rate_and_every_frame_counts_once():
    seen = []

    class Eye(Run):
        def _walk(self):
            self.recording.presented = lambda frame, at: seen.append(frame.pixels)
            super()._walk()

    run = Eye(FakeWorld(fps=FPS), stage=Faster(), settings=Settings(blend=True), frames=40)
    assert run.loop.stats.frames == len(seen) == 40
    assert len({pixels.tobytes() for pixels in seen}) == 40  # each dreamt frame once, none of them mixed
    assert 80 < len(run.stage.shown) <= 161  # four pictures per frame, fewer on a busy machine
    assert run.loop.stats.rate() == pytest.approx(FPS, rel=0.2)
    plain = Run(FakeWorld(fps=FPS), stage=Faster(), frames=40)
    assert len(plain.stage.shown) == 40
    assert run.loop.stats.latency_ms.at(50)[0] > plain.loop.stats.latency_ms.at(50)[0] + 10


def test_cross_fades_can_be_switched_on_in_a_walk():
    run = Changed({"blend": True}, 20, stage=Faster(), frames=60)
    assert len(run.stage.shown) > 60


def test_a_screen_that_is_no_faster_than_the_world_gets_no_cross_fades():
    class Slow(Stage):
        rate = 50.0

    run = Run(FakeWorld(fps=FPS), stage=Slow(), settings=Settings(blend=True), frames=20)
    assert len(run.stage.shown) == 20
