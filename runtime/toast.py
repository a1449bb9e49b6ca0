"""Toast: messages that are shown for a moment over the picture, and go by themselves. Nobody has to answer them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pygame

from runtime.font import font, text_size, wrapped
from runtime.layers import Style
from runtime.palette import palette
from runtime.panel import PADDING, sheet

MOST = 3
LINES = 3
WIDTH = 0.8
SLIDE_S = 0.18
# In sizes of plain text.
MARGIN, GAP = 1.2, 0.35


@dataclass(frozen=True)
class Toast:
    """`text`, said at `since` and shown until `until`, in seconds of the clock."""

    text: str
    since: float
    until: float


def say(toasts: tuple[Toast, ...], text: str, now: float, seconds: float) -> tuple[Toast, ...]:
    """The toasts with one more as the newest, MOST at most; what is said again moves down instead of standing twice."""
    kept = [toast for toast in toasts if toast.until > now and toast.text != text]
    return (*kept, Toast(text, now, now + seconds))[-MOST:]


def presence(toast: Toast, now: float) -> float:
    """How much of a toast is there, in [0, 1]: it comes and goes within SLIDE_S seconds."""
    return max(0.0, min(1.0, (now - toast.since) / SLIDE_S, (toast.until - now) / SLIDE_S))


def balanced(sized: pygame.font.Font, words: str, width: int) -> list[str]:
    """`words` in lines of at most `width` pixels and of about the same length, so that no word is left alone."""
    lines = wrapped(sized, words, width, LINES)
    while len(lines) > 1 and len(narrower := wrapped(sized, words, round(width * 0.95), LINES + 1)) == len(lines):
        lines, width = narrower, round(width * 0.95)
    return lines


class Toasts:
    """The messages of now. `style` may be set at any time; `still` for people who want nothing to slide."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, style: Style | None = None, still: bool = False
    ) -> None:
        self.style, self.still = style or Style(), still
        self._clock = clock
        self._toasts: tuple[Toast, ...] = ()
        self._pictures: dict[str, pygame.Surface] = {}
        self._painted: tuple[object, ...] = ()

    def say(self, text: str, seconds: float = 2.5) -> None:
        """Show `text` for `seconds`; nothing for an empty one."""
        if text.strip():
            self._toasts = say(self._toasts, text, self._clock(), seconds)

    def draw(self, surface: pygame.Surface, spared: Sequence[pygame.Rect] = ()) -> None:
        """Put what is still to be read into the bottom middle, the newest lowest, but over nothing that is `spared`."""
        if not self._toasts:
            return
        now = self._clock()
        self._toasts = tuple(toast for toast in self._toasts if toast.until > now)
        window = surface.get_size()
        size = text_size(window, self.style.scale)
        if (window, self.style) != self._painted:
            self._pictures, self._painted = {}, (window, self.style)
        self._pictures = {toast.text: self._picture(toast.text, window, size) for toast in self._toasts}
        bottom = self._bottom(window[1] - round(MARGIN * size), size, spared)
        for toast in reversed(self._toasts):
            picture = self._pictures[toast.text]
            share = 1.0 if self.still else presence(toast, now)
            picture.set_alpha(round(255 * share))
            slide = round((1 - share) * size)
            surface.blit(picture, picture.get_rect(midbottom=(window[0] // 2, bottom + slide)))
            bottom -= round((picture.get_height() + GAP * size) * share)

    def _bottom(self, bottom: int, size: int, spared: Sequence[pygame.Rect]) -> int:
        """Where the messages end: at `bottom`, or so far above what is spared that they do not even slide over it."""
        height = sum(picture.get_height() + round(GAP * size) for picture in self._pictures.values())
        for rect in spared:
            if rect and bottom > rect.top and bottom - height < rect.bottom:
                bottom = rect.top - size
        return bottom

    def _picture(self, text: str, window: tuple[int, int], size: int) -> pygame.Surface:
        """A toast as drawn before, or drawn now."""
        if text in self._pictures:
            return self._pictures[text]
        colours, pad = palette(self.style), round(PADDING * size)
        lines = balanced(font(size), text, round(window[0] * WIDTH) - 2 * pad)
        shown = [font(size).render(line, True, colours.title) for line in lines]
        height = font(size).get_linesize()
        picture = sheet(max(line.get_width() for line in shown) + 2 * pad, height * len(lines) + pad, size, colours)
        for number, line in enumerate(shown):
            left = (picture.get_width() - line.get_width()) // 2
            picture.blit(line, (left, pad // 2 + number * height))
        return picture
