"""Figures view: what the HUD says, in the upper right corner, and below it how latency is spread, as bars.

It measures nothing and words nothing. Kept as a picture until something changes, which is a few times a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from runtime.font import font, text_size
from runtime.layers import Style
from runtime.palette import palette
from runtime.panel import MARGIN, SIZE, fitted, paint, sheet
from runtime.strings import text

# The bars' height and each one's width, in sizes of text; the gap between two is a part of that width.
BAR_HIGH, BAR_WIDE, GAP = 3.0, 1.9, 0.15
# Letters under and over the bars are smaller than other text.
SMALL = 0.7


class FiguresView:
    """A layer; `tell` it what to show. `left` pixels of the window are somebody else's.

    Both `left` and `style` may be set at any time.
    """

    def __init__(self, style: Style) -> None:
        self.style, self.left = style, 0
        self.lines: tuple[str, ...] = ()
        self._bars: tuple[tuple[float, ...], tuple[int, ...]] | None = None
        self._painted: tuple[object, ...] = ()
        self._picture: pygame.Surface | None = None

    def tell(self, lines: Sequence[str], histogram: dict | None) -> None:
        """The HUD's lines, and `latency_histogram` of the figures, None for no bars; neither shows nothing."""
        self.lines = tuple(lines)
        self._bars = histogram and (tuple(histogram["upper_ms"]), tuple(histogram["counts"]))

    def draw(self, surface: pygame.Surface) -> None:
        """See runtime.layers.Layer."""
        if not self.lines and not self._bars:
            return
        width, height = surface.get_size()
        wanted = (self.lines, self._bars, (width, height), self.left, self.style)
        size = text_size((width, height), self.style.scale)
        margin = round(MARGIN * size)
        if wanted != self._painted:
            room = (max(width - self.left, width // 4), height)
            self._painted, self._picture = wanted, fitted(self._paint(size), room, margin)
        surface.blit(self._picture, self._picture.get_rect(topright=(width - margin, margin)))

    def _paint(self, size: int) -> pygame.Surface:
        """The lines over the bars, both as far to the right as they get."""
        parts = []
        if self.lines:
            parts.append(paint(list(self.lines), max(6, round(size * SIZE)), palette(self.style)))
        if self._bars:
            parts.append(self._paint_bars(*self._bars, size))
        width, gap = max(part.get_width() for part in parts), size // 2
        height = sum(part.get_height() for part in parts) + gap * (len(parts) - 1)
        picture, top = pygame.Surface((width, height), pygame.SRCALPHA), 0
        for part in parts:
            picture.blit(part, (width - part.get_width(), top))
            top += part.get_height() + gap
        return picture

    def _paint_bars(self, edges: tuple[float, ...], counts: tuple[int, ...], size: int) -> pygame.Surface:
        """A bar per count over its upper end in ms; the last one, which has none, over the last end and a plus."""
        colours, letters = palette(self.style), font(max(6, round(SMALL * size)))
        wide, high, line = round(BAR_WIDE * size), round(BAR_HIGH * size), letters.get_linesize()
        picture = sheet(wide * len(counts) + size, high + 2 * line + size, size, colours)
        picture.blit(letters.render(text("hud.histogram"), True, colours.text), (size // 2, size // 2))
        most, foot = max(max(counts), 1), size // 2 + line + high
        names = [f"{edge:g}" for edge in edges] + [f"{edges[-1]:g}+"]
        for number, (count, name) in enumerate(zip(counts, names, strict=True)):
            x, bar = size // 2 + number * wide, -(-count * high // most)
            gap = round(GAP * wide)
            picture.fill(colours.accent, (x, foot - bar, wide - gap, bar))
            label = letters.render(name, True, colours.detail)
            picture.blit(label, (x + (wide - gap - label.get_width()) // 2, foot))
        return picture
