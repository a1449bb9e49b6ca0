"""Start screen: the worlds, what was walked and saved before, the settings. It loads nothing and plays nothing.

The player draws it like a pane and carries out its orders; a Choice ends it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread

import pygame

from input.events import Event
from input.keymap import Keymap, load_keymap
from model.source import Terms
from runtime import library
from runtime.given import Clipboard
from runtime.image import StartImage
from runtime.library import WorldEntry
from runtime.licence_page import LicencePage
from runtime.menu import Item, Menu
from runtime.option_types import SEEDS
from runtime.orders import Leave
from runtime.pages import Book, Page, Shared
from runtime.saved_pages import LoadPage, SessionsPage
from runtime.settings import Settings
from runtime.settings_page import SettingsPage
from runtime.strings import text
from runtime.world_page import WorldPage

BACKGROUND = (18, 20, 24)


def any_seed() -> int:
    return secrets.randbelow(SEEDS)


def summary_of(entry: WorldEntry) -> str:
    """What a world is, in the present language where somebody wrote that down."""
    try:
        return text(f"world.{entry.name}")
    except KeyError:  # somebody's own world
        return entry.summary


class HomePage(Page):
    """The worlds as cards, and the ways to all the rest. `entries` is None until somebody has looked for them."""

    def __init__(self, shared: Shared, draw: Callable[[], int]) -> None:
        self._shared, self._draw = shared, draw
        self.entries: list[WorldEntry] | None = None
        super().__init__()

    def make(self) -> Menu:
        found = self.entries or []
        cards = tuple(
            Item(f"world:{entry.name}", entry.title, "card", detail=entry.detail, picture=entry.picture)
            for entry in found
        )
        looking = (Item("looking", text("start.looking"), "heading"),) if self.entries is None else ()
        items = (
            *(*looking, *cards),
            Item("sessions", text("start.sessions")),
            Item("slots", text("start.slots")),
            Item("settings", text("settings.title")),
            Item("quit", text("start.quit")),
        )
        wanted = f"world:{self._shared.settings.world}"
        cursor = next((index for index, item in enumerate(items) if item.name == wanted), len(looking))
        return Menu("Reverie", items, cursor, columns=4)

    def about(self, name: str) -> str:
        found = (entry for entry in self.entries or [] if name == f"world:{entry.name}")
        entry = next(found, None)
        return text("start.about", title=entry.title, summary=summary_of(entry)) if entry else text("start.hint")

    def chosen(self, name: str) -> object | None:
        if name == "sessions":
            return SessionsPage(self._shared, library.sessions)
        if name == "slots":
            return LoadPage(self._shared, library.slots)
        if name == "settings":
            return SettingsPage(self._shared)
        if name == "quit":
            return Leave()
        return self.world_page(name.removeprefix("world:"))

    def world_page(self, name: str) -> WorldPage:
        """The page of the world `name`; raises UserError where the world is damaged."""
        entry = next(entry for entry in self.entries or [] if entry.name == name)
        return WorldPage(self._shared, entry, self._draw)

    def given(self, image: StartImage) -> object | None:
        """A picture is for the world that the cursor is on, else for the first that can be played."""
        on = self.on.removeprefix("world:")
        able = [entry.name for entry in self.entries or [] if entry.playable]
        if on in able or able:
            page = self.world_page(on if on in able else able[0])
            page.given(image)
            return page
        return None

    def receive(self, entries: list[WorldEntry]) -> None:
        """Show what was found; the cursor stays where it is, but for the first time."""
        first, self.entries = self.entries is None, entries
        self._shared.titles = {entry.name: entry.title for entry in entries}
        self.refresh()
        if first:
            self.go_to(self.menu.items[self.make().cursor].name)


class StartScreen:
    """base: the keys before a person changed any, by default those of every world. look: gives the worlds; it runs on
    a thread of its own, for asking for a GPU may take a while. draw: gives a seed at random.
    """

    pauses = True

    def __init__(
        self,
        settings: Settings,
        keymap: Keymap,
        clipboard: Clipboard,
        base: Keymap | None = None,
        look: Callable[[], list[WorldEntry]] = library.worlds,
        draw: Callable[[], int] = any_seed,
    ) -> None:
        shared = Shared(settings, keymap, base or load_keymap(), clipboard)
        self._home = HomePage(shared, draw)
        self._book = Book(shared, self._home, None, self._home.given)
        self._look = look
        self.look_again()

    def look_again(self) -> None:
        """Look for the worlds anew, as when weights were fetched."""
        found: Future[list[WorldEntry]] = Future()

        def search() -> None:
            try:
                found.set_result(self._look())
            except BaseException as error:
                found.set_exception(error)

        self._finding: Future[list[WorldEntry]] | None = found
        Thread(target=search, daemon=True).start()

    def ask_for_licences(self, world: str, terms: Sequence[Terms]) -> None:
        """Show what is to be accepted before `world` is downloaded; Agree comes where it is."""
        self._book.pages.append(LicencePage(world, terms))

    def _receive(self) -> None:
        """Show what was found, on this thread."""
        if self._finding is None or not self._finding.done():
            return
        entries, self._finding = self._finding.result(), None
        self._home.receive(entries)
        for page in self._book.pages:
            if isinstance(page, WorldPage):
                page.entry = next((entry for entry in entries if entry.name == page.entry.name), page.entry)
        self._book.make_stale()

    @property
    def wants_text(self) -> bool:
        return self._book.wants_text

    @property
    def spared(self) -> pygame.Rect:
        return self._book.spared

    def take(self, event: Event) -> object | None:
        """Apply an event; gives an order for the player when there is one. Swallows all events."""
        self._receive()
        return self._book.take(event)

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the page on top, on a background of its own."""
        self._receive()
        surface.fill(BACKGROUND)
        self._book.draw(surface)
