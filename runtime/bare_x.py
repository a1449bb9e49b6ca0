"""Bare X: whether a window has an X server to itself, with no window manager, as exhibits like to run. It only looks.

What fills the screen there has to be moved and sized by hand: SDL asks a window manager for it, and nobody answers.
"""

from __future__ import annotations

import ctypes

import pygame

# The one client that has this mask on the root window is the window manager: X's own definition of one.
SUBSTRUCTURE_REDIRECT = 1 << 20


class Attributes(ctypes.Structure):
    """XWindowAttributes, as X11/Xlib.h has it."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("x", "y", "width", "height", "border_width", "depth")),
        ("visual", ctypes.c_void_p),
        ("root", ctypes.c_ulong),
        *((name, ctypes.c_int) for name in ("kind", "bit_gravity", "win_gravity", "backing_store")),
        *((name, ctypes.c_ulong) for name in ("backing_planes", "backing_pixel")),
        ("save_under", ctypes.c_int),
        ("colormap", ctypes.c_ulong),
        *((name, ctypes.c_int) for name in ("map_installed", "map_state")),
        *((name, ctypes.c_long) for name in ("all_event_masks", "your_event_mask", "do_not_propagate_mask")),
        ("override_redirect", ctypes.c_int),
        ("screen", ctypes.c_void_p),
    ]


def is_bare() -> bool:
    """Whether pygame's display is an X server without a window manager; False where that cannot be known."""
    if pygame.display.get_driver() != "x11":
        return False
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.argtypes, x11.XDefaultRootWindow.restype = [ctypes.c_void_p], ctypes.c_ulong
    x11.XGetWindowAttributes.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    opened, found = x11.XOpenDisplay(None), Attributes()
    if not opened:
        return False
    told = x11.XGetWindowAttributes(opened, x11.XDefaultRootWindow(opened), ctypes.byref(found))
    x11.XCloseDisplay(opened)
    return bool(told) and not found.all_event_masks & SUBSTRUCTURE_REDIRECT
