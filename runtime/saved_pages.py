"""Saved pages: the lists of sessions that were walked and of worlds that were saved, to go on from or to save over."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from input.events import Composing, Event, Press, Typed
from runtime import folders
from runtime.library import SessionEntry
from runtime.menu import Item, Menu, Spot
from runtime.orders import Choice, Load, Save
from runtime.pages import Page, Return, Shared, back_item, first_enabled
from runtime.shelf import LONGEST_NAME, QUICK, SlotEntry, slot_path
from runtime.strings import text
from runtime.words import duration, moment


class SessionsPage(Page):
    """look: gives the sessions to list."""

    def __init__(self, shared: Shared, look: Callable[[], list[SessionEntry]]) -> None:
        self._shared = shared
        self._entries = look()
        super().__init__()

    def _item(self, index: int, entry: SessionEntry) -> Item:
        if entry.problem:
            return Item(str(index), entry.path.name, detail=entry.problem, enabled=False)
        detail = f"{moment(entry.when)}   {duration(entry.seconds)}"
        return Item(str(index), self._shared.title_of(entry.world), detail=detail)

    def make(self) -> Menu:
        found = tuple(self._item(index, entry) for index, entry in enumerate(self._entries))
        none = () if found else (Item("none", text("sessions.none"), "heading"),)
        items = (*found, *none, back_item())
        return Menu(text("start.sessions"), items, first_enabled(items))

    def chosen(self, name: str) -> Page:
        entry = self._entries[int(name)]
        return SessionPage(entry, self._shared.title_of(entry.world))


class SessionPage(Page):
    """What can be done with one session."""

    def __init__(self, entry: SessionEntry, title: str) -> None:
        self._entry, self._title = entry, title
        super().__init__()

    def make(self) -> Menu:
        items = (
            Item("watch", text("sessions.watch"), detail=duration(self._entry.seconds)),
            Item("resume", text("sessions.resume"), detail=text("sessions.resume_detail")),
            back_item(),
        )
        return Menu(f"{self._title}, {moment(self._entry.when)}", items, 0, self._entry.path.name)

    def chosen(self, name: str) -> Choice:
        path = self._entry.path
        return Choice(replay=path) if name == "watch" else Choice(resume=path)


def slot_item(entry: SlotEntry, shared: Shared) -> Item:
    """A card for a saved world."""
    detail = entry.problem or f"{shared.title_of(entry.world)}   {moment(entry.when)}"
    label = text("slots.quick") if entry.name == QUICK else entry.name
    return Item(f"slot:{entry.name}", label, "card", detail=detail, picture=entry.thumbnail)


def usable(item: Item, entry: SlotEntry) -> Item:
    return Item(**{**vars(item), "enabled": False}) if entry.problem else item


class LoadPage(Page):
    """Saved worlds to go on from. world: the one that is played now, "" for none; another is a choice of its own."""

    def __init__(self, shared: Shared, look: Callable[[], list[SlotEntry]], world: str = "") -> None:
        self._shared, self._world = shared, world
        self._entries = {entry.name: entry for entry in look()}
        super().__init__()

    def make(self) -> Menu:
        cards = tuple(usable(slot_item(entry, self._shared), entry) for entry in self._entries.values())
        none = () if cards else (Item("none", text("slots.none"), "heading"),)
        items = (*cards, *none, back_item())
        return Menu(text("slots.load"), items, first_enabled(items), columns=3)

    def chosen(self, name: str) -> Load | Choice:
        entry = self._entries[name.removeprefix("slot:")]
        return Load(entry.name) if entry.world == self._world else Choice(world=entry.world, slot=entry.name)


class SavePage(Page):
    """Where to save the world. suggested: a name for a new slot."""

    def __init__(self, shared: Shared, look: Callable[[], list[SlotEntry]], suggested: str) -> None:
        self._shared, self._look, self._suggested = shared, look, suggested
        super().__init__()

    def make(self) -> Menu:
        entries = self._look()
        self._names = [entry.name for entry in entries]
        cards = (slot_item(entry, self._shared) for entry in entries)
        return Menu(text("slots.save"), (Item("new", text("slots.new")), *cards, back_item()), columns=3)

    def chosen(self, name: str) -> Page:
        if name == "new":
            return NamePage(self._suggested, self._names)
        return OverwritePage(name.removeprefix("slot:"), 2)


class OverwritePage(Page):
    """Asks before a saved world is replaced. pages: how many to leave when it is."""

    def __init__(self, name: str, pages: int) -> None:
        self._name, self._pages = name, pages
        super().__init__()

    def make(self) -> Menu:
        items = (Item("back", text("slots.keep")), Item("overwrite", text("slots.overwrite")))
        return Menu(text("slots.overwrite_title", name=self._name), items)

    def chosen(self, name: str) -> Return:
        return Return(Save(self._name), self._pages)


def alike(name: str) -> str:
    """What names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


class NamePage(Page):
    """The name of a new slot, as it is typed. taken: the names there are."""

    def __init__(self, suggested: str, taken: list[str]) -> None:
        self._name, self._taken, self._composing, self._fresh = suggested, taken, "", True
        super().__init__()

    @property
    def wants_text(self) -> bool:
        return True

    def make(self) -> Menu:
        shown = self._name + self._composing + ("" if self._fresh else "_")
        items = (Item("save", text("slots.save_as", name=shown)), back_item())
        return Menu(text("slots.new"), items, 0, text("slots.name_hint"))

    def take(self, event: Event, at: Spot | None = None) -> object | None:
        if isinstance(event, Typed):
            typed = ("" if self._fresh else self._name) + "".join(filter(str.isprintable, event.text))
            self._name, self._composing, self._fresh = typed[:LONGEST_NAME], "", False
        elif isinstance(event, Composing):
            self._composing = event.text
        elif isinstance(event, Press) and event.key == "backspace" and not self._composing:
            self._name, self._fresh = ("" if self._fresh else self._name[:-1]), False
        else:
            return None if self._composing else super().take(event, at)
        self.refresh()
        return None

    def reads(self, pasted: str) -> bool:
        return True

    def chosen(self, name: str) -> object | None:
        """Raises UserError where the name cannot be one."""
        slot = self._name.strip()
        slot_path(folders.slots_folder(), slot)
        same = [name for name in self._taken if alike(name) == alike(slot)]
        if same:
            return OverwritePage(same[0], 3)
        return Return(Save(slot), 2)
