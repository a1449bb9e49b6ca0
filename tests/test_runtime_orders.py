"""Orders: what a pane's orders, and choices in the pause menu, do to a walk."""

import numpy as np
import pytest
from played import Played

from input.keymap import Keymap
from runtime import orders, strings
from runtime.driver import Live
from runtime.image import StartImage
from runtime.settings import Settings


@pytest.fixture
def played():
    with Played() as walk:
        walk.chunks(1)
        yield walk


@pytest.fixture(autouse=True)
def english():
    yield
    strings.use("en")


def test_another_picture_begins_again_from_it(played):
    picture = StartImage("a.png", "0" * 64, np.full((72, 128, 3), 9, np.uint8))
    before = played.chunks(1)
    played.press("menu")
    played.obey(orders.Begin(image=picture))
    assert played.player.panes == [] and played.generator.image is picture
    assert played.chunks(1) != before


def test_settings_are_applied_at_once(played):
    played.press("menu")
    asked = Settings(
        mouse_sensitivity=2.0, hud="full", latency="smooth", language="zh-CN", rewind_mb=64, interface_scale=2.0
    )
    played.obey(orders.Adopt(asked))
    assert played.controls.feel == played.preferences.feel() and played.governor.mode == "smooth"
    assert played.looks.hud == "full" and played.looks.style.scale == 2.0
    played.press("menu", "prompt")
    played.player.say(strings.text("slots.nothing"))
    assert "Nothing" not in played.said[-1]


def test_keys_that_are_bound_anew_are_used_and_written_down(tmp_path):
    with Played(bindings=tmp_path / "bindings.yaml") as played:
        played.chunks(1)
        played.press("menu")
        played.obey(orders.Rebind(Keymap({**played.player.keymap.by_key, "o": "pause"})))
        assert played.key_of("pause") and played.player.keymap.action_of("o") == "pause"
        assert "o" in (tmp_path / "bindings.yaml").read_text()


def test_another_engine_is_loaded_where_the_walk_is_once_the_menu_closes(played):
    played.press("menu")
    played.obey(orders.Adopt(Settings(engine="eager")))
    played.tick()
    assert played.player.leaving is None
    played.press("menu")
    played.wait(lambda: played.player.leaving, played.tick)
    left = played.player.leaving
    assert (left.world, left.slot) == ("cloister", "reloaded") and played.said == []
    assert (played.folder / "slots" / "reloaded.safetensors").is_file()


@pytest.mark.parametrize(
    ("order", "left"),
    [
        (orders.Begin(seed=5), orders.Choice("cloister", 5)),
        (orders.Begin(), orders.Choice("cloister", 0)),
        (orders.Load("tower"), orders.Choice("cloister", slot="tower")),
    ],
)
def test_another_engine_is_loaded_for_what_is_asked_for_besides(played, order, left):
    played.press("menu")
    played.obey(orders.Adopt(Settings(engine="eager")))
    played.obey(order)
    assert played.player.leaving == left


def test_home_and_another_choice_leave_the_walk(played):
    played.menu("home")
    assert played.player.leaving == orders.Home()
    played.press("menu")
    played.menu("quit")
    assert played.player.leaving == orders.Leave()


def test_the_menu_knows_what_became_of_a_recording(played):
    (played.folder / "recordings").write_text("in the way")
    played.menu("record")
    assert not played.recording.on and not played.player.panes[-1]._page.recording
    played.hear("ecord")
    (played.folder / "recordings").unlink()
    played.keys("return")
    assert played.recording.on and played.player.panes[-1]._page.recording


def test_help_from_the_menu_closes_it(played):
    played.menu("help")
    assert played.player.panes == [] and played.looks._help


def test_a_session_that_is_watched_is_not_led_elsewhere():
    class Watched(Live):
        interactive = False

    with Played(driver=None) as played:
        played.hands.driver = Watched(played.controls, 0)
        played.chunks(2)
        epoch = played.generator.epoch
        played.press("reset", "new_seed", "load", "rewind")
        played.menu("again")
        assert len(played.player.panes) == 1
        played.hear("led elsewhere")
        played.obey(orders.Load("tower"))
        played.hear("led elsewhere")
        assert played.generator.epoch == epoch
