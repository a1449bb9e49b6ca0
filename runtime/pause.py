"""Pause: why a walk stands still, "" for no reason, and what ends it. Pure; who stands still is runtime/player.py."""

from __future__ import annotations

from input.events import Event, FocusGained, FocusLost, Press


def pause_after(reason: str, event: Event) -> str:
    """Why the walk is paused after `event`: "" (it is not), "person" or "focus". Only its cause ends a pause."""
    match event:
        case Press("pause"):
            return "" if reason else "person"
        case FocusLost():
            return reason or "focus"
        case FocusGained() if reason == "focus":
            return ""
    return reason


def focus_after(reason: str, event: Event) -> str:
    """As pause_after while a pane is open: keys are the pane's, the focus is not."""
    return pause_after(reason, event) if isinstance(event, FocusLost | FocusGained) else reason
