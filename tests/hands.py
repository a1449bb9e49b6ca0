"""Hands on a menu screen: keys pressed and the cursor led to an item by name, as a person would."""

from __future__ import annotations

from input.events import Press
from runtime.menu import Menu, settled, take


def menu_of(screen) -> Menu:
    """The menu that is shown."""
    screen._book.refresh()
    return settled(screen._book.top.menu)


def on(screen) -> str:
    """The name of the item that the cursor is on."""
    return menu_of(screen).items[menu_of(screen).cursor].name


def names(screen) -> list[str]:
    return [item.name for item in menu_of(screen).items]


def item(screen, name: str):
    return next(item for item in menu_of(screen).items if item.name == name)


def press(screen, *keys: str) -> object | None:
    """Press keys that are bound to nothing, one after the other; gives the last order."""
    order = None
    for key in keys:
        order = screen.take(Press("", key))
    return order


def go(screen, name: str) -> None:
    """Lead the cursor to the item called `name` by the arrow keys, on a way that changes no value."""
    ways = {menu_of(screen).cursor: ()}
    queue = [menu_of(screen)]
    while queue:
        menu = queue.pop(0)
        if menu.items[menu.cursor].name == name:
            press(screen, *ways[menu.cursor])
            return
        for key in ("down", "up", "right", "left"):
            after, outcome = take(menu, Press("", key))
            if outcome is None and after.cursor not in ways:
                ways[after.cursor] = (*ways[menu.cursor], key)
                queue.append(after)
    raise AssertionError(f"there is no way to {name!r}, only {names(screen)}")


def choose(screen, *path: str) -> object | None:
    """Activate items one after the other; gives the last order."""
    order = None
    for name in path:
        go(screen, name)
        order = press(screen, "return")
    return order
