"""Licence page: what a model's licence says, and whether it is accepted, before its weights are downloaded.

A page only: what was accepted is an order, and runtime/consent.py remembers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.source import Terms
from runtime.menu import Item, Menu
from runtime.pages import Page, Return
from runtime.strings import text


@dataclass(frozen=True)
class Agree:
    """An order: these licences are accepted, so that the weights of `world` can be downloaded."""

    world: str
    terms: tuple[Terms, ...]


def lines_of(terms: Terms) -> list[str]:
    """What a licence says, in the present language where somebody wrote that down."""
    try:
        return text(f"terms.{terms.name}").splitlines()
    except KeyError:  # of somebody's own world
        return list(terms.lines)


class LicencePage(Page):
    """One licence after the other, a page each; the last one that is accepted gives the order. at: which one."""

    def __init__(self, world: str, terms: Sequence[Terms], at: int = 0) -> None:
        self._world, self._terms, self._at = world, tuple(terms), at
        super().__init__()

    def make(self) -> Menu:
        terms = self._terms[self._at]
        said = (*lines_of(terms), text("licence.all", url=terms.url), text("licence.no_advice"))
        words = tuple(Item(f"words:{number}", "", "words", detail=line) for number, line in enumerate(said))
        # Where the cursor begins nothing is accepted, however often a person presses.
        back, accept = Item("back", text("licence.decline")), Item("accept", text("licence.accept"))
        items = (Item("title", terms.heading, "heading"), *words, back, accept)
        return Menu(text("licence.title"), items, len(items) - 2, text("licence.hint", world=self._world))

    def chosen(self, name: str) -> object | None:
        if name != "accept":
            return None
        if self._at + 1 < len(self._terms):
            return LicencePage(self._world, self._terms, self._at + 1)
        return Return(Agree(self._world, self._terms), pages=self._at + 1)
