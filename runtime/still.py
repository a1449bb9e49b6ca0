"""Still: the window behind a kiosk's player. It fills the screen with one picture and answers to nothing but the chord.

The player's own window lies over it, so it is seen when there is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pygame

from runtime.errors import UserError
from runtime.image import load_image
from runtime.layout import letterbox

NIGHT = (14, 16, 24)
# A window that fills the screen is not to vanish when another takes the keyboard or somebody presses Alt and Tab, nor
# to have a screen of its own. The player has this from its supervisor.
HINTS = {
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",
    "SDL_ALLOW_ALT_TAB_WHILE_GRABBED": "0",
    "SDL_VIDEO_MAC_FULLSCREEN_SPACES": "0",
}


def picture_of(path: str) -> np.ndarray | None:
    """The picture of the YAML, uint8 BGRA [h, w, 4], None for ""; raises UserError where it cannot be read."""
    if not path:
        return None
    pixels = load_image(Path(path)).pixels
    return np.ascontiguousarray(np.dstack([pixels[..., ::-1], np.full(pixels.shape[:2], 255, np.uint8)]))


def chord_held(down: set[str], events: Iterable[pygame.event.Event], chord: frozenset[str]) -> bool:
    """Whether the keys of `chord` were all down at once; keeps `down`, names of keys, up to date."""
    held = False
    for event in events:
        if event.type == pygame.KEYDOWN:
            down.add(pygame.key.name(event.key))
        elif event.type == pygame.KEYUP:
            down.discard(pygame.key.name(event.key))
        elif event.type == pygame.WINDOWFOCUSLOST:
            down.clear()
        held = held or chord <= down
    return held


class Still:
    """Owns the window; one thread."""

    def __init__(self, chord: Iterable[str], picture: np.ndarray | None = None) -> None:
        self._chord, self._down = frozenset(chord), set()
        self._picture: pygame.Surface | None = None
        for name, value in HINTS.items():
            os.environ.setdefault(name, value)
        try:
            pygame.display.init()
            self._surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        except pygame.error as error:
            raise UserError("no display to open a window on", str(error), "start it where there is one") from error
        pygame.display.set_caption("Reverie: kiosk")
        pygame.mouse.set_visible(False)
        self.show(picture)

    def poll(self) -> bool:
        """Whether somebody wants to leave; all other input goes nowhere."""
        return chord_held(self._down, pygame.event.get(), self._chord)

    def show(self, pixels: np.ndarray | None) -> None:
        """Take uint8 BGRA [h, w, 4] as the picture; None keeps the one there is."""
        if pixels is not None:
            size = pixels.shape[1::-1]
            self._place = letterbox(size, self._surface.get_size())
            image = pygame.image.frombuffer(pixels, size, "BGRA")
            self._picture = pygame.transform.smoothscale(image, self._place[2:])
        self.draw()

    def draw(self) -> None:
        """Show the picture, once more if need be: nobody keeps what a window over this one has covered."""
        self._surface.fill(NIGHT if self._picture is None else (0, 0, 0))
        if self._picture is not None:
            self._surface.blit(self._picture, self._place)
        pygame.display.flip()

    def come_forward(self) -> None:
        """Take the keyboard, for the chord, while there is no player to have it."""
        window = pygame.Window.from_display_module()
        window.focus()
        if not window.focused:
            window.focus(input_only=True)  # where there is no window manager to give it

    def close(self) -> None:
        pygame.quit()
