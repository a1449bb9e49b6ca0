"""Deleting saved worlds: asked for once, with any device, from the start screen and in the middle of a walk."""

from __future__ import annotations

import pygame
import pytest
from hands import choose, go, item, menu_of, names, on, press
from played import Played
from stage import Stage
from test_runtime_slots import slot_of

from input.events import Click, Press
from input.keymap import load_keymap
from runtime import folders, library, orders, strings
from runtime.library import forget_slot
from runtime.options import parse_options
from runtime.pause_menu import PauseMenu
from runtime.preferences import Preferences
from runtime.settings import Settings
from runtime.shelf import QUICK, slot_path
from runtime.slots import write_slot
from runtime.walk import Table
from runtime.welcome import Welcome

SIZE = (960, 540)


@pytest.fixture(autouse=True)
def saved(tmp_path, monkeypatch):
    """Three saved worlds, one of them damaged: their folder."""
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path))
    monkeypatch.setattr(library, "worlds", lambda weights: [])
    strings.use("en")
    folder = folders.slots_folder()
    folder.mkdir(parents=True)
    for name in ("garden", QUICK):
        write_slot(slot_path(folder, name), slot_of())
    slot_path(folder, "cut").write_bytes(b"\x10")
    return folder


def left(folder):
    return sorted(path.stem for path in folder.glob("*.safetensors"))


def opened() -> PauseMenu:
    keymap = load_keymap()
    return PauseMenu(Settings(), keymap, lambda: None, base=keymap, world="cloister", seed=7, recording=False)


def clicked(menu, name):
    """Click on the middle of an item, as drawn."""
    menu.draw(pygame.Surface(SIZE))
    index = names(menu).index(name)
    every = ((x, y) for y in range(0, SIZE[1], 4) for x in range(0, SIZE[0], 8))
    spots = [spot for spot in every if menu._book._view.item_at(*spot) == index]
    return menu.take(Click(*spots[len(spots) // 2]))


def activated(menu, name, key):
    go(menu, name)
    return press(menu, key)


@pytest.mark.parametrize("do", [clicked, *(lambda m, n, k=k: activated(m, n, k) for k in ("return", "pad a"))])
def test_it_is_asked_once_with_any_device(do):
    menu = opened()
    assert [do(menu, name) for name in ("load", "delete", "slot:garden")] == [None] * 3
    assert on(menu) == "back" and menu_of(menu).title == "Delete garden?"
    assert do(menu, "back") is None and on(menu) == "slot:garden"
    assert [do(menu, name) for name in ("slot:garden", "sure")] == [None, orders.Delete("garden")]
    assert menu_of(menu).title == "Delete a saved world"


def test_what_is_damaged_can_be_deleted_and_not_loaded():
    menu = opened()
    choose(menu, "load")
    assert choose(menu, "slot:cut") is None and not item(menu, "slot:cut").enabled
    assert choose(menu, "delete", "slot:cut", "sure") == orders.Delete("cut")


def test_in_a_walk_it_is_gone_and_the_walk_goes_on(saved):
    with Played(folder=saved.parent) as played:
        played.chunks(1)
        played.menu("load")
        menu = played.player.panes[-1]
        for name in ("delete", f"slot:{QUICK}", "sure"):
            go(menu, name)
            played.keys("return")
        assert played.hear("was deleted") == "Quick save was deleted" and left(saved) == ["cut", "garden"]
        assert names(menu) == ["slot:garden", "slot:cut", "back"]
        played.keys("escape")
        assert f"slot:{QUICK}" not in names(menu) and "slot:garden" in names(menu)
        played.press("menu", "menu")
        assert not played.player.standing and played.chunks(1)


def test_on_the_start_screen_it_is_gone_down_to_the_last_one(saved):
    table = Table(parse_options([]), Stage, Preferences(Settings(), {}, None), load_keymap(), None, print)
    welcome = Welcome(table, lambda: 1.0, lambda _: None)
    screen = welcome._scene
    choose(screen, "slots", "delete")
    for name in ("garden", QUICK, "cut"):
        choose(screen, f"slot:{name}")
        go(screen, "sure")
        welcome._take(Press("", "return"))
    assert left(saved) == [] and names(screen) == ["none", "back"]
    assert [toast.text for toast in welcome._looks._toasts._toasts][-1] == "cut was deleted"
    press(screen, "escape")
    assert names(screen) == ["none", "back"], "there is nothing to delete any more"


def test_what_cannot_be_deleted_is_one_line(saved):
    assert "no slot 'gone'" in forget_slot("gone")
    slot_path(saved, "folder").mkdir()
    assert "cannot delete" in forget_slot("folder") and "\n" not in forget_slot("folder")
