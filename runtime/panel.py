"""Panel: lines of text on a shade, in a corner of the picture or in its middle. It does not know what they say.

Redrawn when its text changes, which is a few times a second, and only copied in between.
"""

from __future__ import annotations

import pygame

from runtime.font import font, plain, text_size
from runtime.layers import Style
from runtime.palette import Palette, palette

# In sizes of its text, which is this part of plain text.
SIZE = 0.8
PADDING, MARGIN, RADIUS = 0.7, 0.7, 0.4
# What stands before this in a line is a column of its own.
COLUMN_GAP = "   "


class Panel:
    """Kept as a picture until the text, the surface's size or the style changes; `style` may be set at any time.

    size: of its text, as a part of plain text; `right`: so many pixels from the left it last reached.
    """

    def __init__(self, style: Style | None = None, size: float = SIZE) -> None:
        self.style, self._part, self.right = style or Style(), size, 0
        self._painted: tuple[list[str], tuple[int, int], Style] | None = None
        self._picture: pygame.Surface | None = None

    def draw(self, surface: pygame.Surface, lines: list[str], centred: bool = False, height: float = 0.5) -> None:
        """Put the lines into the top left corner of `surface`, or into its middle, at that part of its height."""
        window = surface.get_size()
        size = max(6, round(text_size(window, self.style.scale) * self._part))
        wanted = (list(lines), window, self.style)
        if wanted != self._painted:
            picture = paint(lines, size, palette(self.style))
            self._painted, self._picture = wanted, fitted(picture, window, round(MARGIN * size))
        place = self._picture.get_rect(topleft=(round(MARGIN * size),) * 2)
        if centred:
            place.center = (window[0] // 2, round(window[1] * height))
        surface.blit(self._picture, place)
        self.right = place.right


def paint(lines: list[str], size: int, colours: Palette) -> pygame.Surface:
    """The lines in text of `size` pixels, on a shade with round corners."""
    sized = font(size)
    rows = [[sized.render(plain(cell), True, colours.text) for cell in line.split(COLUMN_GAP, 1)] for line in lines]
    indent = max((row[0].get_width() for row in rows if len(row) > 1), default=0) + sized.size(COLUMN_GAP)[0]
    step, padding = sized.get_linesize(), round(PADDING * size)
    width = max((row[0].get_width() if len(row) == 1 else indent + row[1].get_width() for row in rows), default=0)
    picture = sheet(width + 2 * padding, step * len(rows) + padding * 3 // 2, size, colours)
    for number, row in enumerate(rows):
        for cell, x in zip(row, (0, indent), strict=False):
            picture.blit(cell, (padding + x, padding * 3 // 4 + number * step))
    return picture


def sheet(width: int, height: int, size: int, colours: Palette) -> pygame.Surface:
    """An empty shade with round corners, for text of `size` pixels."""
    picture = pygame.Surface((width, height), pygame.SRCALPHA)
    pygame.draw.rect(picture, (*colours.sheet, colours.opaque), picture.get_rect(), border_radius=round(RADIUS * size))
    pygame.draw.rect(picture, colours.edge, picture.get_rect(), max(1, size // 20), round(RADIUS * size))
    return picture


def fitted(picture: pygame.Surface, room: tuple[int, int], margin: int) -> pygame.Surface:
    """The picture, made smaller where a window of `room` (width, height) pixels less `margin` would cut it off."""
    own = picture.get_size()
    scale = min((side - 2 * margin) / length for side, length in zip(room, own, strict=True))
    if scale >= 1.0:
        return picture
    return pygame.transform.smoothscale(picture, [max(1, int(length * scale)) for length in own])
