"""Commands before there is anything to see: few act, none fails, and Escape gives up waiting."""

import time

import pytest
from fake_world import FakeWorld
from stage import Run, Stage

from input.events import Press
from input.keymap import COMMANDS
from runtime import orders


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
