"""Progress view: the screen of a wait, with how far it is and how long it may take. It measures nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pygame

from runtime.font import clipped, font, text_size, wrapped
from runtime.layers import Style
from runtime.menu_layout import small
from runtime.palette import palette
from runtime.strings import text

# In sizes of plain text.
TITLE, WIDTH, THICK = 1.7, 24.0, 0.3
# Of the bar, what moves while nobody knows how far it is; there and back in so many seconds.
PART, ROUND_S = 0.25, 4.0
NIGHT, BLACK = (14, 16, 24), (0, 0, 0)


def left_words(seconds: float | None) -> str:
    """How long it may still take, as roughly as it is known; "" for unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 60:
        grain = 1 if seconds < 10 else 5
        return text("progress.seconds", seconds=max(1, math.ceil(seconds / grain) * grain))
    return text("progress.minutes", minutes=math.ceil(seconds / 60))


class ProgressView:
    """`style` may be set at any time; `still` for people who want nothing to move by itself."""

    def __init__(
        self, style: Style | None = None, still: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.style, self.still = style or Style(), still
        self._clock = clock

    def draw(
        self,
        surface: pygame.Surface,
        title: str,
        stage: str,
        fraction: float | None,
        seconds_left: float | None,
        cancellable: bool,
    ) -> None:
        """Fill the surface: what is made ready, which stage of it, `fraction` in [0, 1] of it, None for unknown."""
        colours, (width, height) = palette(self.style), surface.get_size()
        size = text_size(surface.get_size(), self.style.scale)
        surface.fill(BLACK if self.style.high_contrast else NIGHT)
        wide = min(round(WIDTH * size), width - 2 * size)
        bar = pygame.Rect(0, 0, wide, max(4, round(THICK * size)))
        bar.center = (width // 2, height // 2)
        large, low = font(round(TITLE * size)), font(small(size))
        shown = large.render(clipped(large, title, width - size), True, colours.title)
        stages = wrapped(font(size), stage, wide, 2) if stage else []
        y = bar.y - round(0.8 * size) - len(stages) * font(size).get_linesize()
        surface.blit(shown, shown.get_rect(midbottom=(width // 2, y)))
        for number, line in enumerate(stages):
            words = font(size).render(line, True, colours.detail)
            surface.blit(words, words.get_rect(midtop=(width // 2, y + number * font(size).get_linesize())))
        self._draw_bar(surface, bar, fraction)
        done = "" if fraction is None else text("progress.percent", percent=math.floor(100 * min(max(fraction, 0), 1)))
        facts = "     ".join(filter(None, (done, left_words(seconds_left))))
        words = low.render(clipped(low, facts, wide), True, colours.text)
        surface.blit(words, words.get_rect(midtop=(width // 2, bar.bottom + round(0.6 * size))))
        if cancellable:
            words = low.render(clipped(low, text("progress.cancel"), wide), True, colours.detail)
            surface.blit(words, words.get_rect(midbottom=(width // 2, height - size)))

    def _draw_bar(self, surface: pygame.Surface, bar: pygame.Rect, fraction: float | None) -> None:
        colours = palette(self.style)
        pygame.draw.rect(surface, colours.track, bar, border_radius=bar.height)
        filled = bar.copy()
        if fraction is not None:
            filled.width = round(bar.width * min(max(fraction, 0.0), 1.0))
        elif self.still:
            filled.width = 0
        else:
            filled.width = round(bar.width * PART)
            # A cosine slows down at the ends, so that nothing jerks.
            filled.x += round((bar.width - filled.width) * (1 - math.cos(self._clock() * math.tau / ROUND_S)) / 2)
        if filled.width:
            pygame.draw.rect(surface, colours.accent, filled, border_radius=bar.height)
        if colours.frame:
            pygame.draw.rect(surface, colours.edge, bar.inflate(6, 6), 1, border_radius=bar.height)
