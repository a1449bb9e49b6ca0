"""World page: everything to choose before a world is played: its start picture, its seed, its download. A page only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from input.events import Event, Press, Typed
from model import registry
from model.worldfile import read_world_file
from runtime.given import picture_from
from runtime.image import StartImage
from runtime.library import WorldEntry, thumbnail
from runtime.menu import Item, Menu, Spot
from runtime.option_types import SEEDS
from runtime.orders import Choice
from runtime.pages import Page, Return, Shared, back_item, first_enabled
from runtime.strings import text


@dataclass(frozen=True)
class Fetch:
    """An order: download the weights of `world`."""

    world: str


def seed_for(seed: int, start: int, starts: int) -> int:
    """The seed nearest below or at `seed` for which a world takes its own picture `start` of `starts`."""
    wanted = seed - registry.start_index(seed, starts) + start
    return wanted if wanted < SEEDS else wanted - starts


def typed_seed(digits: str, more: str) -> str:
    """The digits after `more` was typed; what is no digit, or would make the seed too large, is left out."""
    for letter in more:
        if letter in "0123456789" and int(digits + letter) < SEEDS:
            digits = str(int(digits + letter))
    return digits


class WorldPage(Page):
    """draw: gives a seed at random."""

    def __init__(self, shared: Shared, entry: WorldEntry, draw: Callable[[], int]) -> None:
        self._shared, self.entry, self._draw = shared, entry, draw
        self.image: StartImage | None = None
        self._shown: np.ndarray | None = None
        self._digits, self._fresh = str(draw()), True
        folder = registry.find_world(entry.name)
        self._starts = [thumbnail(start) for start in registry.starts_of(folder, read_world_file(folder))]
        super().__init__()

    @property
    def seed(self) -> int:
        return int(self._digits or 0)

    @property
    def wants_text(self) -> bool:
        return self.on == "seed"

    def reads(self, pasted: str) -> bool:
        return self.on == "seed" and pasted.strip().isdecimal()

    def make(self) -> Menu:
        items = (
            *self._begin_items(),
            self._picture_item(),
            Item("paste", text("picture.paste")),
            *((Item("own", text("picture.own")),) if self.image and self._starts else ()),
            Item("seed", text("start.seed"), detail=self._digits + "_" if self._fresh is False else self._digits),
            Item("random", text("start.random")),
            back_item(),
        )
        return Menu(self.entry.title, items, first_enabled(items))

    def about(self, name: str) -> str:
        return text("start.seed_hint" if name == "seed" else "picture.hint")

    def _begin_items(self) -> tuple[Item, ...]:
        entry = self.entry
        if entry.playable:
            return (Item("play", text("start.play"), detail=text("start.slow") if entry.slow else ""),)
        if entry.lacking == 0:
            return (Item("play", text("start.play"), detail=entry.problem, enabled=False),)
        if entry.problem:
            return (Item("fetch", text("start.fetch"), detail=entry.problem, enabled=False),)
        return (Item("fetch", text("start.fetch"), detail=entry.download),)

    def _picture_item(self) -> Item:
        label = text("picture.start")
        if self.image is not None:
            name = self.image.path.replace("\\", "/").rpartition("/")[2]
            return Item("starts", label, "card", detail=name, picture=self._shown, enabled=bool(self._starts))
        if not self._starts:
            return Item("starts", label, detail=text("picture.none"), enabled=False)
        start = registry.start_index(self.seed, len(self._starts))
        several = len(self._starts) > 1
        detail = text("picture.of", number=start + 1, count=len(self._starts)) if several else text("picture.none")
        return Item("starts", label, "card", detail=detail, picture=self._starts[start])

    def take(self, event: Event, at: Spot | None = None) -> object | None:
        if self.on == "seed" and isinstance(event, Typed):
            self._digits, self._fresh = typed_seed("" if self._fresh else self._digits, event.text), False
            self.refresh()
            return None
        if self.on == "seed" and isinstance(event, Press) and event.key == "backspace":
            self._digits, self._fresh = ("" if self._fresh else self._digits[:-1]), False
            self.refresh()
            return None
        answer = super().take(event, at)
        if self.on != "seed" and not self._fresh:  # the next digit begins another number
            self._digits, self._fresh = str(self.seed), True
            self.refresh()
        return answer

    def chosen(self, name: str) -> object | None:
        if name == "play":
            return Choice(world=self.entry.name, seed=self.seed, image=self.image)
        if name == "fetch":
            return Fetch(self.entry.name)
        if name == "starts":
            return StartsPage(self, self._starts)
        if name == "paste":
            return self.given(picture_from(self._shared.clipboard()))
        if name == "own":
            self.image = self._shown = None
        elif name == "random":
            self._digits, self._fresh = str(self._draw()), True
        elif name == "seed":
            self.go_to("play" if self.entry.playable else "fetch" if not self.entry.problem else "back")
        self.refresh()
        return None

    def given(self, image: StartImage) -> object | None:
        """Begin with this picture; the cursor goes to where that can be done."""
        self.image, self._shown = image, thumbnail(image.pixels)
        self.refresh()
        self.go_to(self.menu.items[first_enabled(self.menu.items)].name)
        return None

    def begin_at(self, start: int) -> None:
        """Take the world's own picture `start`, by a seed that leads to it."""
        self.image = self._shown = None
        self._digits, self._fresh = str(seed_for(self.seed, start, len(self._starts))), True


class StartsPage(Page):
    """A world's own start pictures; choosing one gives its page the seed for it."""

    def __init__(self, world_page: WorldPage, starts: Sequence[np.ndarray]) -> None:
        self._page, self._starts = world_page, starts
        super().__init__()

    def make(self) -> Menu:
        cards = tuple(
            Item(str(index), str(index + 1), "card", picture=start) for index, start in enumerate(self._starts)
        )
        now = registry.start_index(self._page.seed, len(self._starts))
        return Menu(text("picture.start"), (*cards, back_item()), now, columns=4)

    def chosen(self, name: str) -> Return:
        self._page.begin_at(int(name))
        return Return()

    def given(self, image: StartImage) -> Return:
        self._page.given(image)
        return Return()
