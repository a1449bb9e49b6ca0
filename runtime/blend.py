"""Blend: pictures between two dreamt ones, for a screen that shows more of them than the world dreams.

A cross-fade, not a prediction: each dreamt picture grows out of the one before for as long as that one is to be seen,
and so is there in full one period later than without. When to show is the loop's affair, as ever; it shows at `tick`s
of the screen's own rate, and takes the world's next frame when that is due.
"""

from __future__ import annotations

import numpy as np
import pygame

# Weights are whole numbers: 0 is the picture before alone, FULL the one after.
FULL = 255
# What is blended for where the screen does not tell how often it shows a picture, in times per second.
COMMON_RATE = 60.0
# A screen that is no faster than this many times the world's rate has no place for pictures between.
LEAST_GAIN = 1.5


def tick(period: float, screen_rate: float) -> float:
    """Seconds between two pictures shown, of a world with `period` on a screen of `screen_rate` per second (0: not
    known). The period itself where blending would show nothing more; else a whole part of it, so that every dreamt
    frame has as many pictures.
    """
    if period <= 0:
        return period
    times = (screen_rate or COMMON_RATE) * period
    return period / round(times) if times >= LEAST_GAIN else period


def weight(now: float, taken_at: float, period: float) -> int:
    """How much of the picture taken at `taken_at` is seen at `now`, in 0..FULL: it rises evenly over one `period`."""
    if period <= 0:
        return FULL
    return round(FULL * min(max((now - taken_at) / period, 0.0), 1.0))


class Fade:
    """What to show of dreamt pictures, and when to show one between them. Times in seconds, on the loop's clock.

    `next_at` is when `between` has something to show, None for nothing; `behind` is how much later than without
    blending the present picture is there in full.
    """

    def __init__(self, period: float, screen_rate: float) -> None:
        """For a world with `period` on a screen that shows `screen_rate` pictures per second (0: not known)."""
        self._period, self.tick = period, tick(period, screen_rate)
        self._blender, self._taken_at, self._on = Blender(), 0.0, False
        self.next_at: float | None = None

    @property
    def behind(self) -> float:
        return self._period if self._on else 0.0

    def take(self, pixels: np.ndarray, on: bool, anew: bool) -> np.ndarray:
        """The world's next picture; gives what is shown at its turn. `on`: whether there is blending; `anew`: whether
        it is another walk's than the one before.
        """
        self._on = on and self.tick < self._period
        if anew or not self._on:
            self._blender.forget()
        self._blender.take(pixels)
        return self._blender.at(0)

    def shown(self, now: float) -> None:
        """What was taken is shown since `now`."""
        self._taken_at = now
        self.next_at = now + self.tick if self._on else None

    def between(self, now: float) -> np.ndarray | None:
        """What is to be shown at `now`, None for nothing new."""
        if self.next_at is None or now < self.next_at:
            return None
        share = weight(now, self._taken_at, self._period)
        self.next_at = None if share >= FULL else max(self.next_at + self.tick, now)
        return self._blender.at(share)


class Blender:
    """The last two dreamt pictures, uint8 BGRA [h, w, 4] and opaque, and one of its own that they are mixed in."""

    def __init__(self) -> None:
        self._before = self._after = self._mixed = None

    def take(self, pixels: np.ndarray) -> None:
        """The world's next picture. A first one, or one of another size, has nothing before it."""
        if pixels is self._after:  # drawn over in a pause, and shown again
            return
        fits = self._after is not None and self._after.shape == pixels.shape
        self._before, self._after = (self._after if fits else pixels), pixels
        if not fits:
            self._mixed = np.empty_like(pixels)
            self._canvas = pygame.image.frombuffer(self._mixed, pixels.shape[1::-1], "BGRA")

    def forget(self) -> None:
        """A new walk: its first picture does not grow out of the last one's."""
        self._before = self._after = None

    def at(self, share: int) -> np.ndarray:
        """The picture with `share` (0..FULL) of the newer one; good until the next call. Rounded within one level."""
        if share >= FULL or self._before is self._after:
            return self._after
        if share <= 0:
            return self._before
        np.copyto(self._mixed, self._before)
        newer = pygame.image.frombuffer(self._after, self._after.shape[1::-1], "BGRA")
        newer.set_alpha(share)
        self._canvas.blit(newer, (0, 0))
        return self._mixed
