"""Flash guard: keeps what is shown within three general flashes in any second (WCAG 2.3.1), for people whom more harms.

A flash is a pair of opposite changes of relative luminance by a tenth of white or more, the darker below 0.8, over a
quarter of the picture or of its mean. Red flashes are not told apart. Pure NumPy; a world that is calm costs a look at
a few thousand pixels per frame and comes out as it went in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# A little less than the tenth that counts, since not every pixel is looked at.
SWING = 0.09
DARK = 0.8
CHANGES = 6  # of luminance, in a second: three flashes
TILES = 4  # in each direction
# So many tiles are a quarter of the picture; the mean of all is one more entry behind them.
MANY = TILES * TILES // 4
SAMPLES = 16  # of a tile, in each direction
# Shares of the new picture in what is shown, in eighths: the largest that is safe.
SHARES = (8, 4, 2, 1, 0)


def _linear() -> np.ndarray:
    """What each value of blue, green and red adds to relative luminance, float32 [3, 256]."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return (np.array([[0.0722], [0.7152], [0.2126]]) * light).astype(np.float32)


LIGHT = _linear()


def sample(pixels: np.ndarray) -> np.ndarray:
    """Of uint8 BGRA [h, w, 4] the pixels that are looked at, uint8 [64, 64, 4], the same number of every tile."""
    grid = np.arange(TILES * SAMPLES)
    rows, columns = ((2 * grid + 1) * length // (2 * len(grid)) for length in pixels.shape[:2])
    return pixels[rows[:, None], columns]


def luminance(few: np.ndarray) -> np.ndarray:
    """Relative luminance in [0, 1] of a sample, float32: of every tile, row by row, and of all."""
    light = LIGHT[0][few[..., 0]] + LIGHT[1][few[..., 1]] + LIGHT[2][few[..., 2]]
    tiles = light.reshape(TILES, SAMPLES, TILES, SAMPLES).mean((1, 3)).reshape(-1)
    return np.append(tiles, tiles.mean())


@dataclass(frozen=True)
class Swing:
    """Where the luminance of every tile has been since its last change: `way` is 1 after a rise, -1 after a fall."""

    low: np.ndarray
    high: np.ndarray
    way: np.ndarray


def step(swing: Swing, light: np.ndarray) -> tuple[Swing, np.ndarray]:
    """The swing after a picture of this luminance, and which tiles have changed by it, bool."""
    low, high = np.minimum(swing.low, light), np.maximum(swing.high, light)
    rise = (light - low >= SWING) & (low < DARK) & (swing.way <= 0)
    fall = (high - light >= SWING) & (light < DARK) & (swing.way >= 0)
    changed = rise | fall
    way = np.where(rise, 1, np.where(fall, -1, swing.way))
    return Swing(np.where(changed, light, low), np.where(changed, light, high), way), changed


class FlashGuard:
    """Made for `fps` frames shown per second, more than 0."""

    def __init__(self, fps: float) -> None:
        self._changes = np.zeros((math.ceil(fps) + 1, TILES * TILES + 1), bool)
        self._at = 0
        self._swing: Swing | None = None
        self._shown: np.ndarray | None = None

    def pass_(self, pixels: np.ndarray) -> np.ndarray:
        """What to show for uint8 BGRA [h, w, 4]: the same array, or a blend with what was shown last."""
        new = sample(pixels)
        if self._shown is None or self._shown.shape != pixels.shape:
            light = luminance(new)
            self._swing = self._swing or Swing(light, light, np.zeros(len(light), np.int8))
            self._shown = pixels.copy()
            return pixels
        self._changes[self._at] = False
        counts, old = self._changes.sum(0), sample(self._shown)
        for share in SHARES:
            swing, changed = step(self._swing, luminance(blend(old, new, share)))
            over = changed & (counts >= CHANGES)
            if not over[-1] and np.count_nonzero((counts + changed > CHANGES)[:-1]) < MANY:
                break
        # The last share shows the same picture again, which changes nothing, so the loop always ends with a safe one.
        self._swing = swing
        self._changes[self._at] = changed
        self._at = (self._at + 1) % len(self._changes)
        picture = pixels if share == SHARES[0] else blend(self._shown, pixels, share)
        np.copyto(self._shown, picture)
        return picture


def blend(old: np.ndarray, new: np.ndarray, share: int) -> np.ndarray:
    """`share` eighths of `new` and the rest of `old`, uint8, as a new array."""
    mixed = old.astype(np.uint16) * (8 - share) + new.astype(np.uint16) * share
    return (mixed >> 3).astype(np.uint8)
