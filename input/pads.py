"""Pads: the gamepads that are plugged in, by SDL's controller mapping; what their buttons, triggers and sticks report.

All pads together are one player: a key is down while it is down on any, a stick stands where it is furthest out. What
a stick's place is worth (dead zone, curve) is input/response.py. SDL knows most pads by itself and takes mappings of
others from $SDL_GAMECONTROLLERCONFIG; a joystick without a mapping is not a gamepad and is left alone.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pygame

from input.events import Event, PadAdded, PadRemoved, Press, Release, Stick
from input.keymap import Keymap
from input.keys import PAD_BUTTONS, PAD_TRIGGERS, STICKS

# A trigger is down from the first on and up from the second on, in parts of its way.
TRIGGER_DOWN, TRIGGER_UP = 0.30, 0.20
FULL = 32767
STICK_AXES = 2 * len(STICKS)


@dataclass
class Pad:
    """One open gamepad: the keys that are down on it, and its sticks' axes, each in [-1, 1]."""

    name: str
    handle: Any
    down: set[str] = field(default_factory=set)
    axes: list[float] = field(default_factory=lambda: [0.0] * STICK_AXES)

    def place(self, stick: int) -> tuple[float, float]:
        """Where the stick of that number stands."""
        return self.axes[2 * stick], self.axes[2 * stick + 1]


def open_library() -> ModuleType:
    """SDL's game controllers, ready; raises ImportError or pygame.error where there are none."""
    from pygame._sdl2 import controller

    # Hands on a pad mean another window while that has the keyboard. This is SDL's default, said in case that changes.
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "0")
    controller.init()
    return controller


class Pads:
    """Opens gamepads as they come; the thread that fetches pygame's events owns it.

    `problem` says why there can be no gamepads on this machine, "" where there can. `library` is that of
    open_library, unless another is given.
    """

    def __init__(self, library: Any = None) -> None:
        self.problem = ""
        self._library = library
        self._pads: dict[int, Pad] = {}
        self._told: dict[str, tuple[float, float]] = dict.fromkeys(STICKS, (0.0, 0.0))
        self._away = False
        if library is None:
            try:
                self._library = open_library()
            except (ImportError, pygame.error) as error:
                self.problem = str(error)
                print(f"reverie: no gamepads on this machine ({error})", file=sys.stderr)

    @property
    def names(self) -> list[str]:
        """What the gamepads that are plugged in are called."""
        return [pad.name for pad in self._pads.values()]

    def take(self, event: pygame.event.Event, keymap: Keymap) -> list[Event]:
        """The input events that one of pygame's makes here; none where it is not about gamepads."""
        match event.type:
            case pygame.CONTROLLERAXISMOTION if pad := self._pad(event):
                return list(self._axis(pad, event.axis, event.value, keymap))
            case pygame.CONTROLLERBUTTONDOWN | pygame.CONTROLLERBUTTONUP if pad := self._pad(event):
                if event.button >= len(PAD_BUTTONS):
                    return []
                down = event.type == pygame.CONTROLLERBUTTONDOWN
                return list(self._key(pad, PAD_BUTTONS[event.button], down, keymap))
            case pygame.CONTROLLERDEVICEADDED if self._library:
                return list(self._added(event.device_index))
            case pygame.CONTROLLERDEVICEREMOVED:
                return list(self._removed(event.instance_id, keymap))
            case pygame.WINDOWFOCUSLOST:
                self._away = True
                return [made for pad in self._pads.values() for made in self._let_go(pad, keymap)]
            case pygame.WINDOWFOCUSGAINED:
                self._away = False
        return []

    def close(self) -> None:
        """Let the gamepads go; no more events come from them."""
        for pad in self._pads.values():
            pad.handle.quit()
        self._pads.clear()
        if self._library:
            self._library.quit()

    def _pad(self, event: pygame.event.Event) -> Pad | None:
        return self._pads.get(event.instance_id)

    def _added(self, index: int) -> Iterator[Event]:
        try:
            handle = self._library.Controller(index)
            # A controller of pygame's knows its place in the list only, which is another one's after a removal.
            instance = handle.as_joystick().get_instance_id()
        except pygame.error as error:
            # It may be gone again by now; if not, the person should know why it does nothing.
            print(f"reverie: a gamepad cannot be used ({error})", file=sys.stderr)
            return
        if instance not in self._pads:
            self._pads[instance] = pad = Pad(handle.name or "gamepad", handle)
            yield PadAdded(pad.name)

    def _removed(self, instance: int, keymap: Keymap) -> Iterator[Event]:
        pad = self._pads.get(instance)
        if pad:
            yield from self._let_go(pad, keymap)
            del self._pads[instance]
            pad.handle.quit()
            yield PadRemoved(pad.name)

    def _let_go(self, pad: Pad, keymap: Keymap) -> Iterator[Event]:
        """Nothing of `pad` is held any more."""
        for key in sorted(pad.down):
            yield from self._key(pad, key, False, keymap)
        pad.axes = [0.0] * STICK_AXES
        for number in range(len(STICKS)):
            yield from self._stick(number, keymap)

    def _key(self, pad: Pad, key: str, down: bool, keymap: Keymap) -> Iterator[Event]:
        """`key` of `pad` is down or up; told where it was not so on any pad before."""
        before = any(key in other.down for other in self._pads.values())
        if down and not self._away:
            pad.down.add(key)
        elif not down:
            pad.down.discard(key)
        after = any(key in other.down for other in self._pads.values())
        if before != after:
            yield (Press if after else Release)(keymap.action_of(key) or "", key)

    def _axis(self, pad: Pad, axis: int, value: int, keymap: Keymap) -> Iterator[Event]:
        """`axis` of `pad` stands at `value`, in [-32768, 32767], of triggers from 0 on."""
        part = max(value / FULL, -1.0)
        if axis < STICK_AXES:
            pad.axes[axis] = 0.0 if self._away else part
            yield from self._stick(axis // 2, keymap)
        elif axis < STICK_AXES + len(PAD_TRIGGERS):
            key = PAD_TRIGGERS[axis - STICK_AXES]
            threshold = TRIGGER_UP if key in pad.down else TRIGGER_DOWN
            yield from self._key(pad, key, part > threshold, keymap)

    def _stick(self, number: int, keymap: Keymap) -> Iterator[Event]:
        """Tell where a stick stands, if it moved."""
        name, places = STICKS[number], [pad.place(number) for pad in self._pads.values()]
        place = max(places, key=lambda place: math.hypot(*place), default=(0.0, 0.0))
        if place != self._told[name]:
            self._told[name] = place
            yield Stick(name, *place, keymap.action_of(name) or "")
