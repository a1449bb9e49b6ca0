"""Looks: what lies over the picture and when: help, figures, messages, captions, panes. It draws nothing itself, and
decides nothing about the walk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pygame

from input.keymap import Keymap
from model.progress import Reading
from model.world import WorldInfo
from runtime.figures_view import FiguresView
from runtime.flash_guard import FlashGuard
from runtime.help import help_lines, help_open
from runtime.hud import following, hud_lines
from runtime.layers import Layer, Pane, Style
from runtime.panel import Panel
from runtime.progress import shown
from runtime.progress_view import ProgressView
from runtime.settings import Settings
from runtime.strings import text
from runtime.toast import Toasts

# The size of what stands in the middle, as a part of plain text.
BANNER = 1.2
# How long a new prompt stays over the picture, in seconds.
PROMPT_S = 4.0
# Where the line stands that is there all the time: not before what one looks at.
LINE_AT = 0.86


class Text:
    """Layer of lines: in the corner, or in the middle."""

    def __init__(self, centred: bool = False, height: float = 0.5) -> None:
        self.panel, self._centred, self._height = Panel(size=BANNER) if centred else Panel(), centred, height
        self.lines: list[str] = []

    def draw(self, surface: pygame.Surface) -> None:
        if self.lines:
            self.panel.draw(surface, self.lines, self._centred, self._height)

    @property
    def right(self) -> int:
        """How far from the left it reaches, in pixels."""
        return self.panel.right if self.lines else 0


@dataclass(frozen=True)
class Figures:
    """Layer of figures, beside the help."""

    view: FiguresView
    help: Text

    def draw(self, surface: pygame.Surface) -> None:
        self.view.left = self.help.right
        self.view.draw(surface)


@dataclass(frozen=True)
class Said:
    """Layer of messages, above the line in which one writes, or the hint of a menu."""

    toasts: Toasts
    panes: Sequence[Pane]

    def draw(self, surface: pygame.Surface) -> None:
        self.toasts.draw(surface, [pane.spared for pane in self.panes])


@dataclass(frozen=True)
class Wait:
    """Layer of a wait: the whole window."""

    view: ProgressView
    title: str
    stage: str
    fraction: float | None = None
    seconds_left: float | None = None

    def draw(self, surface: pygame.Surface) -> None:
        self.view.draw(surface, self.title, self.stage, self.fraction, self.seconds_left, True)


class Looks:
    """For the loop's thread. `layers`: what to draw over the picture, refreshed a few times a second; `line` stands
    over it all the time, such as a kiosk's; `unattended`: nobody is there who could use help; `stand_in`, uint8 BGRA
    [h, w, 4], is shown before the first picture, None for how far the world is.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._toasts, self._wait = Toasts(clock), ProgressView(clock=clock)
        self._corner, self._banner, self._below = Text(), Text(centred=True), Text(centred=True, height=LINE_AT)
        self._figures = FiguresView(Style())
        # By the rate at which pictures come: that of the walk, and that of menus.
        self._guards: dict[float, FlashGuard] = {}
        self._help: bool | None = None
        self._help_open = False
        self._prompt, self._prompt_until = "", 0.0
        self.line, self.unattended = "", False
        self.stand_in: np.ndarray | None = None
        self.layers: list[Layer] = []
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Hold the settings from now on."""
        self._settings = settings
        self.style = Style(settings.interface_scale, settings.high_contrast)
        panels = (self._corner.panel, self._banner.panel, self._below.panel)
        for part in (self._toasts, self._wait, self._figures, *panels):
            part.style = self.style
        self._toasts.still = self._wait.still = settings.reduced_motion
        if not settings.flash_guard:
            self._guards.clear()
        self.hud, self.blends = settings.hud, settings.blend

    # ---- what a person asks for ----

    def say(self, words: str) -> None:
        self._toasts.say(words, 2.5 + len(words) / 40)

    def next_hud(self) -> str:
        """The next kind of figures."""
        self.hud = following(self.hud)
        return self.hud

    def toggle_help(self) -> None:
        self._help = not self._help_open

    def show_prompt(self, words: str) -> None:
        """Show a new prompt for a moment."""
        self._prompt, self._prompt_until = words, self._clock() + PROMPT_S

    # ---- what is drawn ----

    def refresh(
        self,
        info: WorldInfo,
        keymap: Keymap,
        panes: list[Pane],
        figures: dict,
        held: frozenset[str],
        *,
        seconds: float,
        interactive: bool,
        banner: str,
    ) -> None:
        """Put together what lies over the picture after `seconds` of play; `figures`: see runtime/figures.py."""
        self._help_open = not self.unattended and help_open(self._help, info.vocabulary, seconds)
        lines = []
        if self._help_open:
            lines = help_lines(info.vocabulary, keymap, walks=interactive, takes_text=info.takes_text)
        self._corner.lines = lines
        bars = figures["latency_histogram"] if self.hud == "full" else None
        self._figures.tell(hud_lines(self.hud, figures, held), bars)
        prompt = self._prompt if self._clock() < self._prompt_until else ""
        self._banner.lines = [line for line in (banner, prompt and f"“{prompt}”") if line and not panes]
        self._below.lines = [self.line] if self.line and not panes else []
        if any(pane.pauses for pane in panes):
            self._corner.lines = []
            self._figures.tell((), None)
        figures = Figures(self._figures, self._corner)
        self.layers = [self._corner, figures, self._banner, self._below, *panes, Said(self._toasts, panes)]

    def messages(self, pane: Pane) -> list[Layer]:
        """What is said over a pane, where there is no picture."""
        return [Said(self._toasts, [pane])]

    def waiting(self, name: str, reading: Reading | None, loaded: bool = False) -> list[Layer]:
        """A world is on its way; `loaded`: it is there, and its first picture is not."""
        if self.stand_in is not None:
            return [self._toasts]
        title = text("loading.title", world=name)
        if reading is None:
            return [Wait(self._wait, title, text("loading.first") if loaded else ""), self._toasts]
        return [Wait(self._wait, title, shown(reading), reading.fraction, reading.seconds_left), self._toasts]

    def catching_up(self, done: int, total: int) -> list[Layer]:
        """A session is walked again, to go on from its end."""
        fraction = done / total if total else None
        return [Wait(self._wait, text("loading.catching_up"), f"{done} / {total}", fraction), self._toasts]

    def treated(self, pixels: np.ndarray, fps: float) -> np.ndarray:
        """The picture as this person may see it."""
        if not self._settings.flash_guard:
            return pixels
        if fps not in self._guards:
            self._guards[fps] = FlashGuard(fps)
        return self._guards[fps].pass_(pixels)
