"""Dragging sliders by the mouse: they follow it on the bar and off it, until it is let go, and nothing else does."""

from __future__ import annotations

import pygame
import pytest
from hands import go, names, on, press
from test_runtime_settings_page import opened

from input.events import Click, FocusLost, Point, Press, Release
from runtime import preferences
from runtime.menu import Item, Menu
from runtime.orders import Adopt
from runtime.pages import Page
from runtime.preferences import Preferences
from runtime.settings import SPANS, Settings
from runtime.settings_page import SettingsPage


class Before(Page):
    """A page that leads to the settings."""

    def __init__(self, shared):
        self._shared = shared
        super().__init__()

    def make(self):
        return Menu("Before", (Item("settings", "Settings"),))

    def chosen(self, name):
        return SettingsPage(self._shared)


def bar(page, name):
    """Where the slider `name` is on a window of 1280x720: (left, right, middle) pixels of its bar."""
    page.draw(pygame.Surface((1280, 720)))
    index = names(page).index(name)
    spots = [(x, y) for y in range(0, 720, 4) for x in range(1280) if shared_at(page, x, y) == index]
    middle = sorted(y for _, y in spots)[len(spots) // 2]
    return min(x for x, y in spots), max(x for x, y in spots), middle


def shared_at(page, x, y):
    """The item at (x, y) if a click there sets its value, else None."""
    spot = page._view.spot_at(x, y)
    return spot.item if spot is not None and spot.share is not None else None


def adopted(order):
    assert isinstance(order, Adopt), order
    return order.settings


def test_a_slider_is_dragged_by_the_mouse_wherever_it_goes_until_it_is_let_go():
    page = opened(SettingsPage)
    go(page, "look_smoothing")
    left, right, y = bar(page, "look_smoothing")
    low, high, _ = SPANS["look_smoothing"]
    assert page.take(Point((left + right) // 2, y)) is None, "a mouse that presses nothing drags nothing"
    values = [adopted(page.take(Click((left + right) // 2, y))).look_smoothing]
    for x, away in ((left + (right - left) * 3 // 4, 0), (right, 5), (right + 400, 300)):
        order = page.take(Point(x, y - away))
        values += [adopted(order).look_smoothing] if order else []
    assert values == sorted(set(values)) and values[-1] == high, "it does not follow, on the bar and off it"
    assert adopted(page.take(Point(-50, 0))).look_smoothing == low and on(page) == "look_smoothing"
    assert adopted(page.take(Release("", "mouse left"))).look_smoothing == low
    assert page.take(Point((left + right) // 2, y)) is None and page.shared.settings.look_smoothing == low


@pytest.mark.parametrize("end", [Release("", "mouse left"), FocusLost(), Press("", "escape")])
def test_a_drag_is_written_down_once_where_it_is_let_go_and_a_key_at_once(tmp_path, monkeypatch, end):
    written = []
    monkeypatch.setattr(preferences, "save_settings", written.append)
    page, kept = opened(Before), Preferences(Settings(), {}, tmp_path / "bindings.yaml")

    def take(event):
        order = page.take(event)
        if order is not None:
            kept.adopt(order.settings, order.passing)

    take(Press("", "return"))
    go(page, "look_smoothing")
    left, right, y = bar(page, "look_smoothing")
    for event in (Click(left, y), *(Point(x, y) for x in range(left, right, 8))):
        take(event)
    assert kept.now == page.shared.settings != Settings() and written == []
    take(end)
    assert written == [kept.kept] == [page.shared.settings]
    kept.settle()
    assert len(written) == 1
    if isinstance(end, Release):
        take(Press("", "left"))
        assert len(written) == 2 and written[1] == page.shared.settings != written[0]


def test_what_is_held_to_the_end_is_written_then(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(preferences, "save_settings", written.append)
    kept = Preferences(Settings(), {}, tmp_path / "bindings.yaml")
    kept.adopt(Settings(rewind_mb=64), passing=True)
    assert written == [] and kept.now.rewind_mb == 64
    kept.settle()
    kept.settle()
    assert written == [Settings(rewind_mb=64)]


@pytest.mark.parametrize("end", [FocusLost(), Press("", "escape")])
def test_what_hides_the_release_or_the_slider_ends_a_drag(end):
    page = opened(Before)
    press(page, "return")
    go(page, "look_smoothing")
    left, right, y = bar(page, "look_smoothing")
    page.take(Click((left + right) // 2, y))
    page.take(end)
    if end != FocusLost():
        press(page, "return")
        go(page, "look_smoothing")
    page.draw(pygame.Surface((1280, 720)))
    assert page.take(Point(right, y)) is None


def test_nothing_but_a_slider_is_dragged():
    page = opened(SettingsPage)
    go(page, "hud")
    left, right, y = bar(page, "hud")
    assert adopted(page.take(Click(right, y))).hud == "line"
    assert page.take(Point(left, y)) is None and page.take(Point(right, y)) is None


def test_the_size_of_menus_is_dragged_steadily_though_the_bar_moves_with_it():
    page = opened(SettingsPage)
    go(page, "interface_scale")
    left, right, y = bar(page, "interface_scale")
    page.take(Click(left, y))
    values = []
    for x in range(left, right, 4):
        order = page.take(Point(x, y))
        values += [adopted(order).interface_scale] if order else []
        page.draw(pygame.Surface((1280, 720)))
    assert values == sorted(values) and values[-1] > 2.8 and len(values) > 20
