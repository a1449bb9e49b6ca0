"""A gamepad without hardware: SDL's own virtual joystick, in the very library that pygame has loaded.

For SDL it is a game controller like any other, so that all of the way is tested: plugging in, mapping, events. It lives
in the process that makes it, and may be handled from another thread than the one that fetches pygame's events.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import pygame

from input.keys import PAD_BUTTONS, PAD_TRIGGERS, STICKS

GAMECONTROLLER, AXES, BUTTONS = 1, 6, 15
INIT_GAMECONTROLLER = 0x2000
FULL = 32767


class NoVirtualPad(Exception):
    """This machine's SDL has no virtual joysticks, or is not to be found."""


def find_sdl() -> str:
    """The file of the SDL2 that pygame has loaded; raises NoVirtualPad where it cannot be found."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        loaded = [line.split(maxsplit=5)[5] for line in maps.read_text().splitlines() if "/" in line]
    else:
        home = Path(pygame.__file__).parent
        loaded = [str(path) for folder in (home, home.parent / "pygame_ce.libs") for path in folder.rglob("*SDL2*")]
    names = ("libSDL2-2", "libSDL2.", "SDL2.dll", "libSDL2-")
    found = [path for path in loaded if Path(path).name.startswith(names) and "_" not in Path(path).name]
    if not found:
        raise NoVirtualPad("the SDL2 of pygame was not found")
    return found[0]


def load_sdl() -> ctypes.CDLL:
    """SDL2 with the types of what is called here."""
    sdl = ctypes.CDLL(find_sdl())
    joystick = ctypes.c_void_p
    sdl.SDL_JoystickOpen.restype = joystick
    sdl.SDL_JoystickClose.argtypes = [joystick]
    sdl.SDL_JoystickInstanceID.argtypes = [joystick]
    sdl.SDL_JoystickSetVirtualAxis.argtypes = [joystick, ctypes.c_int, ctypes.c_int16]
    sdl.SDL_JoystickSetVirtualButton.argtypes = [joystick, ctypes.c_int, ctypes.c_uint8]
    sdl.SDL_GetError.restype = ctypes.c_char_p
    return sdl


class VirtualPad:
    """Plugged in as soon as it is made; keys and sticks are named as in input/keys.py.

    SDL looks at it when pygame's events are next fetched: a press and a release in between are seen as nothing. Making
    one raises NoVirtualPad where there can be none.
    """

    def __init__(self) -> None:
        from pygame._sdl2 import controller

        controller.init()
        self._sdl = load_sdl()
        # One more than pygame's, so that whoever closes its pads does not break this one.
        self._sdl.SDL_InitSubSystem(INIT_GAMECONTROLLER)
        index = self._sdl.SDL_JoystickAttachVirtual(GAMECONTROLLER, AXES, BUTTONS, 0)
        if index < 0:
            raise NoVirtualPad(self._sdl.SDL_GetError().decode())
        self._joystick = self._sdl.SDL_JoystickOpen(index)
        self.instance = self._sdl.SDL_JoystickInstanceID(self._joystick)
        for trigger in PAD_TRIGGERS:
            self.trigger(trigger, 0.0)

    def press(self, key: str) -> None:
        """Press a button, such as `pad a`."""
        self._sdl.SDL_JoystickSetVirtualButton(self._joystick, PAD_BUTTONS.index(key), 1)

    def release(self, key: str) -> None:
        """Let a button go."""
        self._sdl.SDL_JoystickSetVirtualButton(self._joystick, PAD_BUTTONS.index(key), 0)

    def stick(self, name: str, x: float, y: float) -> None:
        """Put `left stick` or `right stick` at (x, y), each in [-1, 1], positive y towards the person."""
        first = 2 * STICKS.index(name)
        for axis, part in ((first, x), (first + 1, y)):
            self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, axis, round(part * FULL))

    def trigger(self, key: str, part: float) -> None:
        """Pull `pad left trigger` or `pad right trigger` to `part`, in [0, 1], of its way."""
        axis = 2 * len(STICKS) + PAD_TRIGGERS.index(key)
        self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, axis, round(part * (2 * FULL + 1)) - FULL - 1)

    def unplug(self) -> None:
        """Pull the plug, whatever is held; a second time does nothing."""
        joystick, self._joystick = self._joystick, None
        if joystick is None or not self._sdl.SDL_WasInit(INIT_GAMECONTROLLER):
            return
        for index in range(self._sdl.SDL_NumJoysticks()):
            if self._sdl.SDL_JoystickGetDeviceInstanceID(index) == self.instance:
                self._sdl.SDL_JoystickDetachVirtual(index)
                break
        self._sdl.SDL_JoystickClose(joystick)
        self._sdl.SDL_QuitSubSystem(INIT_GAMECONTROLLER)
