"""The pages of settings and of keys: all is on them, changes are orders, and keys that are taken are asked for."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hands import choose, go, item, menu_of, names, on, press
from hypothesis import given, settings
from hypothesis import strategies as st

from input.events import Click, Press, Release, Stick, Wheel
from input.keymap import ACTIONS, Keymap, load_keymap
from input.motion import ROLES
from runtime import strings
from runtime.keys_page import CapturePage, KeysPage
from runtime.orders import Adopt, Close, Rebind, Say
from runtime.pages import Book, Shared
from runtime.settings import CHOICES, SPANS, Settings, cost_of
from runtime.settings_page import GROUPS, TOLD, SettingsPage


@pytest.fixture(autouse=True)
def english():
    strings.use("en")
    yield
    strings.use("en")


def opened(page: type, **now: object) -> Book:
    """A stack that begins with `page`; hands.py takes it for a screen."""
    keymap = load_keymap()
    shared = Shared(Settings(**now), keymap, keymap, lambda: None, {"cloister": "Cloister"})
    book = Book(shared, page(shared), Close(), lambda image: None)
    book._book, book.shared = book, shared
    return book


def test_every_setting_is_on_the_page_once_and_says_what_it_costs():
    shown = [name for group in GROUPS.values() for name in group]
    assert sorted(shown) == sorted(field.name for field in fields(Settings))
    words = {"live": "at once", "chunk": "from the next chunk", "restart": "loads the world again"}
    page = opened(SettingsPage)
    for name in shown:
        assert item(page, name).detail == words[cost_of(name)]
        assert item(page, name).value == getattr(Settings(), name)


def test_what_a_setting_does_is_said_at_the_foot():
    page = opened(SettingsPage)
    go(page, "flash_guard")
    assert "brightness" in menu_of(page).hint
    go(page, "fullscreen")
    assert menu_of(page).hint == strings.text("settings.hint")
    assert set(TOLD) <= {field.name for field in fields(Settings)}


def test_every_value_of_a_setting_can_be_chosen():
    page = opened(SettingsPage)
    for name, choices in CHOICES.items():
        assert {value for value, _ in item(page, name).options} == set(choices)
        assert all(words.strip() for _, words in item(page, name).options)
    for name, span in SPANS.items():
        assert (item(page, name).kind, item(page, name).span) == ("slider", span)
    assert [value for value, _ in item(page, "world").options] == ["", "cloister"]
    own = opened(SettingsPage, world="/my/world")
    assert ("/my/world", "/my/world") in item(own, "world").options


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        *(("vsync", "return", True), ("hud", "right", "line"), ("language", "pad a", "en")),
        *(("interface_scale", "right", 1.1), ("rewind_mb", "left", 192), ("dead_zone", "pad dpad right", 0.16)),
    ],
)
def test_a_change_is_an_order_and_stays(name, key, value):
    page = opened(SettingsPage)
    go(page, name)
    order = press(page, key)
    assert order == Adopt(replace(Settings(), **{name: value}))
    assert item(page, name).value == value and on(page) == name
    assert choose(page, "defaults") == Adopt(Settings()) and not item(page, "defaults").enabled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["up", "down", "left", "right", "right", "return", "page down"]), max_size=60))
def test_whatever_is_changed_the_settings_hold(keys):
    page, now = opened(SettingsPage), Settings()
    for key in keys:
        order = press(page, key)
        if isinstance(order, Adopt):
            assert order.settings != now
            now = order.settings
    assert page.shared.settings == now


def test_a_new_language_is_seen_at_once():
    page = opened(SettingsPage)
    go(page, "language")
    order = press(page, "left", "right", "right")
    assert order.settings.language == "zh-CN"
    strings.use(order.settings.language)  # as the player does
    assert menu_of(page).title == "设置" and item(page, "vsync").detail == "立即生效"


def test_every_action_is_on_the_page_of_keys():
    page = opened(KeysPage)
    assert {name for name in names(page)} >= {*ACTIONS, *ROLES}
    assert "w" in item(page, "forward").detail.split(" / ")


def test_a_free_key_is_bound_at_once():
    page = opened(KeysPage)
    choose(page, "forward", "press")
    page.take(Release("", "return"))
    order = press(page, "x")
    assert isinstance(order, Rebind) and order.keymap.action_of("x") == "forward"
    assert on(page) == "press" and "x" in item(page, "press").detail
    assert choose(page, "first").keymap.keys_of("forward") == load_keymap().keys_of("forward")
    assert choose(page, "none").keymap.keys_of("forward") == []


def test_a_taken_key_is_asked_for():
    page = opened(KeysPage)
    choose(page, "forward", "press")
    assert page.take(Press("back", "s")) is None
    assert menu_of(page).title == "s is the key for: back" and on(page) == "back"
    press(page, "return")
    assert isinstance(page.top, CapturePage) and page.shared.keymap == load_keymap()
    page.take(Press("back", "s"))
    order = choose(page, "take")
    assert order.keymap.action_of("s") == "forward" and "s" not in order.keymap.keys_of("back")
    assert names(page)[0] == "press"


def test_escape_leaves_the_keys_as_they_were():
    page = opened(KeysPage)
    choose(page, "forward", "press")
    assert page.take(Press("menu", "escape")) is None and names(page)[0] == "press"
    assert page.shared.keymap == load_keymap()


def test_keys_that_are_commands_are_captured_and_sticks_are_pushed():
    page = opened(KeysPage)
    choose(page, "forward", "press")
    assert page.take(Press("quit", "f10")) is None and "quit" in menu_of(page).title
    press(page, "escape", "escape", "escape")
    choose(page, "look", "press")
    for event in (Press("", "x"), Stick("right stick", 0.2, 0.1), Stick("left stick", 0.3, 0)):
        assert page.take(event) is None and isinstance(page.top, CapturePage)
    assert page.take(Stick("left stick", 0, -1)) is None and menu_of(page).title == "left stick is the key for: walk"
    order = choose(page, "take")
    assert order.keymap.action_of("left stick") == "look" and order.keymap.action_of("right stick") == "move"


@pytest.mark.parametrize(
    ("event", "key"),
    [(Click(0, 0), "mouse left"), (Press("", "mouse right"), "mouse right"), (Wheel(1.0), "wheel up")],
)
def test_the_mouse_has_keys_too(event, key):
    page = opened(KeysPage)
    choose(page, "jump", "press")
    assert page.take(event).keymap.action_of(key) == "jump"


def test_the_last_key_of_the_menu_stays():
    page = opened(KeysPage)
    only = {key: action for key, action in load_keymap().by_key.items() if action != "menu"} | {"tab": "menu"}
    page.shared.keymap = Keymap(only)
    choose(page, "forward", "press")
    order = page.take(Press("menu", "tab"))
    assert isinstance(order, Say) and "menu" in order.text and page.shared.keymap.by_key == only


def test_all_keys_are_reset_only_when_asked():
    page = opened(KeysPage)
    assert not item(page, "defaults").enabled
    choose(page, "forward", "press")
    press(page, "x")
    press(page, "escape")
    assert choose(page, "defaults") is None and on(page) == "back"
    assert choose(page, "reset") == Rebind(load_keymap()) and not item(page, "defaults").enabled


KEYS = [
    "up",
    "down",
    "return",
    "return",
    "escape",
    "x",
    "s",
    "f10",
    "pad a",
    "pad b",
    "pad x",
    "tab",
    "ö",
    "mouse right",
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(KEYS), max_size=80))
def test_whatever_is_pressed_the_menu_keeps_a_key_and_no_key_does_two_things(keys):
    page = opened(KeysPage)
    for key in keys:
        keymap = page.shared.keymap
        order = page.take(Press(keymap.action_of(key) or "", key))
        if isinstance(order, Rebind):
            assert order.keymap is page.shared.keymap
        assert page.shared.keymap.keys_of("menu", "keyboard")
        menu = menu_of(page)
        assert menu.items[menu.cursor].kind != "heading"
