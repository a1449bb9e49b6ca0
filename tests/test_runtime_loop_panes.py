"""The loop around waits, panes and going back: what is on the screen, and that the walk goes on after."""

import time

import numpy as np
from fake_world import FakeWorld
from stage import Run, Stage

from input.events import Press, Release, Typed
from runtime import orders
from runtime.text_line import TextLine


class Watched(Stage):
    """Notes the kinds of layers over each picture, and the pictures themselves."""

    def __init__(self, cues):
        super().__init__(cues)
        self.over, self.pictures = [], []

    def draw(self, pixels, layers):
        super().draw(pixels, layers)
        self.over.append({type(layer) for layer in layers})
        self.pictures.append(pixels)


def test_a_wait_for_a_world_can_be_given_up():
    def load():
        time.sleep(1.0)
        return FakeWorld()

    run = Run(load=load, cues=[(0.1, Press("prompt", "return")), (0.2, Press("menu", "escape"))])
    assert run.player.leaving == orders.Home() and run.loop.stats.frames == 0 and run.player.panes == []


def test_a_wait_for_the_first_picture_can_be_given_up():
    run = Run(FakeWorld(1.0), cues=[(0.3, Press("menu", "escape"))], seconds=9.0)
    assert run.player.leaving == orders.Home() and run.loop.stats.frames == 0


def test_who_types_sees_it_while_a_slow_world_dreams():
    """Between two chunks of 1.5 s the line of text is drawn again and again."""
    cues = [(2.2, Press("prompt", "return")), (2.4, Typed("rain")), (9.0, Press("quit"))]
    stage = Watched(cues)
    run = Run(FakeWorld(1.5, fps=8, frames=1, takes_text=True), stage=stage, seconds=3.0)
    typed = sum(TextLine in over for over in stage.over)
    shown = len({id(picture) for picture in stage.pictures if picture is not None})
    assert typed > shown and isinstance(run.player.panes[-1], TextLine)


def test_going_back_is_seen_and_the_walk_goes_on_from_there():
    cues = [(1.5, Press("rewind", "backspace")), (2.1, Release("rewind", "backspace"))]
    stage = Watched(cues)
    run = Run(FakeWorld(0.02), stage=stage, seconds=2.5)
    assert run.generator.epoch == 2 and any("(paused)" in title for title in stage.titles)
    again = [number for number, picture in enumerate(stage.pictures) if picture is not None]
    seen = [stage.pictures[number].tobytes() for number in again]
    assert len(set(seen)) < len(seen), "nothing of the past was shown"
    assert run.loop.stats.frames > 25 and run.said == []


def test_a_place_that_is_loaded_in_a_pause_is_what_is_shown():
    cues = [(0.8, Press("save", "f5")), (1.8, Press("pause", "p")), (2.0, Press("load", "f8")), (3.2, Press("quit"))]
    run = Run(FakeWorld(0.02), cues=cues)
    slot = run.saving._read("quick")
    assert np.array_equal(run.stage.pixels, slot.picture) and run.player.last.pixels is not None
    assert run.generator.epoch == 2


def test_who_saves_and_quits_at_once_has_it():
    run = Run(FakeWorld(0.3, frames=24), cues=[(1.5, Press("save", "f5")), (1.5, Press("quit"))])
    assert (run.folder / "slots" / "quick.safetensors").is_file()
    assert "Saved" in run.left
