"""Menu view: a menu as a sheet over the dimmed picture, and which item of it is under the mouse. It decides nothing.

The sheet is kept as a picture until the menu, the window's size or the style changes, and only copied in between.
"""

from __future__ import annotations

import numpy as np
import pygame

from runtime.font import clipped, font, text_size, wrapped
from runtime.layers import Style
from runtime.menu import Menu, Spot, settled
from runtime.menu_item import bar_of, paint_item
from runtime.menu_layout import INSET, Place, lay_out, small
from runtime.palette import Palette, palette

# In sizes of plain text.
WIDTH, GRID_WIDTH = 36.0, 50.0
MARGIN, PAD, RADIUS = 0.8, 0.9, 0.6
TITLE = 1.4
THUMBS_KEPT = 64


class MenuView:
    """Draws menus in `style`, which may be set anew at any time."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self._drawn: tuple[object, ...] = ()
        self._menu: Menu | None = None
        self._sheet = pygame.Surface((1, 1))
        self._corner = (0, 0)
        self._body = pygame.Rect(0, 0, 0, 0)
        # Where the hint stands, in pixels of the window; empty where there is none.
        self.hint = pygame.Rect(0, 0, 0, 0)
        self._places: list[Place] = []
        self._size = self._scroll = self._height = 0
        self._thumbs: dict[tuple[str, int, int, bool], tuple[np.ndarray, pygame.Surface]] = {}

    def draw(self, surface: pygame.Surface, menu: Menu) -> None:
        """Dim what is on `surface` and put the menu over it."""
        colours = palette(self.style)
        key = (surface.get_size(), self.style, [id(item.picture) for item in menu.items])
        if key != self._drawn or (menu is not self._menu and menu != self._menu):
            self._paint(surface.get_size(), settled(menu), colours)
            self._drawn, self._menu = key, menu
        surface.fill(colours.shade, special_flags=pygame.BLEND_RGB_MULT)
        surface.blit(self._sheet, self._corner)

    def item_at(self, x: int, y: int) -> int | None:
        """The index of the item at (x, y) pixels of the window, as last drawn."""
        spot = self.spot_at(x, y)
        return spot.item if spot else None

    def spot_at(self, x: int, y: int) -> Spot | None:
        """As item_at, with the share of a slider's bar or of a choice's value, for runtime/menu.py: take."""
        if not self._body.collidepoint(x, y):
            return None
        x, y = x - self._body.x, y - self._body.y + self._scroll
        place = next((place for place in self._places if place.rect.collidepoint(x, y)), None)
        if place is None:
            return None
        inner, kind = place.value, self._menu.items[place.index].kind
        if inner is None or kind not in ("slider", "choice"):
            return Spot(place.index)
        inner = bar_of(inner, self._size) if kind == "slider" else inner
        area = inner.inflate(self._size // 2, 0) if kind == "slider" else inner
        return Spot(place.index, share_of(inner, x) if area.x <= x < area.right else None)

    def bar_of(self, item: int) -> pygame.Rect | None:
        """Where the bar of a slider is, in pixels of the window as last drawn; None for any other item."""
        place = next((place for place in self._places if place.index == item), None)
        if place is None or place.value is None or self._menu.items[item].kind != "slider":
            return None
        return bar_of(place.value, self._size).move(self._body.x, self._body.y - self._scroll)

    def _paint(self, window: tuple[int, int], menu: Menu, colours: Palette) -> None:
        """Make the sheet, and remember where everything is on it."""
        self._size = size = text_size(window, self.style.scale)
        margin, pad = round(min(MARGIN * size, window[1] / 30)), round(PAD * size)
        width = min(window[0] - 2 * margin, round((GRID_WIDTH if menu.columns > 1 else WIDTH) * size))
        room, inset = width - 2 * pad, round(INSET * size)
        title = clipped(font(round(TITLE * size)), menu.title, room - inset)
        hints = wrapped(font(small(size)), menu.hint, room - inset, 2) if menu.hint else []
        head = font(round(TITLE * size)).get_linesize() + pad // 2 if title else 0
        foot = len(hints) * font(small(size)).get_linesize() + pad // 2 if hints else 0
        most = window[1] - 2 * margin - 2 * pad - head - foot
        self._places, self._height = lay_out(menu, room, size)
        bar = 0
        if self._height > most:
            bar = max(3, round(size * 0.2))
            self._places, self._height = lay_out(menu, room - 2 * bar, size)
        body = pygame.Rect(pad, pad + head, room, max(1, min(self._height, most)))
        sheet = pygame.Surface((width, 2 * pad + head + body.height + foot), pygame.SRCALPHA)
        radius = round(RADIUS * size)
        pygame.draw.rect(sheet, colours.sheet, sheet.get_rect(), border_radius=radius)
        pygame.draw.rect(sheet, colours.edge, sheet.get_rect(), max(1, size // 20), radius)
        if title:
            sheet.blit(font(round(TITLE * size)).render(title, True, colours.title), (pad + inset, pad * 3 // 4))
        for number, words in enumerate(hints):
            shown = font(small(size)).render(words, True, colours.detail)
            sheet.blit(shown, (pad + inset, body.bottom + pad // 2 + number * font(small(size)).get_linesize()))
        self._scroll = scrolled(self._scroll, self._places, menu.cursor, body.height, size)
        self._paint_items(sheet.subsurface(body), menu, colours)
        if bar:
            _paint_ends(sheet, body, self._scroll, self._height, size, colours)
            _paint_bar(
                sheet, pygame.Rect(body.right - bar, body.y, bar, body.height), self._scroll, self._height, colours
            )
        self._sheet = sheet
        self._corner = ((window[0] - width) // 2, (window[1] - sheet.get_height()) // 2)
        self._body = body.move(self._corner)
        low = pygame.Rect(body.x, body.bottom, room, foot) if hints else pygame.Rect(0, 0, 0, 0)
        self.hint = low.move(self._corner)

    def _paint_items(self, surface: pygame.Surface, menu: Menu, colours: Palette) -> None:
        for place in self._places:
            shown = place.moved(-self._scroll)
            if not shown.rect.colliderect(surface.get_rect()):
                continue
            item = menu.items[place.index]
            picture = self._thumb(item.name, item.picture, place.thumb, item.enabled) if place.thumb else None
            paint_item(surface, item, shown, self._size, colours, place.index == menu.cursor, picture)

    def _thumb(self, name: str, pixels: np.ndarray | None, rect: pygame.Rect, enabled: bool) -> pygame.Surface | None:
        """A card's picture, cut to its place's shape; kept for as long as it is the same picture."""
        if pixels is None:
            return None
        key = (name, *rect.size, enabled)
        kept = self._thumbs.get(key)
        if kept is None or kept[0] is not pixels:
            if len(self._thumbs) >= THUMBS_KEPT:
                self._thumbs.clear()
            self._thumbs[key] = kept = (pixels, thumbnail(pixels, rect.size, round(self._size * 0.3), enabled))
        return kept[1]


def share_of(area: pygame.Rect, x: int) -> float:
    """How far `x` is from left to right of `area`, in [0, 1]."""
    return min(max((x - area.x) / max(1, area.width), 0.0), 1.0)


def scrolled(scroll: int, places: list[Place], cursor: int, room: int, size: int) -> int:
    """By how many pixels a page is scrolled in `room`: as before, but so that the cursor's item is seen with a line
    more at either side, and what it follows where that is a heading.
    """
    height = max((place.rect.bottom for place in places), default=0)
    at = next((number for number, place in enumerate(places) if place.index == cursor), None)
    if at is not None:
        rect = places[at].rect
        first = next(number for number, place in enumerate(places) if place.rect.y == rect.y)
        above = places[first - 1].rect.y if first and places[first - 1].heading else rect.y - size
        scroll = min(max(scroll, rect.bottom + size - room), above)
        if not 0 <= rect.y - scroll <= room - rect.height:  # no room for more than the item itself, or not even that
            scroll = rect.y
    return max(0, min(scroll, height - room))


def thumbnail(pixels: np.ndarray, size: tuple[int, int], radius: int, enabled: bool) -> pygame.Surface:
    """uint8 RGB [h, w, 3] as a picture of `size` with round corners: cut, not squeezed; dark where not `enabled`."""
    height, width = pixels.shape[:2]
    wide, high = min(width, round(height * size[0] / size[1])), min(height, round(width * size[1] / size[0]))
    x, y = (width - wide) // 2, (height - high) // 2
    cut = np.ascontiguousarray(pixels[y : y + max(1, high), x : x + max(1, wide)])
    picture = pygame.transform.smoothscale(pygame.image.frombuffer(cut, cut.shape[1::-1], "RGB"), size)
    if not enabled:
        picture.fill((90, 90, 96), special_flags=pygame.BLEND_RGB_MULT)
    rounded = pygame.Surface(size, pygame.SRCALPHA)
    pygame.draw.rect(rounded, (255, 255, 255), rounded.get_rect(), border_radius=radius)
    rounded.blit(picture, (0, 0), special_flags=pygame.BLEND_RGB_MULT)
    return rounded


def _paint_ends(
    sheet: pygame.Surface, body: pygame.Rect, scroll: int, height: int, size: int, colours: Palette
) -> None:
    """Let what goes on beyond the top or the bottom of a scrolled page fade away."""
    if colours.frame:
        return
    for step in range(size):
        line = pygame.Surface((body.width, 1), pygame.SRCALPHA)
        line.fill((*colours.sheet, 255 - 255 * step // size))
        if scroll > 0:
            sheet.blit(line, (body.x, body.y + step))
        if scroll < height - body.height:
            sheet.blit(line, (body.x, body.bottom - 1 - step))


def _paint_bar(sheet: pygame.Surface, rect: pygame.Rect, scroll: int, height: int, colours: Palette) -> None:
    """How much of the page is seen."""
    pygame.draw.rect(sheet, colours.track, rect, border_radius=rect.width)
    length = max(rect.width * 2, rect.height * rect.height // height)
    seen = pygame.Rect(
        rect.x, rect.y + (rect.height - length) * scroll // max(1, height - rect.height), rect.width, length
    )
    pygame.draw.rect(sheet, colours.detail, seen, border_radius=rect.width)
