"""Menus as values: where the cursor can get, what values can become, and what is said about it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.events import Click, FocusLost, PadRemoved, Point, Press, Release, Stick, Wheel
from runtime.holding import EVERY_S, FIRST_S, Held, due, follow
from runtime.menu import Back, Changed, Chosen, Item, Menu, Spot, lean, nearest, rows, settled, take

modest = settings(max_examples=80, deadline=None)
OPTIONS = (("low", "Low"), ("smooth", "Smooth"), (3, "Three"))
SPANS = ((0.5, 3.0, 0.1), (64, 2048, 64), (-1, 1, 0.25), (0, 10, 3))
KEYS = (
    *("up", "down", "left", "right", "home", "end", "page up", "page down", "return", "space", "escape", "w", "f5"),
    *("pad dpad up", "pad dpad down", "pad dpad left", "pad dpad right", "pad a", "pad b", "pad left shoulder"),
)


@st.composite
def items(draw, number):
    kind = draw(st.sampled_from(("button", "toggle", "choice", "slider", "key", "heading", "words", "card", "card")))
    span = draw(st.sampled_from(SPANS))
    value = {
        "toggle": draw(st.booleans()),
        "choice": draw(st.sampled_from(("low", "smooth", 3, "gone"))),
        "slider": draw(st.floats(span[0], span[1])),
    }.get(kind)
    return Item(f"i{number}", "Words", kind, value, OPTIONS, span, enabled=draw(st.integers(0, 4)) > 0)


@st.composite
def menus(draw):
    page = tuple(draw(items(number)) for number in range(draw(st.integers(0, 14))))
    return Menu("Page", page, draw(st.integers(0, 15)), columns=draw(st.integers(1, 4)))


spots = st.none() | st.integers(-1, 15) | st.builds(Spot, st.integers(0, 15), st.none() | st.floats(0, 1))
events = st.one_of(
    st.builds(Press, st.sampled_from(("", "menu", "forward")), st.sampled_from(KEYS)),
    st.builds(Stick, st.just("left stick"), st.floats(-1, 1), st.floats(-1, 1)),
    st.builds(Wheel, st.floats(-20, 20)),
    st.sampled_from((Point(1, 1), Click(1, 1), Click(1, 1), FocusLost(), Release("", "up"))),
)


@modest
@given(menus(), st.lists(st.tuples(events, spots), max_size=12))
def test_the_cursor_and_values_stay_where_they_may(menu, happenings):
    for event, at in happenings:
        before = settled(menu)
        menu, outcome = take(menu, event, at)
        reachable = [index for index, item in enumerate(menu.items) if item.kind != "heading"]
        assert menu.cursor in reachable if reachable else outcome in (None, Back())
        assert len(menu.items) == len(before.items)
        changed = [index for index, item in enumerate(menu.items) if item != before.items[index]]
        if isinstance(outcome, Changed):
            (index,) = changed
            item = menu.items[index]
            assert index == menu.cursor and item.enabled
            assert (item.name, item.value) == (outcome.name, outcome.value)
            assert item.kind != "slider" or item.span[0] <= item.value <= item.span[1]
            assert item.kind != "choice" or item.value in dict(OPTIONS)
            assert item.kind != "toggle" or isinstance(item.value, bool)
        else:
            assert changed == []
        if isinstance(outcome, Chosen):
            item = menu.items[menu.cursor]
            assert item.name == outcome.name and item.enabled and item.kind in ("button", "key", "card")


@modest
@given(menus())
def test_rows_hold_every_item_once_in_order(menu):
    assert [index for row in rows(menu) for index in row] == list(range(len(menu.items)))
    assert all(len(row) == 1 or all(menu.items[index].kind == "card" for index in row) for row in rows(menu))
    assert all(len(row) <= menu.columns for row in rows(menu))


@modest
@given(menus(), st.sampled_from(("up", "down")))
def test_going_round_visits_every_row_and_comes_back(menu, key):
    menu = settled(menu)
    lines = [row for row in rows(menu) if menu.items[row[0]].kind != "heading"]
    seen, place = set(), menu
    for _ in lines:
        seen.add(next(row for row in lines if place.cursor in row))
        place, _ = take(place, Press("", key))
    assert seen == set(lines)
    if menu.columns == 1:
        assert place.cursor == menu.cursor


@modest
@given(st.sampled_from(SPANS), st.floats(-5000, 5000))
def test_sliders_stay_on_their_grid(span, value):
    found = nearest(span, value)
    assert span[0] <= found <= span[1]
    steps = (found - span[0]) / span[2]
    assert found == span[1] or abs(steps - round(steps)) < 1e-6
    assert nearest(span, found) == found and isinstance(found, type(span[0] + span[2]))


def page(*kinds, **more):
    made = tuple(Item(f"{kind}{n}", kind, kind, options=OPTIONS) for n, kind in enumerate(kinds))
    return Menu("Page", made, **more)


def after(menu, *keys):
    for key in keys:
        menu, outcome = take(menu, Press("", key))
    return menu, outcome


def test_headings_are_stepped_over_and_the_ends_meet():
    menu = page("heading", "button", "heading", "heading", "button", "heading")
    assert [after(menu, *["down"] * n)[0].cursor for n in (1, 2, 3)] == [4, 1, 4]
    assert after(menu, "up")[0].cursor == 4
    assert after(menu, "end")[0].cursor == 4 and after(menu, "end", "home")[0].cursor == 1
    assert after(menu, "page down")[0].cursor == 4 and after(menu, "page up")[0].cursor == 1  # no way round


def test_cards_lie_in_rows():
    menu = page("button", "card", "card", "card", "card", "card", "button", columns=3)
    assert rows(menu) == [(0,), (1, 2, 3), (4, 5), (6,)]
    walk = [menu := after(menu, key)[0] for key in ("down", "right", "right", "right", "down", "left", "left", "down")]
    assert [place.cursor for place in walk] == [1, 2, 3, 3, 5, 4, 4, 6]


@pytest.mark.parametrize("key", ["return", "enter", "space", "pad a"])
def test_what_is_activated_is_said(key):
    assert after(page("button"), key)[1] == Chosen("button0")
    assert after(page("heading", "card"), key)[1] == Chosen("card1")
    toggled, outcome = after(page("toggle"), key)
    assert outcome == Changed("toggle0", True) and toggled.items[0].value is True
    assert after(Menu("Page", (Item("s", "S", "slider", 0.5),)), key)[1] is None


@pytest.mark.parametrize("event", [Press("menu", "escape"), Press("", "backspace"), Press("menu", "pad start")])
def test_ways_back(event):
    assert take(page("button"), event)[1] == Back() == take(page(), event)[1]


def test_choices_stop_at_their_ends_and_go_round_when_activated():
    menu = Menu("Page", (Item("c", "C", "choice", 3, OPTIONS),))
    assert after(menu, "right")[1] is None
    assert after(menu, "left")[1] == Changed("c", "smooth")
    assert after(menu, "return")[1] == Changed("c", "low")


def test_what_is_not_enabled_is_reached_and_does_nothing():
    menu = Menu("Page", (Item("a", "A"), Item("b", "B", "toggle", False, enabled=False), Item("c", "C", enabled=False)))
    at_b, outcome = after(menu, "down", "right")
    assert (at_b.cursor, outcome) == (1, None)
    assert after(menu, "up", "return")[1] is None
    assert take(menu, Click(1, 1), 2) == (after(menu, "up")[0], None)


def test_the_mouse_points_clicks_and_sets():
    menu = Menu("Page", (Item("h", "H", "heading"), Item("s", "S", "slider", 5, span=(0, 10, 1)), Item("b", "B")))
    assert take(menu, Point(3, 3), 2)[0].cursor == 2
    assert take(menu, Point(3, 3), 0)[0].cursor == 1 == take(menu, Point(3, 3), None)[0].cursor
    assert take(menu, Click(3, 3), 2)[1] == Chosen("b")
    assert take(menu, Click(3, 3), None)[1] is None
    assert take(menu, Click(3, 3), Spot(1, 0.82))[1] == Changed("s", 8)
    assert take(menu, Click(3, 3), Spot(1))[1] is None
    assert take(menu, Wheel(-1.0))[0].cursor == 2 == take(menu, Wheel(-0.2))[0].cursor


def test_the_stick_moves_once_per_push():
    menu = page("button", "button", "button")
    places = []
    for y in (0.3, 0.7, 1.0, 0.5, 0.7, 0.1, 0.9):
        menu, _ = take(menu, Stick("left stick", 0.0, y))
        places.append(menu.cursor)
    assert places == [0, 1, 1, 1, 1, 1, 2]
    assert take(menu, Stick("right stick", 0.0, 1.0))[0] == menu
    assert lean("pad dpad right", 0.6, 0.62) == "pad dpad right" and lean("", 0.6, 0.62) == "pad dpad down"


def test_held_keys_repeat_after_a_while_and_never_in_a_burst():
    held = follow(Held(), Press("", "down"), 10.0)
    assert due(held, 10.0 + FIRST_S - 0.01) == (held, None)
    held, press = due(held, 10.0 + FIRST_S)
    assert press == Press("", "down")
    assert due(held, 10.0 + FIRST_S + EVERY_S / 2)[1] is None
    late, press = due(held, 20.0)
    assert press == Press("", "down") and due(late, 20.0 + EVERY_S / 2)[1] is None
    for end in (Release("", "down"), FocusLost(), PadRemoved("pad"), Press("", "a")):
        assert due(follow(held, end, 10.5), 99.0)[1] is None
    assert follow(held, Release("", "up"), 10.5) == held
    leaning = follow(Held(), Stick("left stick", -0.9, 0.0), 1.0)
    assert due(leaning, 2.0)[1] == Press("", "pad dpad left")
    assert due(follow(leaning, Stick("left stick", 0.0, 0.0), 1.1), 2.0)[1] is None
