"""Commands before there is anything to see: few act, none fails, a pause waits, and Escape gives up waiting."""

import time

import pytest
from fake_world import FakeWorld
from stage import Run, Stage

from input.events import FocusGained, FocusLost, PadRemoved, Press
from input.keymap import COMMANDS
from runtime import orders, strings


def slow(seconds=0.6):
    """A world that takes its time to load."""

    def load():
        time.sleep(seconds)
        return FakeWorld(0.01)

    return load


def test_escape_gives_up_waiting_for_a_world_and_leads_to_the_start_screen():
    run = Run(load=slow(), cues=[(0.1, Press("menu", "escape"))], seconds=5)
    assert isinstance(run.player.leaving, orders.Home)
    assert run.loop.stats.frames == 0


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"menu", "quit", "pause"}))
def test_no_command_fails_while_a_world_is_loading(name):
    run = Run(load=slow(0.3), stage=Stage([(0.05, Press(name, ""))]), frames=4)
    assert run.player.leaving is None and not run.player.panes
    assert run.loop.stats.frames >= 4


P = Press("pause", "p")


class Told(Stage):
    """Notes with each picture what the middle of the window says."""

    def __init__(self, cues):
        super().__init__(cues)
        self.said = []

    def flip(self):
        super().flip()
        if self.pixels is not None:
            self.said.append([line for layer in self.layers for line in getattr(layer, "lines", ())])


@pytest.mark.parametrize(("cause", "end"), [(P, P), (FocusLost(), FocusGained()), (PadRemoved("a pad"), P)])
def test_a_pause_while_a_world_is_loading_holds_at_the_first_picture_and_says_so(cause, end):
    stage = Told([(0.05, cause), (1.3, end)])
    run = Run(load=slow(0.3), stage=stage, frames=8)
    pictures = zip(stage.shown, stage.said, strict=True)
    meanwhile = [(pixels, lines) for (at, pixels), lines in pictures if 0.8 < at - stage.start < 1.2]
    assert meanwhile and all(strings.text("pause.title") in lines for _, lines in meanwhile)
    assert all(pixels is stage.shown[0][1] for pixels, _ in meanwhile), "it did not stand still on the first picture"
    assert strings.text("pause.title") not in stage.said[-1]
    assert run.loop.stats.frames == 8 and run.loop.stats.seconds(run.loop.ended_at) < 0.9, "the pause was counted"


def test_who_goes_on_before_the_world_is_there_has_no_pause():
    run = Run(load=slow(0.3), stage=Stage([(0.05, P), (0.15, P)]), frames=4)
    assert not any("(paused)" in title for title in run.stage.titles)
