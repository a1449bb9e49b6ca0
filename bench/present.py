"""From a picture to the window, by the window that play has (runtime/screen.py): milliseconds per frame.

On the display that is there; without one, on SDL's dummy driver, which scales and copies as any other, unseen.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from functools import cache

import numpy as np

REPEATS = 60


@cache
def present_ms(width: int, height: int, repeats: int = REPEATS) -> tuple[float, str]:
    """The median of showing a picture of this size in the window that it would be given, and SDL's name of its driver.

    No overlay is drawn.
    """
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    from input.keymap import load_keymap
    from runtime.screen import Window

    screen, times = Window(load_keymap(), None), []
    try:
        driver = pygame.display.get_driver()
        screen.fit(width, height)
        pictures = np.random.default_rng(0).integers(0, 256, (2, height, width, 4), np.uint8)
        for shown in range(repeats + 5):
            screen.poll()
            started = time.perf_counter()
            screen.show(pictures[shown % 2], [])
            times.append(1e3 * (time.perf_counter() - started))
    finally:
        screen.close()
    return statistics.median(times[5:]), driver
