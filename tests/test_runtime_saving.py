"""Saving in a walk: what is gone on from equals, bit for bit, a walk that was never interrupted."""

import threading
from dataclasses import replace

import pytest
from fake_world import FakeWorld
from played import Played, walked

from runtime import orders
from runtime.shelf import QUICK, slot_path


def test_what_was_saved_is_gone_on_from_bit_for_bit():
    expected = walked((3, "forward"), (2, "right"))
    with Played() as played:
        assert played.chunks(3, "forward") == expected[0]
        played.press("save")
        played.hear("Saved")
        elsewhere = played.chunks(4, "left")
        played.press("load")
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert played.player.last.pixels.tobytes() == expected[0][-1], "what is shown is not what was saved"
        assert played.chunks(2, "right") == expected[1] != elsewhere[:8]


@pytest.mark.parametrize("name", ["Tower at noon", "夜の塔"])
def test_a_named_slot_holds_the_seed_and_the_prompt_too(name):
    with Played() as played:
        played.chunks(1)
        played.press("new_seed", "prompt")
        played.obey(orders.Prompt("rain"))
        played.chunks(2)
        played.press("menu")
        played.obey(orders.Save(name))
        played.hear(name)
        played.obey(orders.Begin(seed=7))
        played.chunks(1)
        assert played.generator.seed == 7
        played.press("menu")
        played.obey(orders.Load(name))
        assert played.player.panes == []
        played.wait(lambda: played.generator.epoch == 4, played.tick)
        assert (played.generator.seed, played.generator.prompt) == (1, "rain")
        assert played.chunks(2) == walked((2,), (2,), seed=1, prompt="rain")[1]


def test_a_save_is_of_the_moment_after_the_chunk_that_is_under_way():
    expected = walked((3,), (2,))
    with Played(FakeWorld(0.05, takes_text=True)) as played:
        played.chunks(2)
        played.driver.submit(played.generator, played.now)
        played.press("save")
        played.hear("Saved")
        played.chunks(3, "left")
        played.press("load")
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert played.chunks(2) == expected[1]


def test_loading_while_it_is_paused_shows_the_place_and_waits_there():
    with Played() as played:
        saved = played.chunks(2, "forward")
        played.press("save")
        played.hear("Saved")
        played.chunks(2, "left")
        played.press("pause", "load")
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert played.player.standing and played.player.picture(played.now).tobytes() == saved[-1]
        played.press("rewind")
        played.hear("nothing to go back to")
        played.press("pause")
        assert not played.player.standing and played.chunks(1) != saved[:4]


def test_nothing_was_saved_yet_and_nothing_is_there_to_go_back_to():
    with Played() as played:
        for command in ("save", "load", "rewind", "reset", "prompt", "record", "screenshot", "help"):
            played.press(command)
        played.tick()
        assert played.said == [] and played.generator.epoch == 1, "something was done without a picture"
        played.chunks(1)
        played.press("load")
        played.hear("Nothing was quick-saved")
        played.press("reset", "rewind")
        played.hear("nothing to go back to")
        assert not played.player.standing and len(played.chunks(1)) == 4


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (FakeWorld(weights="1" * 64), "other weights"),
        (FakeWorld(size=(64, 48)), "another size"),
        (FakeWorld(held_columns=("jump",)), "other controls"),
    ],
)
def test_a_slot_of_another_world_is_refused_and_the_walk_goes_on(tmp_path, other, words):
    with Played(other, folder=tmp_path) as played:
        played.chunks(1)
        played.press("save")
        played.hear("Saved")
    expected = walked((2,), (1,))
    with Played(folder=tmp_path) as played:
        played.chunks(2)
        played.press("load")
        played.hear(words)
        assert played.chunks(1) == expected[1]


def test_a_slot_of_another_name_of_world_is_refused(tmp_path):
    other = FakeWorld()
    other.info = replace(other.info, name="cellar", title="Cellar")
    with Played(other, folder=tmp_path) as played:
        played.chunks(1)
        played.press("save")
        played.hear("Saved")
    with Played(folder=tmp_path) as played:
        played.chunks(1)
        played.press("load")
        assert "cellar" in played.hear("saved in the world")


def test_a_slot_that_cannot_be_written_is_told_and_ends_nothing(tmp_path):
    (tmp_path / "slots").write_text("in the way")
    with Played(folder=tmp_path) as played:
        played.chunks(1)
        played.press("save")
        played.wait(lambda: played.said, played.tick)
        assert str(tmp_path / "slots") in played.said[0]
        played.obey(orders.Save("a/b"))
        played.hear("slot")
        assert len(played.chunks(1)) == 4


def test_a_save_that_the_walk_leaves_behind_is_told():
    """Its chunk is given up by the reset, so there is no moment to save any more."""
    gate = threading.Event()

    class Slow(FakeWorld):
        def step(self, controls):
            for picture in super().step(controls):
                gate.wait(20)
                yield picture

    with Played(Slow()) as played:
        gate.set()
        played.chunks(1)
        gate.clear()
        played.driver.submit(played.generator, played.now)
        played.press("save", "reset")
        gate.set()
        played.hear("was not saved")
        assert not slot_path(played.folder / "slots", QUICK).exists()
        assert len(played.chunks(1)) == 4


def test_who_saves_and_leaves_at_once_has_it():
    """Even while its chunk is under way, and larger than the queue of frames that nobody takes any more."""
    world = FakeWorld(0.3, frames=40)
    with Played(world) as played:
        played.chunks(1)
        played.driver.submit(played.generator, played.now)
        played.press("save", "quit")
        assert isinstance(played.player.leaving, orders.Leave)
        left = played.saving.close()
        assert left == ["Saved"]
    with Played(FakeWorld(frames=40), folder=played.folder) as played:
        played.chunks(1)
        played.press("load")
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert played.player.last.chunk == 1
