"""Commands: what every command of the keymap does to a walk."""

import numpy as np
import pytest
from fake_world import FakeWorld
from played import Played
from video_fixtures import decode

from input.events import Press, Typed
from input.keymap import COMMANDS
from runtime import orders
from runtime.session import read_session
from runtime.session_log import SessionLog
from runtime.settings import HUDS
from runtime.strings import text

TRIED = {
    *("menu", "pause", "prompt", "reset", "new_seed", "save", "load", "rewind", "record", "screenshot", "hud"),
    *("help", "fullscreen", "toggle_mouse", "quit"),
}


@pytest.fixture
def played():
    with Played() as walk:
        walk.chunks(1)
        yield walk


def shown(played):
    """The lines in the corner of the picture."""
    hands, player = played.hands, played.player
    figures = {"fps_now": 1.0, "fps_generated": 1.0, "latency_ms": {"p50": 1, "p95": 1}, "dropped_frames": 0}
    hands.looks.hud = "off" if hands.looks.hud == "off" else "line"
    more = {"seconds": 99.0, "interactive": True, "banner": player.banner(played.now)}
    hands.looks.refresh(played.generator.info, player.shown_keys, player.panes, figures, player.held, **more)
    corner, _, banner, *_ = hands.looks.layers
    return corner.lines, banner.lines


def test_every_command_is_tried_here():
    assert set(COMMANDS) == TRIED


def test_menu_opens_the_pause_menu_and_its_key_closes_it(played):
    played.press("menu")
    assert len(played.player.panes) == 1 and played.player.standing
    played.press("menu")
    assert played.player.panes == [] and not played.player.standing


@pytest.mark.parametrize("command", COMMANDS)
def test_before_the_world_is_there_only_its_wait_can_be_given_up(command):
    """What is meant for a walk does nothing, and above all raises nothing."""
    played = Played()
    played.take(Press(command, played.key_of(command)))
    leaves = {"menu": orders.Home(), "quit": orders.Leave()}
    assert played.player.leaving == leaves.get(command) and played.player.panes == [] and played.said == []
    with played:
        assert played.chunks(1)


def test_pause_and_its_key_again(played):
    played.press("pause")
    assert played.player.standing and shown(played)[1] == [text("pause.title")]
    played.press("pause")
    assert not played.player.standing and shown(played)[1] == []


def test_reset_begins_again_and_new_seed_with_the_next(played):
    first = played.chunks(2)
    played.press("reset")
    assert played.generator.seed == 0 and played.player.fresh
    again = played.chunks(3)
    assert again[4:] == first
    played.press("new_seed")
    assert played.generator.seed == 1 and played.chunks(3) != again


def test_reset_ends_a_pause(played):
    played.press("pause", "reset")
    assert not played.player.standing


def test_record_begins_and_ends_a_recording(played):
    played.press("record")
    played.hear("Recording")
    played.chunks(3)
    assert played.recording.on
    played.press("record")
    assert not played.recording.on
    name = played.hear(".mp4").rpartition(" ")[2]
    assert len(decode(played.folder / "recordings" / name).frames) == 12


def test_a_screenshot_is_of_what_is_shown(played):
    played.press("screenshot")
    name = played.hear(".png").rpartition(" ")[2]
    assert (played.folder / "screenshots" / name).read_bytes().startswith(b"\x89PNG")


def test_a_screenshot_on_the_way_back_is_of_the_past(played, monkeypatch):
    played.chunks(4)
    taken = []
    monkeypatch.setattr(played.shots, "take", lambda pixels, *_: taken.append(pixels))
    played.take(Press("rewind", "backspace"))
    played.now += 0.2
    played.press("screenshot")
    assert np.array_equal(taken[0], played.player.picture(played.now))
    assert not np.array_equal(taken[0], played.player.last.pixels)


def test_hud_goes_round(played):
    seen = []
    for _ in HUDS:
        played.press("hud")
        seen.append(played.looks.hud)
    assert seen == ["line", "full", "off"]


def test_help_opens_and_closes(played):
    assert shown(played)[0] == []
    played.press("help")
    assert any("menu" in line for line in shown(played)[0])
    played.press("help")
    assert shown(played)[0] == []


def test_fullscreen_fills_the_screen_and_is_remembered(played):
    played.press("fullscreen")
    assert played.stage.fills[-1] is True and played.preferences.kept.fullscreen
    played.press("fullscreen")
    assert played.stage.fills[-1] is False and not played.preferences.kept.fullscreen


def test_toggle_mouse_lets_it_go_until_it_is_wanted_again(played):
    assert played.stage.captures[-1] is True
    played.press("toggle_mouse")
    assert played.stage.captures[-1] is False
    played.press("pause", "pause")
    assert played.stage.captures[-1] is False
    played.press("toggle_mouse")
    assert played.stage.captures[-1] is True


def test_quit_leaves(played):
    played.press("quit")
    assert played.player.leaving == orders.Leave()


def test_a_prompt_reaches_the_world_at_the_next_chunk_and_the_log(tmp_path):
    world, path = FakeWorld(takes_text=True), tmp_path / "o.session.jsonl"
    log = SessionLog(path)
    with Played(world, witnesses=(log,)) as played:
        played.chunks(2)
        played.press("prompt")
        played.take(Typed("a märket, 雨"))
        played.keys("return")
        assert played.player.panes == [] and shown(played)[1] == ["“a märket, 雨”"]
        played.chunks(1)
        assert world.prompts == ["a märket, 雨"]
        played.press("prompt")
        played.keys("up", "return")  # what was said before
        played.chunks(1)
        assert world.prompts == ["a märket, 雨"] * 2
        played.press("prompt")
        played.take(Typed("nothing"))
        played.keys("escape")
        assert world.prompts == ["a märket, 雨"] * 2 and played.player.panes == []
    log.close()
    events = read_session(path).events
    assert [getattr(event, "prompt", "") for event in events] == ["", "", "a märket, 雨", "", "a märket, 雨", ""]


def test_a_world_without_text_says_so():
    with Played(FakeWorld()) as played:
        played.chunks(1)
        played.press("prompt")
        played.hear("takes no text")
        assert played.player.panes == []
