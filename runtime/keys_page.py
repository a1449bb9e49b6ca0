"""Keys page: which key does what, changed by pressing one; a key that is taken is asked for first. Pages only."""

from __future__ import annotations

import math

from input.controls import MOVEMENT_ACTIONS
from input.events import Click, Event, Press, Stick, Wheel
from input.keymap import COMMANDS, Keymap
from input.motion import ROLES
from input.remap import conflict, is_last, may_bind, rebind, reset, unbind
from runtime.menu import Item, Menu, Spot
from runtime.orders import Rebind, Say
from runtime.pages import Page, Return, Shared, back_item, first_enabled
from runtime.strings import text

GROUPS = {"movement": MOVEMENT_ACTIONS, "sticks": ROLES, "commands": COMMANDS}
# A stick that is this far out was meant; one that rests is never quite at its centre.
MEANT = 0.7


def words_of(action: str) -> str:
    """What an action, or what a stick is for, is called in the present language."""
    return text(f"action.{action}")


def keys_in_words(keymap: Keymap, action: str) -> str:
    return " / ".join(keymap.keys_of(action)) or text("keys.none")


class KeysPage(Page):
    """All actions with their keys."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__()

    def make(self) -> Menu:
        keymap = self._shared.keymap
        items: list[Item] = []
        for group, actions in GROUPS.items():
            items.append(Item(f"group:{group}", text(f"keys.group.{group}"), "heading"))
            items += [Item(action, words_of(action), "key", detail=keys_in_words(keymap, action)) for action in actions]
        changed = keymap != self._shared.base
        whole = (*items, Item("defaults", text("keys.defaults"), enabled=changed), back_item())
        return Menu(text("keys.title"), whole, first_enabled(whole), text("keys.hint"))

    def chosen(self, name: str) -> Page:
        return ResetPage(self._shared) if name == "defaults" else ActionPage(self._shared, name)


class ResetPage(Page):
    """Asks before all keys are what they were at first."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__()

    def make(self) -> Menu:
        items = (Item("back", text("keys.keep")), Item("reset", text("keys.defaults")))
        return Menu(text("keys.defaults_title"), items)

    def chosen(self, name: str) -> Return:
        self._shared.keymap = reset(self._shared.keymap, self._shared.base)
        return Return(Rebind(self._shared.keymap))


class ActionPage(Page):
    """One action: another key for it, none, or those that it had at first."""

    def __init__(self, shared: Shared, action: str) -> None:
        self._shared, self._action = shared, action
        super().__init__()

    def make(self) -> Menu:
        keymap, base, action = self._shared.keymap, self._shared.base, self._action
        items = (
            Item("press", text("keys.change"), detail=keys_in_words(keymap, action)),
            Item("none", text("keys.take_away"), enabled=unbind(keymap, action) != keymap),
            Item(
                "first",
                text("keys.default"),
                detail=keys_in_words(base, action),
                enabled=keymap.keys_of(action) != base.keys_of(action),
            ),
            back_item(),
        )
        return Menu(words_of(action), items)

    def chosen(self, name: str) -> object:
        if name == "press":
            return CapturePage(self._shared, self._action)
        keymap, base = self._shared.keymap, self._shared.base
        self._shared.keymap = unbind(keymap, self._action) if name == "none" else reset(keymap, base, self._action)
        return Rebind(self._shared.keymap)


class CapturePage(Page):
    """Waits for the key, or the stick, that is to do the action; escape leaves all as it was.

    The mouse is free meanwhile: a click beside the menu is its left button.
    """

    takes_keys = True

    def __init__(self, shared: Shared, action: str) -> None:
        self._shared, self._action = shared, action
        super().__init__()

    def make(self) -> Menu:
        stick = self._action in ROLES
        title = text("keys.move_stick" if stick else "keys.press", action=words_of(self._action))
        return Menu(title, (back_item(),), 0, text("keys.stick_hint" if stick else "keys.press_hint"))

    def take(self, event: Event, at: Spot | None = None) -> object | None:
        if isinstance(event, Press):
            if event.key == "escape":
                return Return()
            return self._captured(event.key) if event.key and self._action not in ROLES else None
        if isinstance(event, Stick):
            out = math.hypot(event.x, event.y) > MEANT
            return self._captured(event.name) if out and self._action in ROLES else None
        if at is None and isinstance(event, Click | Wheel) and self._action not in ROLES:
            wheel = "wheel up" if isinstance(event, Wheel) and event.dy > 0 else "wheel down"
            return self._captured("mouse left" if isinstance(event, Click) else wheel)
        return super().take(event, at)

    def _captured(self, key: str) -> object:
        keymap = self._shared.keymap
        if not may_bind(self._action, key):
            return Say(text("keys.cannot", name=key))
        loser = conflict(keymap, self._action, key)
        if loser and is_last(keymap, key):
            return Say(text("keys.last", name=key, action=words_of(loser)))
        if loser:
            return TakePage(self._shared, self._action, key, loser)
        self._shared.keymap, _ = rebind(keymap, self._action, key)
        return Return(Rebind(self._shared.keymap))


class TakePage(Page):
    """Asks whether a key that has something else to do is to be taken from it."""

    def __init__(self, shared: Shared, action: str, key: str, loser: str) -> None:
        self._shared, self._action, self._key, self._loser = shared, action, key, loser
        super().__init__()

    def make(self) -> Menu:
        items = (Item("back", text("keys.another")), Item("take", text("keys.take")))
        return Menu(text("keys.taken", name=self._key, action=words_of(self._loser)), items)

    def chosen(self, name: str) -> Return:
        self._shared.keymap, _ = rebind(self._shared.keymap, self._action, self._key)
        return Return(Rebind(self._shared.keymap), 2)
