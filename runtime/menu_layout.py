"""Menu layout: where each item of a menu lies on a page, and with how much of its words. It draws nothing.

Lengths are pixels; `size` is the size of plain text, and everything else is measured in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pygame

from runtime.font import clipped, font, wrapped
from runtime.menu import Item, Menu, rows
from runtime.strings import text

# In sizes of plain text.
SMALL = 0.8
INSET = 0.5
PAD = 0.3
GAP = 0.6
BAR, NUMBER, SWITCH = 8.0, 3.0, 2.1
THUMB = (5.6, 3.15)
SHAPE = 9 / 16
# Of a row's width, what a value takes at most.
VALUE_SHARE = 0.5
DETAIL_LINES = 3
LABEL_LINES = 2  # of a card


@dataclass(frozen=True)
class Place:
    """Item `index` lies in `rect` of the page; `detail` is in lines, on the label's where `beside`; `value` is
    where a value is shown; `thumb` a card's picture, its words right of it where `beside` and below it otherwise.
    """

    index: int
    rect: pygame.Rect
    label: str
    detail: tuple[str, ...] = ()
    beside: bool = False
    value: pygame.Rect | None = None
    thumb: pygame.Rect | None = None
    heading: bool = False

    def moved(self, dy: int) -> Place:
        """The same, `dy` pixels further down."""
        parts = {name: rect.move(0, dy) for name, rect in vars(self).items() if isinstance(rect, pygame.Rect)}
        return replace(self, **parts)


def small(size: int) -> int:
    """The size of what is said in a lower voice."""
    return max(6, round(size * SMALL))


def lay_out(menu: Menu, width: int, size: int) -> tuple[list[Place], int]:
    """The places of all items on a page of `width`, and the page's height."""
    places: list[Place] = []
    top = 0
    for row in rows(menu):
        if menu.columns > 1 and menu.items[row[0]].kind == "card":
            made = _tiles(menu, row, top, width, size)
        else:
            made = [_line(menu.items[row[0]], row[0], top, width, size)]
        places += made
        top = max(place.rect.bottom for place in made)
    return places, top


def words_of(item: Item) -> str:
    """An item's value in words."""
    if item.kind == "toggle":
        return text("menu.on" if item.value else "menu.off")
    if item.kind == "choice":
        return next((words for value, words in item.options if value == item.value), str(item.value))
    if item.kind == "slider":
        digits = next((n for n in range(3) if abs(item.span[2] * 10**n - round(item.span[2] * 10**n)) < 1e-6), 3)
        return f"{item.value:.{digits}f}"
    return item.detail if item.kind == "key" else ""


def _line(item: Item, index: int, top: int, width: int, size: int) -> Place:
    """An item that has the whole width."""
    pad, inset = round(PAD * size), round(INSET * size)
    if item.kind == "heading":
        above = round(GAP * size) if index else 0
        height = font(small(size)).get_linesize() + above
        label = clipped(font(small(size)), item.label, width - 2 * inset)
        return Place(index, pygame.Rect(0, top, width, height), label, heading=True)
    if item.kind == "card":
        return _card(item, index, top, width, size)
    room = width - 2 * inset
    if item.kind == "words":
        lines = tuple(wrapped(font(small(size)), item.detail, room))
        height = len(lines) * font(small(size)).get_linesize()
        return Place(index, pygame.Rect(0, top, width, height + 2 * pad), "", lines)
    value_width = _value_width(item, room, size)
    left = room - value_width - (round(GAP * size) if value_width else 0)
    label = clipped(font(size), item.label, left)
    line = font(size).get_linesize()
    said = "" if item.kind == "key" else item.detail
    right = left - font(size).size(label)[0] - 2 * inset
    beside = bool(said) and font(small(size)).size(said)[0] <= right
    detail = (said,) if beside else tuple(wrapped(font(small(size)), said, room, DETAIL_LINES)) if said else ()
    below = 0 if beside else len(detail) * font(small(size)).get_linesize()
    value = pygame.Rect(inset + room - value_width, top + pad, value_width, line) if value_width else None
    return Place(index, pygame.Rect(0, top, width, line + below + 2 * pad), label, detail, beside, value)


def _value_width(item: Item, room: int, size: int) -> int:
    most = round(room * VALUE_SHARE)
    if item.kind == "slider":
        return min(round((BAR + NUMBER) * size), most)
    if item.kind == "toggle":
        words = max(font(size).size(text(key))[0] for key in ("menu.on", "menu.off"))
        return min(round((SWITCH + GAP) * size) + words, most)
    if item.kind == "choice":
        # As wide as the longest, so that the signs at its sides stay under the mouse.
        widest = max((font(size).size(words)[0] for _, words in item.options), default=0)
        return min(widest + 2 * round(1.2 * size), most)
    if item.kind == "key":
        return min(font(size).size(item.detail)[0] + round(size), most)
    return 0


def _card(item: Item, index: int, top: int, width: int, size: int) -> Place:
    """A card that has the whole width: its picture at the left."""
    pad, inset = round(PAD * size), round(INSET * size)
    wide = min(round(THUMB[0] * size), width // 3)
    thumb = pygame.Rect(inset, top + pad, wide, round(wide * SHAPE))
    room = width - thumb.right - inset - round(GAP * size)
    detail = tuple(wrapped(font(small(size)), item.detail, room, 2)) if item.detail else ()
    words = font(size).get_linesize() + len(detail) * font(small(size)).get_linesize()
    rect = pygame.Rect(0, top, width, max(thumb.height, words) + 2 * pad)
    thumb.centery = rect.centery
    return Place(index, rect, clipped(font(size), item.label, room), detail, beside=True, thumb=thumb)


def _tiles(menu: Menu, row: tuple[int, ...], top: int, width: int, size: int) -> list[Place]:
    """Cards side by side: their pictures above the words, all of one height."""
    gap, pad = round(GAP * size / 2), round(INSET * size)
    wide = (width - gap * (menu.columns - 1)) // menu.columns
    room = wide - 2 * pad
    line, small_line = font(size).get_linesize(), font(small(size)).get_linesize()
    details = [tuple(wrapped(font(small(size)), menu.items[i].detail, room, 2)) for i in row]
    labels = [wrapped(font(size), menu.items[i].label, room, LABEL_LINES) or [""] for i in row]
    picture = round(room * SHAPE)
    said = max(len(label) * line + len(detail) * small_line for label, detail in zip(labels, details, strict=True))
    height = picture + said + round((2 * INSET + PAD) * size)
    places = []
    for column, (index, label, detail) in enumerate(zip(row, labels, details, strict=True)):
        rect = pygame.Rect(column * (wide + gap), top, wide, height)
        thumb = pygame.Rect(rect.x + pad, top + pad, room, picture)
        places.append(Place(index, rect, "\n".join(label), detail, thumb=thumb))
    return places
