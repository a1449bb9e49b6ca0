"""Player: what a person's events do to a walk: to its panes, its controls, and whether it stands still.

Between the loop, which keeps time, and the parts, which do the work: recordings are runtime/recording.py, saved worlds
and going back runtime/saving.py, what lies over the picture runtime/looks.py; what each command does is
runtime/commands.py. It shows nothing and waits for nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from input.events import Dropped, Event, FocusLost, PadAdded, PadRemoved, Point, Press, Quit, Release
from input.keymap import Keymap
from runtime import commands, orders
from runtime.figures import Side
from runtime.hands import Hands, OpenPane
from runtime.holding import Held, due, follow
from runtime.layers import Pane
from runtime.messages import Frame, Moment
from runtime.pause import focus_after, pause_after
from runtime.strings import text

__all__ = ["Hands", "OpenPane", "Player", "focus_after", "pause_after"]


class Player:
    """`leaving` is how the walk ends, once it is to: orders.Leave, orders.Home or orders.Choice; `last` the frame that
    is shown; `history` the prompts of this run; `engine` what was asked for when the world was loaded.

    `fresh` is set when the schedule of frames has to begin anew; the loop takes it back.
    """

    def __init__(self, hands: Hands, keymap: Keymap, base: Keymap) -> None:
        """keymap: the keys as they are, base: as they were before the person changed any."""
        self.hands, self.keymap, self.base = hands, keymap, base
        self._panes: list[Pane] = []
        self._paused = ""
        self._stood = False
        self._mouse_wanted = True
        self._opened, self._repeats = False, Held()
        self._pads = set(hands.screen.pads())
        self.engine = commands.engine_asked(self)
        self.leaving: object | None = None
        self.last: Frame | None = None
        self.fresh = False
        self.history: list[str] = []

    @property
    def standing(self) -> bool:
        """Whether nothing is to be dreamt or shown by the clock now; a pause waits for the first picture."""
        paused = bool(self._paused) and self.last is not None
        return paused or self.hands.saving.going_back or any(pane.pauses for pane in self._panes)

    @property
    def panes(self) -> list[Pane]:
        """What is open over the picture, the top last."""
        return self._panes

    @property
    def paused(self) -> bool:
        """Whether the walk stands still for its own sake, and not for a pane's."""
        return bool(self._paused)

    def picture(self, now: float) -> np.ndarray | None:
        """What to show while the walk stands still: the last picture, or what is seen on the way back."""
        if self.hands.saving.going_back:
            return self.hands.saving.seen(now).picture
        return self.last.pixels if self.last else None

    def banner(self, now: float) -> str:
        """Why it stands still, in words; "" for a pane that says so itself."""
        if self.hands.saving.going_back:
            return text("rewind.ago", seconds=f"{self.hands.saving.seen(now).ago:.1f}")
        return text("pause.title") if self._paused else ""

    @property
    def shown_keys(self) -> Keymap:
        """The keys that the help tells of: those of a gamepad only where there is one."""
        if self._pads:
            return self.keymap
        return Keymap({key: action for key, action in self.keymap.by_key.items() if not key.startswith("pad ")})

    @property
    def held(self) -> frozenset[str]:
        """The actions that are held now."""
        return self.hands.controls.held

    def side(self) -> Side:
        """What goes on beside the walk, for those who count."""
        h = self.hands
        return Side(h.recording.dropped, round(h.saving.memory_bytes / 2**20, 1), h.generator.building)

    def began(self, mouse: bool) -> None:
        """The walk begins; `mouse`: whether its world does anything with one."""
        self._mouse_wanted = self._mouse_wanted and mouse
        self._capture()

    def take_all(self, events: Sequence[Event], now: float) -> None:
        """Apply the events since the last turn of the loop."""
        for event in events:
            self.take(event, now)
        if self._panes:
            self._repeat(now)

    def take(self, event: Event, now: float) -> None:
        """Apply one event."""
        self._paused = pause_after(self._paused, event) if not self._panes else focus_after(self._paused, event)
        if isinstance(event, FocusLost | PadRemoved):
            self.let_go(now)  # its key's release will not be seen
        match event:
            case Quit():
                self.leaving = orders.Leave()
            case PadAdded(name):
                self._pads.add(name)
                self.say(text("pad.added", name=name))
            case PadRemoved(name):
                self._pads = (self._pads - {name}) | set(self.hands.screen.pads())
                self.hands.controls.take(event, now)
                self._paused = self._paused or "person"
                self.say(text("pad.removed", name=name))
                if self._panes:
                    self._obey_pane(event, now)
            case _ if self._panes:
                self._obey_pane(event, now)
            case Dropped() if self.last and "menu" in self.hands.panes:
                self.command("menu", now)
                self._obey_pane(event, now)
            case Release("rewind"):
                self.let_go(now)
            case _ if self.hands.controls.take(event, now):
                pass  # in a pause too, whose end forgets it
            case Press(command) if command:
                self.command(command, now)
        self.settle(now)

    def settle(self, now: float) -> None:
        """Enter or leave standing still: nothing stays held or pending, the mouse is free, the schedule starts anew."""
        if self.standing == self._stood:
            return
        self._stood = self.standing
        self.hands.controls.neutral()
        self.fresh = True
        self._capture()

    def tick(self, now: float) -> None:
        """What parts have to say since last time; and a saved world that was read meanwhile is gone on from."""
        h = self.hands
        commands.reloaded(self)
        moment = h.saving.arrived()
        if moment is not None:
            self._go_on_from(moment)
            h.saving.forget()
        heard = itertools.chain.from_iterable(herald() for herald in (h.saving.news, h.recording.news, *h.heralds))
        if words := h.generator.refusal():
            h.looks.show_prompt("")  # a text that is not taken is not shown as if it were
            self.say(words)
        for words in filter(None, heard):
            self.say(words)
        for shot in h.screenshots.results():
            self.say(
                text("screenshot.failed", reason=shot.error)
                if shot.error
                else text("screenshot.saved", name=shot.path.name)
            )
        self.settle(now)

    def _go_on_from(self, moment: Moment) -> None:
        """What is shown, and can be gone back from, is that moment, even if nothing follows it yet."""
        generator = self.hands.generator
        generator.restore(moment)
        self.hands.controls.neutral()
        self.fresh = True
        if moment.picture is not None and self.last is not None:
            place = {"chunk": moment.chunk - 1, "index": generator.info.chunk_frames - 1}
            self.last = replace(self.last, pixels=moment.picture, epoch=generator.epoch, **place)

    def let_go(self, now: float) -> None:
        """Go back no further, and go on from there; nothing where nobody goes back."""
        moment = self.hands.saving.let_go(now)
        if moment is not None:
            self._go_on_from(moment)

    def anew(self) -> None:
        """The walk begins again, and so does a person who had paused it."""
        self.hands.saving.forget()
        self._paused, self.fresh = "", True

    def say(self, words: str) -> None:
        """Tell the person, for a moment."""
        self.hands.looks.say(words)

    def _obey_pane(self, event: Event, now: float) -> None:
        if isinstance(event, Point) and self._opened:
            # Where the mouse was when it was let go is no choice.
            self._opened = False
            return
        self._repeats = follow(self._repeats, event, now)
        self._hand(event, now)

    def _hand(self, event: Event, now: float) -> None:
        order = self._panes[-1].take(event)
        if order is not None:
            self.obey(order, now)
        if self._panes:
            self.hands.screen.want_text(self._panes[-1].wants_text)

    def _repeat(self, now: float) -> None:
        """A key that is held in a pane acts again and again."""
        self._repeats, press = due(self._repeats, now)
        if press is not None:
            self._hand(press, now)
            self.settle(now)

    def open(self, pane: Pane) -> None:
        """Put a pane on top: it has the person's events until it is closed."""
        self._panes.append(pane)
        self._opened, self._repeats = True, Held()
        self.hands.controls.release_all()
        self.hands.screen.want_text(pane.wants_text)
        self._capture()

    def close(self) -> None:
        """Close the pane on top."""
        self._panes.pop()
        commands.reload_if_asked(self)
        self.hands.screen.want_text(bool(self._panes) and self._panes[-1].wants_text)
        self._capture()

    def toggle_mouse(self) -> None:
        """Let the mouse go, or take it again."""
        self._mouse_wanted = not self._mouse_wanted
        self._capture()

    def _capture(self) -> None:
        self.hands.screen.capture(self._mouse_wanted and not self.standing and not self._panes)

    # ---- commands and orders ----

    def command(self, name: str, now: float) -> None:
        """A command that acts once per press."""
        commands.command(self, name, now)

    def obey(self, order: object, now: float) -> None:
        """Carry out an order of a pane."""
        commands.obey(self, order, now)
