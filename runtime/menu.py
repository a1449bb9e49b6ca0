"""Menu: a page of items with a cursor, as a value, and what an input event does to it. It draws nothing.

A menu does not know what its items mean: it says which was chosen or changed, by name. Nor does it know the time: keys
that repeat while they are held are runtime/holding.py's affair.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from input.events import Click, Event, Point, Press, Stick, Wheel

# One page of a long menu, in rows.
PAGE = 8
# A stick counts as pushed beyond the one and as let go within the other.
PUSHED, LET_GO = 0.6, 0.4

ACTIVATE = ("return", "enter", "space", "pad a")
BACK = ("escape", "backspace", "pad b")
MOVES = {
    **{"up": -1, "pad dpad up": -1, "down": 1, "pad dpad down": 1},
    **{"page up": -PAGE, "pad left shoulder": -PAGE, "page down": PAGE, "pad right shoulder": PAGE},
}
SIDES = {"left": -1, "pad dpad left": -1, "right": 1, "pad dpad right": 1}


@dataclass(frozen=True)
class Item:
    """One line of a menu.

    kind: "button", "toggle" (value True or False), "choice" (value among `options`, pairs of value and words), "slider"
    (value within `span` = (low, high, step)), "key" (a button whose `detail` shows the keys bound), "heading" (cannot
    be reached), "words" (a paragraph, its `detail`, which is only read) or "card" (a button with a `picture`). name:
    what Chosen and Changed call it; label: for people; detail: said beside or below it; picture: uint8 RGB [h, w, 3],
    any size. What is not `enabled` is shown and says its detail, but does nothing.
    """

    name: str
    label: str
    kind: str = "button"
    value: object = None
    options: tuple[tuple[object, str], ...] = ()
    span: tuple[float, float, float] = (0.0, 1.0, 0.1)
    detail: str = ""
    picture: np.ndarray | None = field(default=None, compare=False)
    enabled: bool = True


@dataclass(frozen=True)
class Menu:
    """`cursor` is the index of the item that the keyboard or the gamepad is on.

    columns: so many cards stand side by side, where cards follow each other; leaning: where the left stick is pushed
    to, as the d-pad's key, "" for nowhere.
    """

    title: str
    items: tuple[Item, ...]
    cursor: int = 0
    hint: str = ""
    columns: int = 1
    leaning: str = ""


@dataclass(frozen=True)
class Spot:
    """What of a menu is under the mouse: the item's index and, on a value, how far from left to right in [0, 1]."""

    item: int
    share: float | None = None


@dataclass(frozen=True)
class Chosen:
    """The item called `name` was activated."""

    name: str


@dataclass(frozen=True)
class Changed:
    """The item called `name` has a new value."""

    name: str
    value: object


@dataclass(frozen=True)
class Back:
    """The person wants to leave the page."""


Outcome = Chosen | Changed | Back


def take(menu: Menu, event: Event, at: Spot | int | None = None) -> tuple[Menu, Outcome | None]:
    """What `event` does to the menu, and what it means for whoever owns it; `at` is what a Point or Click is on.

    Where the cursor was on nothing that can be reached (a new page), it is on the first item that can, first of all.
    """
    menu = settled(menu)
    if isinstance(at, int):
        at = Spot(at)
    match event:
        case Point() | Click() if at is None or not 0 <= at.item < len(menu.items):
            return menu, None
        case Point():
            return _to(menu, at.item), None
        case Click():
            menu = _to(menu, at.item)
            return _clicked(menu, at.share) if menu.cursor == at.item else (menu, None)
        case Wheel(dy) if dy:
            return _step(menu, -round(dy) or (-1 if dy > 0 else 1), wraps=False), None
        case Stick("left stick", x, y):
            before, menu = menu.leaning, replace(menu, leaning=lean(menu.leaning, x, y))
            return _press(menu, menu.leaning) if menu.leaning not in ("", before) else (menu, None)
        case Press("menu", key) if key not in MOVES and key not in SIDES and key not in ACTIVATE:
            return menu, Back()
        case Press(_, key):
            return _press(menu, key)
    return menu, None


def settled(menu: Menu) -> Menu:
    """The menu with its cursor on an item that can be reached, if any: where it is, or the next one, or the last."""
    reachable = _reachable(menu)
    if not reachable or menu.cursor in reachable:
        return menu
    return replace(menu, cursor=next((index for index in reachable if index > menu.cursor), reachable[-1]))


def rows(menu: Menu) -> list[tuple[int, ...]]:
    """The items' indices from top to bottom: cards that follow each other side by side, all others alone."""
    found: list[tuple[int, ...]] = []
    for index, item in enumerate(menu.items):
        beside = found and item.kind == "card" and menu.items[index - 1].kind == "card"
        if beside and len(found[-1]) < menu.columns:
            found[-1] += (index,)
        else:
            found.append((index,))
    return found


def lean(before: str, x: float, y: float) -> str:
    """Where a stick at (x, y) is pushed to, as the d-pad's key; what it leant to before is kept until it is let go."""
    far = max(abs(x), abs(y))
    if far < (LET_GO if before else PUSHED):
        return ""
    sideways = abs(x) > abs(y)
    if before and min(abs(x), abs(y)) >= LET_GO:  # aslant: a hand that trembles there goes on as it did
        sideways = before in SIDES
    if sideways:
        return "pad dpad right" if x > 0 else "pad dpad left"
    return "pad dpad down" if y > 0 else "pad dpad up"


def nearest(span: tuple[float, float, float], value: float) -> float:
    """The value of a slider's grid that is nearest to `value`; whole where the whole span is."""
    low, high, step = span
    value = low + round((min(max(value, low), high) - low) / step) * step
    value = min(max(value, low), high)
    return value if all(isinstance(one, int) for one in span) else round(float(value), 9)


def _reachable(menu: Menu) -> list[int]:
    return [index for index, item in enumerate(menu.items) if item.kind != "heading"]


def _to(menu: Menu, index: int) -> Menu:
    return replace(menu, cursor=index) if index in _reachable(menu) else menu


def _press(menu: Menu, key: str) -> tuple[Menu, Outcome | None]:
    if key in BACK:
        return menu, Back()
    if not _reachable(menu):
        return menu, None
    if key in MOVES:
        return _step(menu, MOVES[key], wraps=abs(MOVES[key]) == 1), None
    if key in ("home", "end"):
        return _to(menu, _reachable(menu)[0 if key == "home" else -1]), None
    if key in SIDES:
        return _aside(menu, SIDES[key])
    return _activate(menu) if key in ACTIVATE else (menu, None)


def _step(menu: Menu, by: int, wraps: bool) -> Menu:
    """The cursor `by` rows further down, as near to its column as there are cards."""
    lines = [row for row in rows(menu) if menu.items[row[0]].kind != "heading"]
    if not lines:
        return menu
    line = next(number for number, row in enumerate(lines) if menu.cursor in row)
    column = lines[line].index(menu.cursor)
    line = (line + by) % len(lines) if wraps else min(max(line + by, 0), len(lines) - 1)
    return replace(menu, cursor=lines[line][min(column, len(lines[line]) - 1)])


def _aside(menu: Menu, by: int) -> tuple[Menu, Outcome | None]:
    """Left or right: another card of the row, or another value."""
    item = menu.items[menu.cursor]
    if item.kind == "card":
        row = next(row for row in rows(menu) if menu.cursor in row)
        return replace(menu, cursor=min(max(menu.cursor + by, row[0]), row[-1])), None
    if item.kind == "toggle":
        return _change(menu, not item.value)
    if item.kind == "slider":
        return _change(menu, nearest(item.span, nearest(item.span, item.value) + by * item.span[2]))
    if item.kind == "choice" and item.options:
        return _change(menu, item.options[min(max(_chosen(item) + by, 0), len(item.options) - 1)][0])
    return menu, None


def _activate(menu: Menu) -> tuple[Menu, Outcome | None]:
    item = menu.items[menu.cursor]
    if item.kind == "toggle":
        return _change(menu, not item.value)
    if item.kind == "choice" and item.options:
        return _change(menu, item.options[(_chosen(item) + 1) % len(item.options)][0])
    return menu, Chosen(item.name) if item.enabled and item.kind in ("button", "key", "card") else None


def _clicked(menu: Menu, share: float | None) -> tuple[Menu, Outcome | None]:
    """A click on the item under the cursor: on a slider's bar it sets the value, on a choice's sides it goes there."""
    item = menu.items[menu.cursor]
    if share is not None and item.kind == "slider":
        return _change(menu, nearest(item.span, item.span[0] + share * (item.span[1] - item.span[0])))
    if share is not None and item.kind == "choice":
        return _aside(menu, -1 if share < 0.5 else 1)
    return _activate(menu)


def _chosen(item: Item) -> int:
    """Where the value of a choice is among its options; the first where it is not."""
    return next((number for number, (value, _) in enumerate(item.options) if value == item.value), 0)


def _change(menu: Menu, value: object) -> tuple[Menu, Outcome | None]:
    """The item under the cursor with `value`; nothing where it has it, or may not be changed."""
    item = menu.items[menu.cursor]
    if not item.enabled or value == item.value:
        return menu, None
    items = (*menu.items[: menu.cursor], replace(item, value=value), *menu.items[menu.cursor + 1 :])
    return replace(menu, items=items), Changed(item.name, value)
