"""Held: which keys are down and where sticks stand, and what of that a coming chunk of frames must still see.

A press that was let go before any frame saw it is a tap, a stick that was out and back again a flick: both act for as
many frames as they lasted, one at least. What an action does is not known here, nor what key is bound to it.
"""

from __future__ import annotations

import math

from input.keys import device_of
from input.motion import CENTRED, Sticks

Place = tuple[float, float]
CENTRE: Place = (0.0, 0.0)


def further(one: Place, other: Place) -> Place:
    """Of two places of a stick the one further out; the first of equals."""
    return other if math.hypot(*other) > math.hypot(*one) else one


def frames_of(seconds: float, dt: float) -> int:
    """How many frames of `dt` seconds a tap of that length acts in."""
    return max(1, round(seconds / dt))


class Held:
    """One thread owns it. An action may be held by several keys, and a role played by several sticks."""

    def __init__(self) -> None:
        self._down: set[tuple[str, str]] = set()
        self._fresh: dict[tuple[str, str], float] = {}
        self._taps: dict[str, list[float]] = {}
        # Actions that a press switches, and the keys of such presses while they are down.
        self._switched: set[str] = set()
        self._switches: set[tuple[str, str]] = set()
        # Of every stick that is out: its role and place; since when and how far, if no frame has seen it yet.
        self._out: dict[str, tuple[str, Place]] = {}
        self._moved: dict[str, tuple[float, Place]] = {}
        self._flicks: dict[str, tuple[float, Place]] = {}

    @property
    def actions(self) -> frozenset[str]:
        """The actions that are down or switched on now."""
        return frozenset(action for action, _ in self._down) | self._switched

    @property
    def sticks(self) -> Sticks:
        """Where the sticks of each role stand; of several the one furthest out."""
        if not self._out:
            return CENTRED
        places = {"move": CENTRE, "look": CENTRE}
        for role, place in self._out.values():
            places[role] = further(places[role], place)
        return Sticks(**places)

    def down(self, action: str, key: str, at: float) -> None:
        """`key` begins `action` at `at` seconds."""
        if (action, key) not in self._down:
            self._down.add((action, key))
            self._fresh[action, key] = at

    def switch(self, action: str, key: str) -> None:
        """`key` went down and switches `action`: on if it was off, off if it was on."""
        if (action, key) not in self._switches:
            self._switches.add((action, key))
            self._switched ^= {action}

    def switch_off(self, action: str) -> None:
        """`action` is no longer on by a switch."""
        self._switched.discard(action)

    def up(self, action: str, key: str, at: float) -> None:
        """`key` is up at `at` seconds and ends what it began, though it may be bound to another action by now."""
        ended = {(action, key)} | {pair for pair in self._down | self._switches if key and pair[1] == key}
        self._down -= ended
        self._switches -= ended
        for pair in ended & self._fresh.keys():
            self._taps.setdefault(pair[0], []).append(at - self._fresh.pop(pair))

    def stick(self, name: str, role: str, place: Place, at: float) -> None:
        """The stick `name`, which plays `role`, stands at `place` from `at` seconds on; `role` "" is none."""
        before = self._out.pop(name, None)
        if before is None and role and place != CENTRE:
            self._moved[name] = (at, place)
        elif name in self._moved:
            since, furthest = self._moved[name]
            self._moved[name] = (since, further(furthest, place))
        if role and place != CENTRE:
            self._out[name] = (role, place)
        elif before is not None and name in self._moved:
            since, furthest = self._moved.pop(name)
            lasted, place = self._flicks.get(before[0], (0.0, CENTRE))
            self._flicks[before[0]] = (lasted + at - since, further(place, furthest))

    def release(self, pads_only: bool = False) -> None:
        """Let go of everything, or of what is held with a pad; taps and flicks already made stay."""
        gone = {pair for pair in self._down | self._switches if not pads_only or device_of(pair[1]) == "pad"}
        self._down -= gone
        self._switches -= gone
        for pair in gone & self._fresh.keys():
            del self._fresh[pair]
        self._out.clear()
        self._moved.clear()
        if not pads_only:
            self._switched.clear()

    def take(self, frames: int, dt: float) -> list[tuple[frozenset[str], Sticks]]:
        """What acts in each of the next `frames` frames of `dt` seconds; they have seen what there was to see."""
        taps = {action: sum(frames_of(s, dt) for s in spans) for action, spans in self._taps.items()}
        flicks = {role: (frames_of(lasted, dt), place) for role, (lasted, place) in self._flicks.items()}
        actions, sticks = self.actions, self.sticks
        seen = []
        for i in range(frames):
            active = actions | {action for action, covered in taps.items() if i < covered} if taps else actions
            flicked = {r: further(getattr(sticks, r), place) for r, (covered, place) in flicks.items() if i < covered}
            seen.append((active, Sticks(**{"move": sticks.move, "look": sticks.look} | flicked) if flicked else sticks))
        self._fresh.clear()
        self._moved.clear()
        self._taps.clear()
        self._flicks.clear()
        return seen
