"""Layers: what is drawn over the picture, and panes: layers that take the person's events while they are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pygame

from input.events import Event


@dataclass(frozen=True)
class Style:
    """How everything over the picture looks; `scale` of all text, 1 for the default."""

    scale: float = 1.0
    high_contrast: bool = False


class Layer(Protocol):
    """Draws itself on a surface as large as the window, after the picture and before the flip.

    Called for every frame, so what can be kept is kept and only copied.
    """

    def draw(self, surface: pygame.Surface) -> None: ...


class Pane(Layer, Protocol):
    """`pauses`: whether the walk stands still meanwhile; `wants_text`: whether keys are to arrive as Typed events.

    `spared`: what messages may not cover, in pixels of the window as last drawn; an empty one for nothing.
    """

    pauses: bool
    wants_text: bool
    spared: pygame.Rect

    def take(self, event: Event) -> object | None:
        """Apply an event; gives an order (runtime/orders.py) for the player when there is one. Swallows all events."""
