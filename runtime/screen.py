"""Screen: where pictures go and events come from, as a window or as nothing at all.

The loop knows the protocol only, so it runs the same in both. A screen decides nothing: neither when to show a picture
nor what an event means. Pictures are uint8 BGRA [h, w, 4], which is what SDL shows without a conversion.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
import pygame

from input.devices import read_events
from input.events import Event, MouseMove
from input.keymap import Keymap
from runtime.errors import UserError
from runtime.hud import Panel
from runtime.layout import COMFORTABLE, letterbox, window_size

NIGHT = (14, 16, 24)
GLOW = (120, 140, 200)


class Screen(Protocol):
    """What the loop asks of a screen."""

    def poll(self) -> list[Event]:
        """The events since the last call, in order."""

    def fit(self, width: int, height: int) -> None:
        """The world's pictures have this size, in pixels."""

    def show(self, pixels: np.ndarray, lines: list[str], banner: str) -> None:
        """Show a picture under an overlay of `lines` and a `banner`, either of which may be empty; then flip."""

    def wait(self, text: str, seconds: float) -> None:
        """Show that there is no picture yet; `seconds` since the wait began moves something."""

    def title(self, text: str) -> None:
        """Name the window."""

    def capture(self, on: bool) -> None:
        """Whether the mouse belongs to the world: hidden, bound to the window, told in relative motion."""

    def toggle_fullscreen(self) -> None: ...

    def save(self, pixels: np.ndarray, path: Path) -> None:
        """Write a picture, as large as it is shown but without the overlay, as PNG; raises OSError."""

    def close(self) -> None: ...


def write_png(pixels: np.ndarray, size: tuple[int, int], path: Path) -> None:
    """Write uint8 BGRA [h, w, 4], scaled to `size` pixels; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pygame.image.frombuffer(pixels, pixels.shape[1::-1], "BGRA")
    try:
        pygame.image.save(pygame.transform.smoothscale(picture, size), str(path))
    except pygame.error as error:
        raise OSError(str(error)) from error


def require_display() -> None:
    """Raise UserError where no window can be opened, as far as that can be known without trying."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
    if sys.platform.startswith("linux") and not named:
        raise UserError("no display to open a window on", "DISPLAY is not set", "use --headless")


class NoScreen:
    """The screen of --headless: no events, pictures go nowhere."""

    def poll(self) -> list[Event]:
        return []

    def fit(self, width: int, height: int) -> None: ...

    def show(self, pixels: np.ndarray, lines: list[str], banner: str) -> None: ...

    def wait(self, text: str, seconds: float) -> None: ...

    def title(self, text: str) -> None: ...

    def capture(self, on: bool) -> None: ...

    def toggle_fullscreen(self) -> None: ...

    def save(self, pixels: np.ndarray, path: Path) -> None:
        write_png(pixels, pixels.shape[1::-1], path)

    def close(self) -> None: ...


class Window:
    """A window that can be resized and made to fill the screen; the picture keeps its shape in it.

    `size` is its size in pixels; None takes what suits, which may change once the world's size is known.
    """

    def __init__(self, keymap: Keymap, size: tuple[int, int] | None) -> None:
        self._keymap, self._asked = keymap, size
        self._captured = self._full = False
        self._world: tuple[int, int] | None = None
        self._title = ""
        try:
            # Not pygame.init: it would open the sound device too, which takes a while.
            pygame.display.init()
            pygame.font.init()
            self._size = size or window_size(COMFORTABLE, self._room())
            self._surface = self._open(self._size)
        except pygame.error as error:
            raise UserError("no display to open a window on", str(error), "use --headless") from error
        self._hud, self._banner, self._waiting = Panel(), Panel(), Panel()

    def poll(self) -> list[Event]:
        events = read_events(pygame.event.get(), self._keymap)
        if self._captured:
            return events
        return [event for event in events if not isinstance(event, MouseMove)]

    def fit(self, width: int, height: int) -> None:
        self._world = (width, height)
        size = self._asked or window_size(self._world, self._room())
        if size != self._size and not self._full:
            self._size, self._surface = size, self._open(size)

    def show(self, pixels: np.ndarray, lines: list[str], banner: str) -> None:
        surface = self._surface
        world = pixels.shape[1::-1]
        place = letterbox(world, surface.get_size())
        if place[2:] != surface.get_size():
            surface.fill((0, 0, 0))
        picture = pygame.image.frombuffer(pixels, world, "BGRA")
        pygame.transform.smoothscale(picture, place[2:], surface.subsurface(place))
        if lines:
            self._hud.draw(surface, lines)
        if banner:
            self._banner.draw(surface, [banner], centred=True)
        pygame.display.flip()

    def wait(self, text: str, seconds: float) -> None:
        surface = self._surface
        surface.fill(NIGHT)
        self._waiting.draw(surface, [text], centred=True)
        # How long it takes is not known, so the bar only shows that something lives.
        width, height = surface.get_size()
        track = pygame.Rect(0, 0, width // 4, 4)
        track.center = (width // 2, height // 2 + 40)
        glow = track.copy()
        glow.width = track.width // 4
        glow.x += round((track.width - glow.width) * abs(seconds % 2 - 1))
        pygame.draw.rect(surface, GLOW, glow)
        pygame.display.flip()

    def title(self, text: str) -> None:
        if text != self._title:
            self._title = text
            pygame.display.set_caption(text)

    def capture(self, on: bool) -> None:
        self._captured = on
        pygame.mouse.set_relative_mode(on)

    def toggle_fullscreen(self) -> None:
        self._full = not self._full
        if self._full:
            self._size = self._surface.get_size()
            self._surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        else:
            self._surface = self._open(self._size)

    def save(self, pixels: np.ndarray, path: Path) -> None:
        write_png(pixels, letterbox(pixels.shape[1::-1], self._surface.get_size())[2:], path)

    def close(self) -> None:
        pygame.quit()

    def _open(self, size: tuple[int, int]) -> pygame.Surface:
        with warnings.catch_warnings():
            # A window manager may insist on another size; the picture fits itself into any.
            warnings.filterwarnings("ignore", "Requested window was forcibly resized")
            return pygame.display.set_mode(size, pygame.RESIZABLE)

    def _room(self) -> tuple[int, int]:
        """The largest default size: comfortable, and not larger than the desktop."""
        desktop = pygame.display.get_desktop_sizes()[0]
        return min(COMFORTABLE[0], desktop[0]), min(COMFORTABLE[1], desktop[1])
