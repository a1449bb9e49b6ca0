"""Keys: the names of everything that can be bound, whatever device it is on. Names only; nothing here is down or up.

Keys of the keyboard are called as pygame calls them. A stick is no key, for it is never down; but it too has a name
and something that it is for, its role.
"""

from __future__ import annotations

import re

NAMED_KEYS = (
    *("up", "down", "left", "right", "home", "end", "page up", "page down", "insert", "delete", "backspace"),
    *("space", "tab", "return", "enter", "escape", "equals", "clear", "help", "menu", "break", "power", "print screen"),
    *("left shift", "right shift", "left ctrl", "right ctrl", "left alt", "right alt", "left meta", "right meta"),
    *("alt gr", "caps lock", "scroll lock", "numlock"),
    *(f"f{n}" for n in range(1, 16)),
    *(f"[{key}]" for key in "0123456789.*/+-"),
)
# A key that types a character is named by it, in lower case, on any keyboard layout (so ö and ß are keys too).
CHARACTER_KEY = re.compile(r"[^\s\x00-\x1f\x7fA-Z]")

MOUSE_BUTTONS = ("mouse left", "mouse middle", "mouse right")
WHEEL_KEYS = ("wheel up", "wheel down")
MOUSE_KEYS = MOUSE_BUTTONS + WHEEL_KEYS

# In the order of SDL's game controller buttons; a pad has those that it has.
PAD_BUTTONS = (
    *("pad a", "pad b", "pad x", "pad y", "pad back", "pad guide", "pad start", "pad left stick", "pad right stick"),
    *("pad left shoulder", "pad right shoulder", "pad dpad up", "pad dpad down", "pad dpad left", "pad dpad right"),
    *("pad misc", "pad paddle 1", "pad paddle 2", "pad paddle 3", "pad paddle 4", "pad touchpad"),
)
# In the order of SDL's game controller axes, which are those of the two sticks and then these.
PAD_TRIGGERS = ("pad left trigger", "pad right trigger")
PAD_KEYS = PAD_BUTTONS + PAD_TRIGGERS
STICKS = ("left stick", "right stick")

LEGAL_NAMES = NAMED_KEYS + MOUSE_KEYS + PAD_KEYS


def is_key_name(name: str) -> bool:
    """Whether `name` is that of a key: of the keyboard as pygame could call it, of the mouse or of a pad."""
    return name in LEGAL_NAMES or CHARACTER_KEY.fullmatch(name) is not None


def device_of(name: str) -> str:
    """`keyboard`, `mouse` or `pad`: what has the key or stick `name`."""
    if name in MOUSE_KEYS:
        return "mouse"
    return "pad" if name in PAD_KEYS or name in STICKS else "keyboard"
