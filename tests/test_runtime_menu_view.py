"""Menus as pictures: everything is inside the sheet, the cursor is seen, and the mouse finds what is drawn."""

from __future__ import annotations

import numpy as np
import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.events import Click
from runtime import strings
from runtime.layers import Style
from runtime.menu import Changed, Item, Menu, take
from runtime.menu_layout import lay_out
from runtime.menu_view import MenuView, scrolled, thumbnail

PICTURE = np.full((20, 40, 3), (200, 40, 90), np.uint8)


def page(cursor=1, columns=1, more=0):
    items = (
        Item("heading", "Picture and sound", "heading"),
        Item("button", "A button", detail="beside it"),
        Item("toggle", "A toggle", "toggle", True, detail="What it does takes quite a few words to explain, " * 4),
        Item("slider", "A slider", "slider", 1.5, span=(0.5, 3.0, 0.1)),
        Item("choice", "A choice", "choice", "b", (("a", "First"), ("b", "The second of all"), ("c", "Third"))),
        Item("key", "Forward", "key", detail="w / up"),
        Item("gone", "Not now", "slider", 3, span=(0, 9, 1), detail="A reason", enabled=False),
        *(Item(f"card{n}", f"World {n}", "card", detail="ready", picture=PICTURE if n else None) for n in range(5)),
        *(Item(f"more{n}", f"More {n}") for n in range(more)),
    )
    return Menu("A page", items, cursor, "Esc goes back", columns)


def drawn(menu, size, style=None):
    view = MenuView(style or Style())
    surface = pygame.Surface(size)
    surface.fill((120, 120, 120))
    view.draw(surface, menu)
    return view, surface


def centres(view, size):
    """The middle of everything that item_at finds, by item: looked for as a mouse would, on a grid."""
    found = {}
    for y in range(0, size[1], max(2, size[1] // 200)):
        for x in range(0, size[0], max(3, size[0] // 60)):
            item = view.item_at(x, y)
            if item is not None:
                found.setdefault(item, []).append((x, y))
    return {
        item: tuple(sum(values) // len(points) for values in zip(*points, strict=True))
        for item, points in found.items()
    }


@pytest.mark.parametrize(
    ("size", "style", "columns"),
    [
        ((320, 240), Style(), 1),
        ((320, 240), Style(3.0), 3),
        ((1280, 720), Style(3.0), 1),
        ((1280, 720), Style(0.5, True), 3),
        ((500, 900), Style(), 3),
        ((3840, 2160), Style(1.5), 3),
    ],
)
def test_the_cursor_is_always_seen_and_found(size, style, columns):
    menu = page(columns=columns, more=8)
    view, surface = MenuView(style), pygame.Surface(size)
    for cursor in (1, 19, 4, 9, 0):
        view.draw(surface, Menu(menu.title, menu.items, cursor, menu.hint, columns))
        assert (cursor or 1) in centres(view, size)
    assert view.item_at(0, 0) is None and view.item_at(size[0] - 1, size[1] - 1) is None


def test_a_menu_is_drawn_and_only_when_something_changed(monkeypatch):
    view, surface = drawn(page(), (640, 480))
    painted = []
    monkeypatch.setattr(view, "_paint", lambda *arguments: painted.append(arguments))
    view.draw(surface, page())
    assert painted == []
    changes = [(page(cursor=2), Style(), (640, 480)), (page(cursor=2), Style(1.5), (640, 480))]
    for menu, style, size in [*changes, (page(cursor=2), Style(1.5), (641, 480))]:
        view.style = style
        view.draw(pygame.Surface(size), menu)
        view.draw(pygame.Surface(size), menu)
    assert len(painted) == 3
    menu = page(cursor=2)
    other = Menu(
        menu.title, (*menu.items[:-1], Item("card4", "World 4", "card", detail="ready", picture=PICTURE + 1)), 2
    )
    view.draw(pygame.Surface((641, 480)), Menu(other.title, other.items, 2, menu.hint))
    assert len(painted) == 4


def test_the_picture_behind_is_dimmed_and_the_sheet_is_not_see_through():
    view, surface = drawn(page(), (1280, 720))
    assert 0 < surface.get_at((3, 3))[0] < 100
    view, surface = drawn(page(), (1280, 720), Style(high_contrast=True))
    assert surface.get_at((640, 30))[:3] == (0, 0, 0)


def test_high_contrast_frames_the_focus_in_white():
    view, surface = drawn(page(cursor=1), (1280, 720), Style(high_contrast=True))
    x, y = centres(view, (1280, 720))[1]
    while view.item_at(x, y - 1) == 1:
        y -= 1
    assert surface.get_at((x, y))[:3] == (255, 255, 255) == surface.get_at((x, y + 1))[:3]


@pytest.mark.parametrize("size", [(320, 240), (1280, 720)])
def test_a_click_on_a_bar_sets_the_slider_and_on_the_sides_changes_the_choice(size):
    menu = page(cursor=4)
    view, _ = drawn(menu, size)
    middle = centres(view, size)
    row = [view.spot_at(x, middle[3][1]) for x in range(size[0])]
    shares = [spot.share for spot in row if spot and spot.share is not None]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0) and len(shares) > 20
    assert take(menu, Click(0, 0), next(spot for spot in row if spot and spot.share == 1.0))[1] == Changed(
        "slider", 3.0
    )
    row = [view.spot_at(x, middle[4][1]) for x in range(size[0])]
    left = next(spot for spot in row if spot and spot.share is not None)
    right = next(spot for spot in reversed(row) if spot and spot.share is not None)
    assert take(menu, Click(0, 0), left)[1] == Changed("choice", "a")
    assert take(menu, Click(0, 0), right)[1] == Changed("choice", "c")


@settings(max_examples=15, deadline=None)
@given(st.integers(80, 1500), st.integers(6, 60), st.integers(1, 5), st.text(max_size=40))
def test_items_never_overlap_nor_leave_the_page(width, size, columns, words):
    width = max(width, 13 * size)  # what runtime/font.py leaves of the narrowest window
    menu = page(columns=columns)
    odd = (Item("k", words, "key", detail=words), Item("o", words, detail=words), Item("w", "", "words", detail=words))
    menu = Menu("T", (*menu.items, *odd), 0, "", columns)
    places, height = lay_out(menu, width, size)
    assert [place.index for place in places] == list(range(len(menu.items)))
    bounds = pygame.Rect(0, 0, width, height)
    for number, place in enumerate(places):
        assert bounds.contains(place.rect) and place.rect.collidelist([one.rect for one in places[:number]]) == -1
        assert place.value is None or place.rect.contains(place.value)
        assert place.thumb is None or place.rect.contains(place.thumb)
        assert place.rect.collidelist([one.rect for one in places[number + 1 :]]) == -1
    for cursor in range(len(places)):
        scroll = scrolled(height, places, cursor, 100, size)
        rect = places[cursor].rect.move(0, -scroll)
        assert 0 <= scroll <= max(0, height - 100) and (rect.height > 100 or (rect.top >= 0 and rect.bottom <= 100))


def test_words_of_values_follow_the_language():
    english, chinese = drawn(page(), (640, 480))[1], None
    try:
        strings.use("zh-CN")
        chinese = drawn(page(), (640, 480))[1]
    finally:
        strings.use("en")
    assert pygame.image.tobytes(english, "RGB") != pygame.image.tobytes(chinese, "RGB")


def test_thumbnails_are_cut_and_dark_where_not_to_be_had():
    wide = np.zeros((10, 100, 3), np.uint8)
    wide[:, 40:60] = (10, 200, 30)
    made = thumbnail(wide, (32, 18), 4, True)
    assert made.get_size() == (32, 18) and made.get_at((16, 9))[:3] == (10, 200, 30)
    assert made.get_at((0, 0))[3] == 0 and made.get_at((16, 9))[3] == 255
    assert thumbnail(wide, (32, 18), 4, False).get_at((16, 9))[1] < 100


@pytest.mark.parametrize(
    "menu", [Menu("", ()), Menu("Only words", (Item("h", "H", "heading"),)), Menu("", (Item("a", ""),))]
)
def test_next_to_nothing_can_be_drawn(menu):
    drawn(menu, (320, 240))
