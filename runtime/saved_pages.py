"""Saved pages: lists of sessions that were walked and of worlds that were saved: to go on from, save over, delete."""

from __future__ import annotations

from collections.abc import Callable

from input.events import Composing, Event, Press, Typed
from runtime import folders
from runtime.errors import UserError
from runtime.library import SessionEntry
from runtime.menu import Item, Menu, Spot
from runtime.orders import Choice, Delete, Load, Save
from runtime.pages import Page, Return, Shared, back_item, first_enabled
from runtime.shelf import LONGEST_NAME, RELOADED, SlotEntry, alike, called, slot_path
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
    return Item(f"slot:{entry.name}", called(entry.name), "card", detail=detail, picture=entry.thumbnail)


def nothing_saved() -> Item:
    return Item("none", text("slots.none"), "heading")


def usable(item: Item, entry: SlotEntry) -> Item:
    return Item(**{**vars(item), "enabled": False}) if entry.problem else item


class LoadPage(Page):
    """Saved worlds to go on from. world: the one that is played now, "" for none; another is a choice of its own."""

    def __init__(self, shared: Shared, look: Callable[[], list[SlotEntry]], world: str = "") -> None:
        self._shared, self._look, self._world = shared, look, world
        super().__init__()

    def make(self) -> Menu:
        self._entries = {entry.name: entry for entry in self._look()}
        cards = tuple(usable(slot_item(entry, self._shared), entry) for entry in self._entries.values())
        rest = (Item("delete", text("slots.delete_one")),) if cards else (nothing_saved(),)
        items = (*cards, *rest, back_item())
        return Menu(text("slots.load"), items, first_enabled(items), columns=3)

    def chosen(self, name: str) -> Load | Choice | Page:
        if name == "delete":
            return DeletePage(self._shared, self._look)
        entry = self._entries[name.removeprefix("slot:")]
        return Load(entry.name) if entry.world == self._world else Choice(world=entry.world, slot=entry.name)


class DeletePage(Page):
    """Saved worlds to be rid of, also those that cannot be loaded."""

    def __init__(self, shared: Shared, look: Callable[[], list[SlotEntry]]) -> None:
        self._shared, self._look = shared, look
        super().__init__()

    def make(self) -> Menu:
        cards = tuple(slot_item(entry, self._shared) for entry in self._look())
        items = (*cards, *(() if cards else (nothing_saved(),)), back_item())
        return Menu(text("slots.delete_one"), items, first_enabled(items), columns=3)

    def chosen(self, name: str) -> Page:
        slot = name.removeprefix("slot:")
        return SurePage(text("slots.delete_title", name=called(slot)), text("slots.delete"), Return(Delete(slot)))


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
        return overwrite_page(name.removeprefix("slot:"), 2)


class SurePage(Page):
    """Asks before a saved world is lost, in these words. done: what follows where the person is sure."""

    def __init__(self, title: str, deed: str, done: Return) -> None:
        self._title, self._deed, self._done = title, deed, done
        super().__init__()

    def make(self) -> Menu:
        return Menu(self._title, (Item("back", text("slots.keep")), Item("sure", self._deed)))

    def chosen(self, name: str) -> Return:
        return self._done


def overwrite_page(name: str, pages: int) -> SurePage:
    """Asks before a saved world is replaced. pages: how many to leave when it is."""
    title = text("slots.overwrite_title", name=called(name))
    return SurePage(title, text("slots.overwrite"), Return(Save(name), pages))


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
        if alike(slot) == RELOADED:
            raise UserError("this name is kept for loading on another engine", repr(slot), "choose another one")
        same = [name for name in self._taken if alike(name) == alike(slot)]
        if same:
            return overwrite_page(same[0], 3)
        return Return(Save(slot), 2)
