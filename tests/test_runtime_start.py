"""The start screen: what a person can choose there with keys, a gamepad, the mouse, dropped and pasted pictures."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pygame
import pytest
from hands import choose, go, item, names, on, press
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from input.events import Click, Dropped, Pasted, Point, Press, Quit, Typed
from input.keymap import load_keymap
from model import registry
from runtime import library, strings
from runtime.image import StartImage, load_image
from runtime.library import NEEDS_GPU, NEEDS_WEIGHTS, READY, SessionEntry, WorldEntry
from runtime.option_types import SEEDS
from runtime.orders import Choice, Command, Leave, Say
from runtime.settings import Settings
from runtime.shelf import SlotEntry
from runtime.start import StartScreen
from runtime.world_page import Fetch, seed_for, typed_seed

PICTURE = np.full((90, 160, 3), 90, np.uint8)
WORLDS = [
    WorldEntry("cloister", "Cloister", "", READY, PICTURE),
    WorldEntry("matrix-game-2", "Matrix-Game 2.0", "", NEEDS_WEIGHTS, PICTURE, lacking=11_800_000_000),
    WorldEntry("matrix-game-2-templerun", "Temple run", "", NEEDS_GPU, PICTURE, problem="this world needs torch"),
]


@pytest.fixture(autouse=True)
def english(monkeypatch):
    strings.use("en")
    monkeypatch.setattr(library, "sessions", lambda: [])
    monkeypatch.setattr(library, "slots", lambda: [])


@pytest.fixture
def clipboard():
    """What is on it, to be filled by a test."""
    return []


@pytest.fixture
def screen(clipboard):
    return opened(clipboard)


def opened(clipboard=(), look=lambda: WORLDS, **now) -> StartScreen:
    def pasted():
        return clipboard[-1] if clipboard else None

    screen = StartScreen(Settings(**now), load_keymap(), pasted, look=look, draw=lambda: 35)
    for _ in range(500):
        screen._receive()
        if "looking" not in names(screen):
            return screen
        time.sleep(0.01)
    raise AssertionError("nobody found the worlds")


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "a court.png"
    Image.fromarray(PICTURE).save(path)
    return path


def test_it_answers_while_it_looks_for_worlds():
    wait = [True]

    def look():
        while wait:
            time.sleep(0.01)
        return WORLDS

    screen = StartScreen(Settings(), load_keymap(), lambda: None, look=look)
    assert names(screen)[0] == "looking" and on(screen) == "sessions"
    assert choose(screen, "settings") is None and "hud" in names(screen)
    press(screen, "escape")
    wait.clear()
    end = time.monotonic() + 10
    while "world:cloister" not in names(screen) and time.monotonic() < end:
        assert press(screen, "") is None
    assert on(screen) == "world:cloister"


def test_two_presses_play_the_first_world(screen):
    assert press(screen, "return") is None
    assert press(screen, "return") == Choice(world="cloister", seed=35)


def test_a_gamepad_and_the_mouse_do_the_same(screen):
    assert press(screen, "pad a", "pad a") == Choice(world="cloister", seed=35)
    press(screen, "pad b")
    surface = pygame.Surface((960, 540))
    screen.draw(surface)
    spots = {screen._book._view.item_at(x, y): (x, y) for x in range(0, 960, 8) for y in range(0, 540, 8)}
    index = names(screen).index("world:matrix-game-2")
    assert screen.take(Point(*spots[index])) is None and on(screen) == "world:matrix-game-2"
    screen.take(Click(*spots[index]))
    assert on(screen) == "fetch"


def test_worlds_that_lack_something_say_so(screen):
    assert item(screen, "world:matrix-game-2").detail == "11.8 GB to download"
    assert choose(screen, "world:matrix-game-2", "fetch") == Fetch("matrix-game-2")
    press(screen, "escape")
    assert choose(screen, "world:matrix-game-2-templerun") is None
    assert "torch" in item(screen, "play").detail and not item(screen, "play").enabled
    assert choose(screen, "play") is None


def test_what_was_fetched_shows_on_the_open_page(clipboard):
    worlds = list(WORLDS)
    screen = opened(clipboard, look=lambda: worlds)
    choose(screen, "world:matrix-game-2")
    worlds[1] = WorldEntry("matrix-game-2", "Matrix-Game 2.0", "", READY, PICTURE)
    screen.look_again()
    end = time.monotonic() + 10
    while "fetch" in names(screen) and time.monotonic() < end:
        press(screen, "")
    assert choose(screen, "play") == Choice(world="matrix-game-2", seed=35)


def test_a_seed_is_typed_pasted_or_drawn(screen, clipboard):
    press(screen, "return")
    assert not screen.wants_text
    go(screen, "seed")
    assert screen.wants_text and item(screen, "seed").detail == "35"
    for event in (Press("", "1"), Typed("1"), Typed("2x"), Press("", "backspace"), Typed("7")):
        assert screen.take(event) is None
    assert item(screen, "seed").detail == "17_"
    press(screen, "return")
    assert on(screen) == "play" and press(screen, "return") == Choice(world="cloister", seed=17)
    go(screen, "seed")
    clipboard.append(" 123\n")
    assert screen.take(Pasted()) is None and item(screen, "seed").detail == "123_"
    choose(screen, "random")
    assert choose(screen, "play") == Choice(world="cloister", seed=35)


@given(st.integers(0, SEEDS - 1), st.integers(1, 40), st.data())
def test_a_start_picture_of_the_world_is_a_seed_that_leads_to_it(seed, starts, data):
    start = data.draw(st.integers(0, starts - 1))
    found = seed_for(seed, start, starts)
    assert 0 <= found < SEEDS and registry.start_index(found, starts) == start and abs(found - seed) < 2 * starts


@given(st.text("0123456789", max_size=12), st.text(max_size=5))
def test_whatever_is_typed_stays_a_seed(digits, more):
    before = typed_seed("", digits)
    after = typed_seed(before, more)
    assert after == "" or 0 <= int(after) < SEEDS


def test_choosing_one_of_the_worlds_own_pictures(screen):
    press(screen, "return")
    assert item(screen, "starts").detail == "4 of 16"
    choose(screen, "starts", "9")
    assert item(screen, "starts").detail == "10 of 16"
    assert choose(screen, "play") == Choice(world="cloister", seed=41)


def test_a_dropped_picture_opens_the_world_with_it(screen, picture):
    assert screen.take(Dropped(str(picture))) is None
    order = press(screen, "return")
    assert (order.world, order.image.path) == ("cloister", str(picture)) and order.image.pixels.shape == (90, 160, 3)
    assert item(screen, "starts").detail == "a court.png"
    choose(screen, "own")
    assert choose(screen, "play") == Choice(world="cloister", seed=35)


@pytest.mark.parametrize("written", ["{path}", "'{path}'", "  {path}\n", "{uri}", "copy\n{uri}\n{uri}"])
def test_a_pasted_path_is_a_picture(screen, clipboard, picture, written):
    clipboard.append(written.format(path=picture, uri=picture.as_uri()))
    press(screen, "return")
    assert screen.take(Pasted()) is None
    assert press(screen, "return").image.sha256 == load_image(picture).sha256
    assert item(screen, "starts").detail == "a court.png"


def test_a_pasted_picture_is_taken_as_it_is(screen, clipboard):
    clipboard.append(StartImage("/pasted.png", "0" * 64, PICTURE))
    press(screen, "return")
    choose(screen, "paste")
    assert choose(screen, "play").image is clipboard[0]


@pytest.mark.parametrize("content", [None, "", "none.png", "a\0b", "~nobody-of-that-name/x.png", "file://", "/"])
def test_what_is_no_picture_is_one_line(screen, clipboard, content):
    clipboard.append(content)
    for order in (screen.take(Pasted()), screen.take(Dropped(content or "."))):
        assert isinstance(order, Say) and "\n" not in order.text
    assert choose(screen, "world:cloister", "play") == Choice(world="cloister", seed=35)


def test_sessions_are_watched_or_gone_on_with(screen, monkeypatch, tmp_path):
    found = [SessionEntry(tmp_path / "a", "cloister", 1e9, 95), SessionEntry(tmp_path / "b", "", 0, 0, "damaged: cut")]
    monkeypatch.setattr(library, "sessions", lambda: found)
    choose(screen, "sessions")
    assert "1 min 35 s" in item(screen, "0").detail and item(screen, "0").label == "Cloister"
    assert not item(screen, "1").enabled and item(screen, "1").detail == "damaged: cut"
    assert choose(screen, "0", "watch") == Choice(replay=tmp_path / "a")
    assert choose(screen, "resume") == Choice(resume=tmp_path / "a")


def test_saved_worlds_are_gone_on_with(screen, monkeypatch, tmp_path):
    good = SlotEntry("one", tmp_path / "1", "cloister", "Cloister", "2026-05-01T10:20:30+02:00", PICTURE)
    bad = SlotEntry("two", tmp_path / "2", problem="damaged: cut")
    monkeypatch.setattr(library, "slots", lambda: [good, bad])
    choose(screen, "slots")
    assert item(screen, "slot:one").detail == "Cloister   2026-05-01 10:20"
    assert choose(screen, "slot:two") is None
    go(screen, "back")
    assert choose(screen, "slot:one") == Choice(world="cloister", slot="one")


def test_going_back_from_the_first_page_leaves_nothing(screen):
    assert press(screen, "escape", "escape", "pad b") is None and on(screen) == "world:cloister"
    assert choose(screen, "quit") == Leave() == screen.take(Quit())
    assert screen.take(Press("fullscreen", "f11")) == Command("fullscreen")


def test_the_world_of_the_settings_is_where_one_begins():
    assert on(opened(world="matrix-game-2")) == "world:matrix-game-2"


def test_worlds_without_words_of_their_own_keep_their_summary():
    screen = opened(look=lambda: [WorldEntry("mine", "Mine", "a garden", READY, None)])
    assert screen._book.top.menu.hint == "Mine: a garden"


@settings(max_examples=3, deadline=None)
@given(st.sampled_from(["en", "zh-CN"]))
def test_every_page_is_drawn_in_every_language(language):
    strings.use(language)
    screen, surface = opened(), pygame.Surface((320, 200))
    for path in ((), ("world:cloister",), ("starts",)):
        choose(screen, *path)
        screen.draw(surface)
    strings.use("en")
