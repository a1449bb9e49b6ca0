"""Pages: menus that lead to one another, kept as a stack, for the start screen and the pause menu.

A page knows what its menu shows and what a choice in it means; the stack knows the way back, and what is the same
everywhere: pictures that are dropped or pasted, keys that act in every menu. Menus themselves are in menu.py, and
menu_view.py draws them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pygame

from input.events import Dropped, Event, Pasted, Press, Quit, Typed
from input.keymap import Keymap
from runtime.drag import Drag
from runtime.errors import UserError
from runtime.given import Clipboard, picture_at, picture_from
from runtime.image import StartImage
from runtime.layers import Style
from runtime.menu import Back, Changed, Item, Menu, Spot, take
from runtime.menu_view import MenuView
from runtime.orders import Command, Leave, Say
from runtime.settings import Settings
from runtime.strings import text

# Commands whose keys act in every menu too.
ANYWHERE = ("fullscreen", "screenshot")


@dataclass
class Shared:
    """What the pages of one stack share, and some change. base: the keys before a person changed any; titles: those of
    the worlds there are, by name.
    """

    settings: Settings
    keymap: Keymap
    base: Keymap
    clipboard: Clipboard
    titles: Mapping[str, str] = field(default_factory=dict)

    def title_of(self, world: str) -> str:
        """A world's title; its name where it is none of ours."""
        return self.titles.get(world, world)


@dataclass(frozen=True)
class Return:
    """Leave this page and `pages` - 1 below it; then `order`, if there is one, is the player's."""

    order: object | None = None
    pages: int = 1


class Page(ABC):
    """One menu. What `chosen` and `changed` give is a page to go to, a Return, an order for the player, or None.

    wants_text: text is typed here, by keys that are letters; takes_keys: every key is meant for the page itself.
    """

    takes_keys = False

    def __init__(self) -> None:
        self.menu = self.make()
        self._tell()

    @property
    def wants_text(self) -> bool:
        return False

    @abstractmethod
    def make(self) -> Menu:
        """The menu as it is now, in the present language; its cursor is where a person begins."""

    def about(self, name: str) -> str | None:
        """The line at the foot while the cursor is on the item called `name`; None for the menu's own."""
        return None

    def _tell(self) -> None:
        hint = self.about(self.on)
        if hint is not None and hint != self.menu.hint:
            self.menu = replace(self.menu, hint=hint)

    def chosen(self, name: str) -> object | None:
        """An item was activated."""
        return None

    def changed(self, name: str, value: object) -> object | None:
        """An item has another value."""
        return None

    def given(self, image: StartImage) -> object | None:
        """A picture was dropped or pasted; NotImplemented where this page has no use for it."""
        return NotImplemented

    def reads(self, pasted: str) -> bool:
        """Whether pasted text is to be typed here, and is no path of a picture."""
        return False

    def refresh(self) -> None:
        """Make the menu again and stay on the same item, or near it."""
        names = [item.name for item in self.menu.items]
        at = names[self.menu.cursor] if names else ""
        made = self.make()
        places = [index for index, item in enumerate(made.items) if item.name == at and item.kind != "heading"]
        cursor = places[0] if places else made.cursor
        self.menu = replace(made, cursor=cursor, leaning=self.menu.leaning)
        self._tell()

    def go_to(self, name: str) -> None:
        """Put the cursor on the item called `name`."""
        self.menu = replace(self.menu, cursor=[item.name for item in self.menu.items].index(name))
        self._tell()

    @property
    def on(self) -> str:
        """The name of the item that the cursor is on."""
        return self.menu.items[self.menu.cursor].name if self.menu.items else ""

    def take(self, event: Event, at: Spot | None = None) -> object | None:
        """Apply an event; `at` is what of the menu a Point or Click is on."""
        self.menu, outcome = take(self.menu, event, at)
        self._tell()
        if outcome is None:
            return None
        if isinstance(outcome, Back):
            return Return()
        if isinstance(outcome, Changed):
            return self.changed(outcome.name, outcome.value)
        return Return() if outcome.name == "back" else self.chosen(outcome.name)


def back_item() -> Item:
    """The last line of most pages."""
    return Item("back", text("page.back"))


def first_enabled(items: tuple[Item, ...]) -> int:
    """Where a cursor begins: on the first item that can be activated, else on the first that can be reached."""
    reachable = [index for index, item in enumerate(items) if item.kind != "heading"]
    return next((index for index in reachable if items[index].enabled), reachable[0] if reachable else 0)


class Book:
    """A stack of pages, drawn and led by events. at_root: the order when a person goes back from the first page;
    elsewhere: where a picture leads that the page on top has no use for.
    """

    def __init__(
        self, shared: Shared, root: Page, at_root: object | None, elsewhere: Callable[[StartImage], object | None]
    ) -> None:
        self._shared, self.pages, self._at_root, self._elsewhere = shared, [root], at_root, elsewhere
        self._view, self._stale = MenuView(Style()), False
        self._drag = Drag(self._view)

    @property
    def top(self) -> Page:
        return self.pages[-1]

    @property
    def wants_text(self) -> bool:
        return self.top.wants_text

    @property
    def types(self) -> bool:
        """Whether keys are meant for the page itself."""
        return self.top.wants_text or self.top.takes_keys

    def take(self, event: Event) -> object | None:
        """Apply an event; gives an order for the player when there is one. Never raises for what a person does."""
        self.refresh()
        return self._drag.marked(self._answer(event), self._shared.settings)

    def _answer(self, event: Event) -> object | None:
        try:
            if isinstance(event, Dropped):
                return self._follow(self._give(picture_at(event.path)))
            if isinstance(event, Pasted):
                return self._follow(self._paste(self._shared.clipboard()))
            return self._follow(self._pass(event))
        except UserError as error:
            return Say(str(error))

    def _pass(self, event: Event) -> object | None:
        if isinstance(event, Quit):
            return Leave()
        if isinstance(event, Press) and not self.top.takes_keys:
            if self.top.wants_text and (len(event.key) == 1 or event.key == "space"):
                return None  # it comes as Typed
            if event.action in ANYWHERE:
                return Command(event.action)
            if event.action == "quit":
                return Leave()
        return self.top.take(*self._drag.follow(event))

    def _paste(self, content: str | StartImage | None) -> object | None:
        if isinstance(content, str) and self.top.reads(content):
            return self.top.take(Typed(content))
        return self._give(picture_from(content))

    def _give(self, image: StartImage) -> object | None:
        answer = self.top.given(image)
        return self._elsewhere(image) if answer is NotImplemented else answer

    def _follow(self, answer: object | None) -> object | None:
        if answer is None:
            return None
        self._stale = True
        if isinstance(answer, Page | Return):
            self._drag.end()
        if isinstance(answer, Page):
            self.pages.append(answer)
            return None
        if not isinstance(answer, Return):
            return answer
        if answer.order is None and len(self.pages) <= answer.pages:
            return self._at_root
        del self.pages[max(1, len(self.pages) - answer.pages) :]
        return answer.order

    def refresh(self) -> None:
        """Make the page on top again after an order, which may have changed the language or what there is."""
        if self._stale:
            self._stale = False
            self.top.refresh()

    def make_stale(self) -> None:
        """What the page on top shows may be another now."""
        self._stale = True

    @property
    def spared(self) -> pygame.Rect:
        """The hint."""
        return self._view.hint

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the page on top over what is on `surface`."""
        self.refresh()
        style = Style(self._shared.settings.interface_scale, self._shared.settings.high_contrast)
        if style != self._view.style:
            self._view.style = style
        self._view.draw(surface, self.top.menu)
