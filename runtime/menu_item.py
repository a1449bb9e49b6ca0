"""Menu item: how one item of a menu looks, in the place that the layout gave it. It keeps nothing.

`size` is pixels of plain text, as everywhere in the menu; `strong` is the colour of what is said first.
"""

from __future__ import annotations

import pygame

from runtime.font import clipped, font, plain
from runtime.menu import Item, nearest
from runtime.menu_layout import GAP, INSET, NUMBER, PAD, SWITCH, Place, small, words_of
from runtime.palette import Colour, Palette


def paint_item(
    surface: pygame.Surface,
    item: Item,
    place: Place,
    size: int,
    colours: Palette,
    focused: bool,
    picture: pygame.Surface | None = None,
) -> None:
    """Draw `item` in its place; `picture` is a card's, as large as place.thumb."""
    if focused:
        paint_focus(surface, place.rect, size, colours)
    if item.kind == "heading":
        shown = font(small(size)).render(place.label, True, colours.accent)
        surface.blit(shown, (round(INSET * size), place.rect.bottom - shown.get_height()))
        return
    strong = colours.faint if not item.enabled else colours.title if focused else colours.text
    if place.thumb is not None:
        _paint_card(surface, item, place, size, colours, strong, picture)
        return
    x, y = place.rect.x + round(INSET * size), place.rect.y + round(PAD * size)
    line = 0 if item.kind == "words" else font(size).get_linesize()
    if place.label:
        surface.blit(font(size).render(place.label, True, strong), (x, y))
    for number, words in enumerate(place.detail):
        shown = font(small(size)).render(words, True, colours.detail)
        if place.beside and place.value is not None:
            at = x + font(size).size(place.label)[0] + round(INSET * size)
            surface.blit(shown, shown.get_rect(left=at, centery=y + line // 2))
        elif place.beside:
            surface.blit(shown, shown.get_rect(right=place.rect.right - round(INSET * size), centery=y + line // 2))
        else:
            surface.blit(shown, (x, y + line + number * font(small(size)).get_linesize()))
    if place.value is not None:
        painter = {"toggle": _paint_toggle, "slider": _paint_slider, "choice": _paint_choice, "key": _paint_key}
        painter[item.kind](surface, item, place.value, size, colours, strong)


def paint_focus(surface: pygame.Surface, rect: pygame.Rect, size: int, colours: Palette) -> None:
    """What tells the item under the cursor from the others."""
    pygame.draw.rect(surface, colours.focus, rect, border_radius=round(size * 0.35))
    if colours.frame:
        pygame.draw.rect(surface, colours.title, rect, max(2, round(colours.frame * size)), round(size * 0.35))


def bar_of(value: pygame.Rect, size: int) -> pygame.Rect:
    """Where in a slider's value its bar is; the number has the rest."""
    number = min(round(NUMBER * size), value.width // 2)
    return pygame.Rect(value.x, value.y, value.width - number, value.height)


def _paint_slider(surface, item: Item, rect: pygame.Rect, size: int, colours: Palette, strong: Colour) -> None:
    bar = bar_of(rect, size)
    low, high, _ = item.span
    share = (nearest(item.span, item.value) - low) / (high - low) if high > low else 0.0
    thick = max(3, round(size * 0.26))
    track = pygame.Rect(bar.x, 0, bar.width, thick)
    track.centery = bar.centery
    filled = track.copy()
    filled.width = round(track.width * share)
    on = colours.accent if item.enabled else colours.faint
    pygame.draw.rect(surface, colours.track, track, border_radius=thick)
    if colours.frame:
        pygame.draw.rect(surface, colours.edge, track, 1, border_radius=thick)
    pygame.draw.rect(surface, on, filled, border_radius=thick)
    pygame.draw.aacircle(surface, strong, (filled.right, track.centery), max(3, round(size * 0.36)))
    number = font(size).render(words_of(item), True, strong)
    surface.blit(number, number.get_rect(right=rect.right, centery=rect.centery))


def _paint_toggle(surface, item: Item, rect: pygame.Rect, size: int, colours: Palette, strong: Colour) -> None:
    pill = pygame.Rect(0, 0, round(SWITCH * size), round(size * 1.1))
    pill.midright = rect.midright
    on = colours.accent if item.enabled else colours.faint
    pygame.draw.rect(surface, on if item.value else colours.track, pill, border_radius=pill.height)
    if colours.frame:
        pygame.draw.rect(surface, colours.edge, pill, 2, border_radius=pill.height)
    radius = max(2, round(pill.height * 0.36))
    knob = (pill.right - pill.height // 2 if item.value else pill.x + pill.height // 2, pill.centery)
    pygame.draw.aacircle(surface, colours.sheet if item.value else colours.detail, knob, radius)
    words = font(size).render(clipped(font(size), words_of(item), pill.x - rect.x), True, strong)
    surface.blit(words, words.get_rect(right=pill.x - round(GAP * size), centery=rect.centery))


def _paint_choice(surface, item: Item, rect: pygame.Rect, size: int, colours: Palette, strong: Colour) -> None:
    values = [value for value, _ in item.options]
    number = values.index(item.value) if item.value in values else 0
    sides = (("‹", "midleft", number > 0), ("›", "midright", number < len(values) - 1))
    for sign, edge, further in sides:
        shown = font(round(size * 1.2)).render(
            sign, True, colours.accent if further and item.enabled else colours.track
        )
        surface.blit(shown, shown.get_rect(**{edge: getattr(rect, edge)}))
    words = font(size).render(clipped(font(size), words_of(item), rect.width - round(size * 1.6)), True, strong)
    surface.blit(words, words.get_rect(center=rect.center))


def _paint_key(surface, item: Item, rect: pygame.Rect, size: int, colours: Palette, strong: Colour) -> None:
    if not item.detail:
        return
    pygame.draw.rect(surface, colours.track, rect, border_radius=round(size * 0.3))
    if colours.frame:
        pygame.draw.rect(surface, colours.edge, rect, 1, border_radius=round(size * 0.3))
    words = font(small(size)).render(clipped(font(small(size)), item.detail, rect.width - size // 2), True, strong)
    surface.blit(words, words.get_rect(center=rect.center))


def _paint_card(surface, item, place, size, colours, strong, picture) -> None:
    if picture is not None:
        surface.blit(picture, place.thumb)
    else:
        pygame.draw.rect(surface, colours.track, place.thumb, border_radius=round(size * 0.3))
        if colours.frame:
            pygame.draw.rect(surface, colours.edge, place.thumb, 1, border_radius=round(size * 0.3))
        letter = font(max(6, place.thumb.height // 2)).render(plain(item.label)[:1], True, colours.detail)
        surface.blit(letter, letter.get_rect(center=place.thumb.center))
    line, small_line = font(size).get_linesize(), font(small(size)).get_linesize()
    if place.beside:
        x = place.thumb.right + round(GAP * size)
        y = place.rect.centery - (line + len(place.detail) * small_line) // 2
    else:
        x, y = place.thumb.x, place.thumb.bottom + round(PAD * size)
    for words in place.label.split("\n"):
        surface.blit(font(size).render(words, True, strong), (x, y))
        y += line
    for number, words in enumerate(place.detail):
        surface.blit(font(small(size)).render(words, True, colours.detail), (x, y + number * small_line))
