"""Drag: a slider that the mouse has hold of follows it wherever it goes, until the button is let go. It decides nothing
about values: what it makes of motion are clicks on the bar, which runtime/menu.py knows; the settings that they lead to
are passing until the slider is let go.
"""

from __future__ import annotations

from dataclasses import replace

import pygame

from input.events import Click, Event, FocusLost, Point, Release
from input.keys import MOUSE_BUTTONS
from runtime.menu import Spot
from runtime.menu_view import MenuView, share_of
from runtime.orders import Adopt
from runtime.settings import Settings


class Drag:
    """For the menu that `view` draws."""

    def __init__(self, view: MenuView) -> None:
        self._view = view
        self._item = 0
        self._bar: pygame.Rect | None = None
        self._passed = False

    def end(self) -> None:
        """Let go, as where another menu is shown."""
        self._bar = None

    def follow(self, event: Event) -> tuple[Event, Spot | None]:
        """The event as the menu is to take it, and what of the menu it is on."""
        match event:
            case Release(_, key) if key == MOUSE_BUTTONS[0]:
                self.end()
            case FocusLost():
                self.end()
            case Click(x, y):
                at = self._view.spot_at(x, y)
                # The bar as it is now: setting the size of menus moves it from under the mouse.
                self._bar = self._view.bar_of(at.item) if at is not None and at.share is not None else None
                self._item = at.item if at is not None else 0
                return event, at
            case Point(x, y) if self._bar is not None:
                return Click(x, y), Spot(self._item, share_of(self._bar, x))
            case Point(x, y):
                return event, self._view.spot_at(x, y)
        return event, None

    def marked(self, order: object | None, settings: Settings) -> object | None:
        """The order that follows from an event: what is adopted meanwhile is passing; once let go, `settings` rest."""
        held = self._bar is not None
        if isinstance(order, Adopt):
            self._passed = held
            return replace(order, passing=held)
        if order is None and self._passed and not held:
            self._passed = False
            return Adopt(settings)
        return order
