"""Pause menu: what can be done in the middle of a walk. A pane; the player carries its orders out.

Begin, Load, Choice, Home and Leave end it; what is saved, deleted, recorded or set leaves it open.
"""

from __future__ import annotations

import time

import pygame

from input.events import Event, Press
from input.keymap import Keymap
from runtime import library
from runtime.given import Clipboard, picture_from
from runtime.image import StartImage
from runtime.library import thumbnail
from runtime.menu import Item, Menu
from runtime.orders import Begin, Close, Command, Home, Leave
from runtime.pages import Book, Page, Shared, back_item, first_enabled
from runtime.saved_pages import LoadPage, SavePage
from runtime.settings import Settings
from runtime.settings_page import SettingsPage
from runtime.start import any_seed
from runtime.strings import text
from runtime.words import moment


class PausePage(Page):
    """The first page. world: the one that is played; seed: of the present walk."""

    def __init__(self, shared: Shared, world: str, seed: int, recording: bool) -> None:
        self._shared, self._world, self._seed = shared, world, seed
        self.recording = recording
        super().__init__()

    def make(self) -> Menu:
        items = (
            Item("resume", text("pause.resume")),
            Item("again", text("pause.again"), detail=text("pause.seed", seed=self._seed)),
            Item("another", text("pause.another")),
            Item("picture", text("pause.picture")),
            Item("save", text("slots.save")),
            Item("load", text("slots.load")),
            Item("record", text("pause.record_stop" if self.recording else "pause.record_start")),
            Item("screenshot", text("pause.screenshot")),
            Item("help", text("pause.help")),
            Item("settings", text("settings.title")),
            Item("home", text("pause.home")),
            Item("quit", text("start.quit")),
        )
        return Menu(text("pause.title"), items)

    def chosen(self, name: str) -> object | None:
        simple = {
            "resume": Close(),
            "again": Begin(),
            "record": Command("record"),
            "screenshot": Command("screenshot"),
            "help": Command("help"),
            "home": Home(),
            "quit": Leave(),
        }
        if name == "record":
            self.recording = not self.recording
        return simple.get(name) or self._led_to(name)

    def _led_to(self, name: str) -> object:
        if name == "another":
            return Begin(seed=any_seed())
        if name == "picture":
            return PicturePage(self._shared)
        if name == "save":
            title = self._shared.title_of(self._world)
            return SavePage(self._shared, library.slots, f"{title} {moment(time.time()).replace(':', '.')}")
        if name == "load":
            return LoadPage(self._shared, library.slots, self._world)
        return SettingsPage(self._shared)


class PicturePage(Page):
    """Another start picture for this walk, once one is dropped or pasted."""

    def __init__(self, shared: Shared, image: StartImage | None = None) -> None:
        self._shared, self._image = shared, image
        self._shown = thumbnail(image.pixels) if image else None
        super().__init__()

    def make(self) -> Menu:
        begin = ()
        if self._image is not None:
            name = self._image.path.replace("\\", "/").rpartition("/")[2]
            begin = (Item("begin", text("picture.begin"), "card", detail=name, picture=self._shown),)
        items = (*begin, Item("paste", text("picture.paste")), back_item())
        return Menu(text("pause.picture"), items, first_enabled(items), text("picture.hint"))

    def chosen(self, name: str) -> object | None:
        if name == "begin":
            return Begin(image=self._image)
        return self.given(picture_from(self._shared.clipboard()))

    def given(self, image: StartImage) -> None:
        self._image, self._shown = image, thumbnail(image.pixels)
        self.menu = self.make()


class PauseMenu:
    """clipboard: what is on it when it is asked; base: the keys before a person changed any, with the world's own."""

    pauses = True

    def __init__(
        self,
        settings: Settings,
        keymap: Keymap,
        clipboard: Clipboard,
        *,
        base: Keymap,
        world: str,
        seed: int,
        recording: bool,
    ) -> None:
        shared = Shared(settings, keymap, base, clipboard, library.titles())
        self._page = PausePage(shared, world, seed, recording)
        self._book = Book(shared, self._page, Close(), lambda image: PicturePage(shared, image))

    @property
    def wants_text(self) -> bool:
        return self._book.wants_text

    @property
    def spared(self) -> pygame.Rect:
        return self._book.spared

    def note_recording(self, recording: bool) -> None:
        """Whether it is recorded, as it turned out."""
        self._page.recording = recording
        self._book.make_stale()

    def take(self, event: Event) -> object | None:
        """Apply an event; gives an order for the player when there is one. Swallows all events."""
        if isinstance(event, Press) and event.action == "pause" and not self._book.types:
            return Close()
        return self._book.take(event)

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the page on top over the picture."""
        self._book.draw(surface)
