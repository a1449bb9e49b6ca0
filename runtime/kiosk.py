"""Kiosk: whose turn it is at an exhibit, and what of their input gets through. Time is passed in; nothing is drawn.

The world plays by itself (attract) until someone touches a control. Then it is theirs, in a fresh world, until they
have touched nothing for a while or their time is up. The part with states is `advance`, a pure function; `Kiosk` adds
the keys that are down and the seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from input.events import Click, Event, FocusLost, MouseMove, PadAdded, PadRemoved, Press, Release, Stick, Wheel
from runtime.kiosk_config import KioskConfig, words_of
from runtime.orders import Leave, Prompt
from runtime.strings import text

ATTRACT, PLAYING, COUNTDOWN = "attract", "playing", "countdown"
# A key that is held is a touch, but not for ever: something may lie on it.
HELD_S = 120.0
# What moves less than this was not touched: pixels of the mouse in one turn, the way of a stick.
NUDGE_PIXELS, NUDGE_STICK = 3.0, 0.35
SEEDS = 2**31
# Of no use to one who wants out.
FACTS = (PadAdded, PadRemoved)


@dataclass(frozen=True)
class State:
    """`since`: when this turn began, of a person or of the attract loop; `touched_at` the last touch; in seconds.

    Touches before `deaf_until` do nothing.
    """

    mode: str = ATTRACT
    since: float = 0.0
    touched_at: float = -math.inf
    deaf_until: float = -math.inf


@dataclass(frozen=True)
class Turn:
    """What one turn of the loop is to do: give `events` to the controls and the loop, carry out `orders`.

    `mode` ATTRACT: the walk is led by the attract loop, not by a person; `handed`: it has just changed hands, so that a
    fresh world is to begin before the events count. `line` is shown over the picture, "" for nothing. `record`: a
    person plays, and it is to be recorded.
    """

    mode: str
    events: tuple[Event, ...] = ()
    orders: tuple[object, ...] = ()
    line: str = ""
    handed: bool = False
    record: bool = False


def left_s(config: KioskConfig, state: State, now: float) -> tuple[float, float]:
    """Seconds until the person counts as gone, and until their time is up."""
    idle = state.touched_at + config.idle_s - now
    return idle, state.since + config.session_s - now if config.session_s else math.inf


def advance(config: KioskConfig, state: State, now: float, touched: bool) -> State:
    """The state at `now` seconds, with a touch or without one."""
    if state.mode == ATTRACT:
        if touched and now >= state.deaf_until:
            state = State(PLAYING, now, now)
        else:
            return state
    idle, session = left_s(config, state, now)
    if session <= 0:
        # Who still holds the stick does not begin again by that.
        return State(ATTRACT, now, state.touched_at, now + config.break_s)
    if idle <= 0:
        return advance(config, State(ATTRACT, now, state.touched_at), now, touched)
    state = replace(state, touched_at=now) if touched else state
    idle, session = left_s(config, state, now)
    return replace(state, mode=COUNTDOWN if min(idle, session) <= config.countdown_s else PLAYING)


def countdown(config: KioskConfig, state: State, now: float) -> str:
    """The words of the count-down; "" while there is none."""
    if state.mode != COUNTDOWN:
        return ""
    idle, session = left_s(config, state, now)
    seconds = math.ceil(min(idle, session))
    return text("kiosk.session", seconds=seconds) if session <= idle else text("kiosk.idle", seconds=seconds)


def passes(allowed: frozenset[str], event: Event) -> bool:
    """Whether an event reaches the world: what is allowed, and news of gamepads. An exhibit does not mind the focus."""
    match event:
        case Press(action) | Release(action):
            return action in allowed and action not in ("", "prompt")
        case MouseMove():
            return "mouse" in allowed
        case Stick():
            return "stick" in allowed
    return isinstance(event, FACTS)


def touches(events: Iterable[Event]) -> bool:
    """Whether somebody is there. Any key will do: who presses one that does nothing is there too."""
    way = 0.0
    for event in events:
        match event:
            case Press() | Click() | Wheel():
                return True
            case Stick(_, x, y) if math.hypot(x, y) >= NUDGE_STICK:
                return True
            case MouseMove(dx, dy):
                way += abs(dx) + abs(dy)
    return way >= NUDGE_PIXELS


class Kiosk:
    """One turn after the other, on the loop's thread; `language` is that of the exhibitor's own words."""

    def __init__(self, config: KioskConfig, language: str = "en", seed: int | None = None) -> None:
        self.config, self.state = config, State()
        self._allowed, self._chord = frozenset(config.allowed), frozenset(config.chord)
        self._hint = words_of(config.hint, language) or text("kiosk.hint")
        self._random = random.Random(seed)
        self._held: set[str] = set()
        self._down: set[Release] = set()
        self._input_at = -math.inf
        self._prompt = -1

    @property
    def attracting(self) -> bool:
        """Whether nobody plays."""
        return self.state.mode == ATTRACT

    def fresh_seed(self) -> int:
        """The seed of the next dream: another each time, unless it is fixed."""
        fixed = self.config.fixed_seed
        return self._random.randrange(SEEDS) if fixed is None else fixed

    def turn(self, events: list[Event], now: float) -> Turn:
        """What follows from the events since the last turn, at `now` seconds."""
        leave = self._hold(events)
        touched = touches(events)
        if touched:
            self._input_at = now
        elif self._held and not self.attracting:
            touched = now - self._input_at < HELD_S
        before, self.state = self.state, advance(self.config, self.state, now, touched)
        state = self.state
        handed = (before.mode == ATTRACT) != (state.mode == ATTRACT) or state.since != before.since
        if handed:
            self._prompt = -1
            self._down.clear()
        playing = state.mode != ATTRACT
        orders = [Leave()] if leave else []
        orders += self._prompts(events) if playing else []
        passed = tuple(event for given in events for event in self._passed(given, playing))
        line = countdown(self.config, state, now) if playing else self._hint
        return Turn(state.mode, passed, tuple(orders), line, handed, playing and bool(self.config.record))

    def _passed(self, event: Event, playing: bool) -> list[Event]:
        """What reaches the world of an event: itself, nothing, or the end of all keys that reached it before."""
        match event:
            case FocusLost():
                ends, self._down = list(self._down), set()
                return ends
            case _ if not (isinstance(event, FACTS) or (playing and passes(self._allowed, event))):
                return []
            case Press(action, key):
                self._down.add(Release(action, key))
            case Release():
                self._down.discard(event)
        return [event]

    def _hold(self, events: list[Event]) -> bool:
        """Keep account of what is down; whether the chord was, even between two turns."""
        leave = False
        for event in events:
            match event:
                case Press(_, key):
                    self._held.add(key)
                case Release(_, key):
                    self._held.discard(key)
                case Stick(name, x, y):
                    (self._held.add if math.hypot(x, y) >= NUDGE_STICK else self._held.discard)(name)
                case FocusLost():
                    self._held.clear()
                case PadRemoved():
                    self._held = {key for key in self._held if not (key.startswith("pad ") or key.endswith(" stick"))}
            leave = leave or self._chord <= self._held
        return leave

    def _prompts(self, events: list[Event]) -> list[Prompt]:
        """The prompts that were chosen: by the key of `prompt` the next one, by a digit the one of that number."""
        prompts, chosen = self.config.prompts, []
        if not prompts or "prompt" not in self._allowed:
            return []
        for event in events:
            match event:
                case Press("prompt"):
                    self._prompt = (self._prompt + 1) % len(prompts)
                case Press("", key) if key.isdecimal() and key.isascii() and 1 <= int(key) <= len(prompts):
                    self._prompt = int(key) - 1
                case _:
                    continue
            chosen.append(Prompt(prompts[self._prompt]))
        return chosen
