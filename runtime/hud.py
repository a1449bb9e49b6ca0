"""HUD: the overlay that F1 shows. What it says is a pure function of counters; how any overlay looks is drawn here too.

Redrawn when its text changes, which is a few times a second, and only copied in between.
"""

from __future__ import annotations

import pygame

from runtime.generator import Generator
from runtime.stats import Stats

# A line is this part of the window's height, and never smaller than can be read.
LINES_HIGH = 28
LEAST_SIZE = 18
PADDING = 10
MARGIN = 12
# What stands before this in a line is a column of its own.
COLUMN_GAP = "   "
TEXT = (235, 235, 235)
SHADE = (12, 14, 20, 190)


def hud_lines(
    stats: Stats, generator: Generator, held: frozenset[str], fps: float, recorded_drops: int | None
) -> list[str]:
    """The overlay's lines; `fps` is the rate asked for, `recorded_drops` None while nothing is recorded."""
    info = generator.info
    chunk50, chunk95 = generator.chunk_ms.at(50, 95)
    late50, late95 = stats.latency_ms.at(50, 95)
    target = f" of {fps:g}" if fps else ""
    lines = [
        f"{stats.rate():.1f}{target} fps, {stats.dropped} dropped",
        f"chunk  {chunk50:.0f} / {chunk95:.0f} ms  (p50 / p95)",
        f"input to picture  {late50:.0f} / {late95:.0f} ms",
        f"queue  {generator.queued} frames",
        f"{generator.backend} ({info.device})",
        f"seed  {generator.seed}",
        f"keys  {' '.join(sorted(held)) or '-'}",
    ]
    if recorded_drops is not None:
        lines.insert(1, f"recording, {recorded_drops} dropped")
    return lines


class Panel:
    """Lines of text on a shade, kept as a picture until the text or the surface's size changes."""

    def __init__(self) -> None:
        self._painted: tuple[list[str], tuple[int, int]] | None = None
        self._picture: pygame.Surface | None = None

    def draw(self, surface: pygame.Surface, lines: list[str], centred: bool = False) -> None:
        """Put the lines into the top left corner of `surface`, or into its middle."""
        wanted = (lines, surface.get_size())
        if wanted != self._painted:
            picture = paint(lines, max(LEAST_SIZE, surface.get_height() // LINES_HIGH))
            self._painted, self._picture = wanted, fitted(picture, surface.get_size())
        middle = self._picture.get_rect(center=surface.get_rect().center)
        surface.blit(self._picture, middle if centred else (MARGIN, MARGIN))


def paint(lines: list[str], size: int) -> pygame.Surface:
    """The lines in a font of `size` pixels, on a shade."""
    font = pygame.font.Font(None, size)
    rows = [[font.render(cell, True, TEXT) for cell in line.split(COLUMN_GAP, 1)] for line in lines]
    indent = max((row[0].get_width() for row in rows if len(row) > 1), default=0) + font.size(COLUMN_GAP)[0]
    step = font.get_linesize()
    width = max(row[0].get_width() if len(row) == 1 else indent + row[1].get_width() for row in rows)
    picture = pygame.Surface((width + 2 * PADDING, step * len(rows) + 2 * PADDING), pygame.SRCALPHA)
    picture.fill(SHADE)
    for number, row in enumerate(rows):
        for cell, x in zip(row, (0, indent), strict=False):
            picture.blit(cell, (PADDING + x, PADDING + number * step))
    return picture


def fitted(picture: pygame.Surface, room: tuple[int, int]) -> pygame.Surface:
    """The picture, made smaller where a window of `room` (width, height) pixels would cut it off."""
    own = picture.get_size()
    scale = min((side - 2 * MARGIN) / length for side, length in zip(room, own, strict=True))
    if scale >= 1.0:
        return picture
    return pygame.transform.smoothscale(picture, [max(1, int(length * scale)) for length in own])
