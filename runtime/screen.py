"""Screen: where pictures go and events come from; and the window. Where there is none: runtime/no_screen.py.

The loop knows the protocol only, so it runs the same in both. A screen decides nothing: neither when to show a picture
nor what an event means. Pictures are uint8 BGRA [h, w, 4], which is what SDL shows without a conversion.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pygame

from input.devices import read_events
from input.events import Event
from input.keymap import Keymap
from input.pads import Pads
from runtime.bare_x import is_bare
from runtime.errors import UserError
from runtime.icon import icon
from runtime.layers import Layer
from runtime.layout import COMFORTABLE, letterbox, window_size

NIGHT = (14, 16, 24)


class Screen(Protocol):
    """What the loop asks of a screen."""

    @property
    def rate(self) -> float:
        """Pictures per second that it can show, 0 where it does not say."""

    def poll(self) -> list[Event]:
        """The events since the last call, in order."""

    def fit(self, width: int, height: int) -> None:
        """The world's pictures have this size, in pixels."""

    def draw(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None:
        """Draw a picture, or night where there is none, under `layers` from the lowest on, for the next flip."""

    def flip(self) -> None:
        """Show what was drawn last."""

    def show(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None:
        """Draw, and flip at once."""

    def title(self, text: str) -> None:
        """Name the window."""

    def capture(self, on: bool) -> None:
        """Whether the mouse belongs to the world: hidden, bound to the window, told in relative motion."""

    def seal(self) -> None:
        """From now on show no cursor, whoever has the mouse, and have the keys that lead to other programs."""

    def want_text(self, on: bool) -> None:
        """Whether keys are to arrive as text too."""

    def clipboard(self) -> str:
        """The text that was copied elsewhere; "" for none."""

    def pads(self) -> list[str]:
        """The names of the gamepads that are plugged in."""

    def use(self, keymap: Keymap) -> None:
        """Name actions by this keymap from now on."""

    def fill(self, on: bool) -> None:
        """Whether the window fills the screen."""

    def size_of(self, pixels: np.ndarray) -> tuple[int, int]:
        """How large a picture is shown, (width, height) in pixels."""

    def close(self) -> None: ...


def require_display() -> None:
    """Raise UserError where no window can be opened, as far as that can be known without trying."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
    if sys.platform.startswith("linux") and not named:
        raise UserError("no display to open a window on", "DISPLAY is not set", "use --headless")


class Window:
    """A window that can be resized and made to fill the screen; the picture keeps its shape in it.

    `size` is its size in pixels; None takes what suits, which may change once the world's size is known. One that is
    `full` from the start needs no window manager to fill the screen. With `vsync`, a flip waits for the screen, where
    SDL can have it so; that is settled for good when the window opens.
    """

    def __init__(
        self,
        keymap: Keymap,
        size: tuple[int, int] | None = None,
        *,
        vsync: bool = False,
        full: bool = False,
        first: np.ndarray | None = None,
    ) -> None:
        """first: a picture to show at once, uint8 BGRA [h, w, 4]."""
        self._keymap, self._asked, self._vsync = keymap, size, vsync
        self._captured, self._full = False, full
        self._place = (0, 0)
        self._title = ""
        # What an input method offers is shown by itself; SDL asks before it opens a window.
        os.environ.setdefault("SDL_IME_SHOW_UI", "1")
        try:
            # Not pygame.init: it would open the sound device too, which takes a while.
            pygame.display.init()
            pygame.font.init()
            pygame.display.set_icon(icon())
            self._size = size or window_size(COMFORTABLE, self._room())
            if full:
                # pygame blackens what it opens: nobody is to see that before the first picture.
                pygame.display.set_mode((0, 0), pygame.FULLSCREEN | pygame.HIDDEN, vsync=int(vsync))
                pygame.Window.from_display_module().show()
            else:
                self._open(self._size)
            if full or first is not None:
                self.show(first, ())
        except pygame.error as error:
            raise UserError("no display to open a window on", str(error), "use --headless") from error
        self._pads = Pads()
        self._text = True  # SDL begins so
        self.want_text(False)

    @property
    def rate(self) -> float:
        return float(pygame.display.get_current_refresh_rate())

    def poll(self) -> list[Event]:
        return read_events(pygame.event.get(), self._keymap, self._captured, self._pads)

    def fit(self, width: int, height: int) -> None:
        size = self._asked or window_size((width, height), self._room())
        if size != self._size and not self._full:
            self._size = size
            if pygame.display.is_vsync():  # opened a second time, it brings SDL down
                pygame.Window.from_display_module().size = size
            else:
                self._open(size)
        elif self._full:
            self._size = size

    def show(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None:
        self.draw(pixels, layers)
        self.flip()

    def draw(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None:
        # Asked anew: a window that was resized has another surface.
        surface = pygame.display.get_surface()
        if pixels is None:
            surface.fill(NIGHT)
        else:
            self._blit(pixels, surface)
        for layer in layers:
            layer.draw(surface)

    def flip(self) -> None:
        pygame.display.flip()

    def _blit(self, pixels: np.ndarray, surface: pygame.Surface) -> None:
        world = pixels.shape[1::-1]
        place = letterbox(world, surface.get_size())
        if place[2:] != surface.get_size():
            surface.fill((0, 0, 0))
        picture = pygame.image.frombuffer(pixels, world, "BGRA")
        pygame.transform.smoothscale(picture, place[2:], surface.subsurface(place))

    def title(self, text: str) -> None:
        if text != self._title:
            self._title = text
            pygame.display.set_caption(text)

    def capture(self, on: bool) -> None:
        if on != self._captured:
            self._captured = on
            pygame.mouse.set_relative_mode(on)

    def seal(self) -> None:
        pygame.mouse.set_visible(False)
        pygame.Window.from_display_module().grab_keyboard = True

    def want_text(self, on: bool) -> None:
        if on != self._text:  # an input method may begin anew with each call
            self._text = on
            (pygame.key.start_text_input if on else pygame.key.stop_text_input)()

    def clipboard(self) -> str:
        try:
            return pygame.scrap.get_text()
        except pygame.error:
            return ""  # nothing was copied, or not as text

    def pads(self) -> list[str]:
        return self._pads.names

    def use(self, keymap: Keymap) -> None:
        self._keymap = keymap

    def fill(self, on: bool) -> None:
        if on == self._full:
            return
        self._full = on
        window = pygame.Window.from_display_module()
        if on:
            # The desktop's own mode: no other program's windows are moved, and changing over takes no time.
            self._size, self._place = pygame.display.get_window_size(), window.position
            if is_bare():
                window.position, window.size = (0, 0), pygame.display.get_desktop_sizes()[0]
            window.set_fullscreen(desktop=True)
        else:
            window.set_windowed()
            window.resizable = True
            window.size = self._size
            if is_bare():
                window.position = self._place

    def size_of(self, pixels: np.ndarray) -> tuple[int, int]:
        return letterbox(pixels.shape[1::-1], pygame.display.get_surface().get_size())[2:]

    def close(self) -> None:
        self._pads.close()
        pygame.quit()

    def _open(self, size: tuple[int, int]) -> None:
        with warnings.catch_warnings():
            # A window manager may insist on another size; the picture fits itself into any.
            warnings.filterwarnings("ignore", "Requested window was forcibly resized")
            warnings.filterwarnings("ignore", "no fast renderer available")
            try:
                pygame.display.set_mode(size, pygame.RESIZABLE, vsync=int(self._vsync))
            except pygame.error:
                if not self._vsync:
                    raise
                pygame.display.set_mode(size, pygame.RESIZABLE)  # there is none to be had

    def _room(self) -> tuple[int, int]:
        """The largest default size: comfortable, and not larger than the desktop."""
        desktop = pygame.display.get_desktop_sizes()[0]
        return min(COMFORTABLE[0], desktop[0]), min(COMFORTABLE[1], desktop[1])
