"""Loop: poll, sample, submit, present, pace; the same with a window and without.

It owns no model, no device and no file: it moves events to the controls, controls to the generator and pictures to the
screen, each when it is time. When that is, is runtime/pacing.py. No wait but the nap at the end of a turn is made here.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from input.controls import Controls
from input.events import Event, FocusGained, FocusLost, Press, Quit
from input.keymap import Keymap
from input.script import ScriptPlayer
from model.world import WorldInfo
from runtime import pacing, process
from runtime.driver import Driver
from runtime.generator import Generator
from runtime.help import help_lines, help_open, uses_mouse
from runtime.hud import hud_lines
from runtime.messages import Frame
from runtime.recorder import Recorder
from runtime.screen import Screen
from runtime.stats import Stats

# Frames whose timing says how early to ask for a chunk: sixteen chunks of four.
LEADS_REMEMBERED = 64
# What people read is refreshed this often, in seconds; memory is first measured after this much play.
REFRESH_S = 0.25
WAIT_NAP_S = 0.02
SETTLED_S = 30.0


@dataclass(frozen=True)
class LoopConfig:
    """`fps`: frames presented per second, None for the world's own rate, 0 for as fast as possible.

    The run ends after `seconds` of play or `frames` presented, where these are given.
    """

    fps: float | None = None
    seconds: float | None = None
    frames: int | None = None


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


class Loop:
    """One run: `load` until the world is there, then `play` until it ends; `stop` may be called from a signal."""

    def __init__(
        self,
        screen: Screen,
        generator: Generator,
        driver: Driver,
        controls: Controls,
        config: LoopConfig,
        *,
        keymap: Keymap | None = None,
        script: ScriptPlayer | None = None,
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._screen, self._generator, self._driver, self._controls = screen, generator, driver, controls
        self._config, self._keymap, self._script, self._recorder = config, keymap or Keymap({}), script, recorder
        self._clock, self._sleep = clock, sleep
        self._stopped = self._hud = False
        self._help: bool | None = None
        self._mouse_wanted = True
        self._paused = ""
        self._due: float | None = None
        self._more = True
        self._last: Frame | None = None
        self._leads: deque[float] = deque(maxlen=LEADS_REMEMBERED)
        self._lines: list[str] = []
        self._refresh_at = 0.0
        self.stats = Stats()
        self.period = 0.0
        self.rss_settled_mb: float | None = None
        self.ended_at = 0.0

    def load(self, name: str) -> WorldInfo | None:
        """Wait for the world `name` with a window that answers; None if the person left before it was there."""
        self._name = name
        self._screen.title(f"Reverie: {name} (loading)")
        started = self._clock()
        while self._generator.info is None and not self._stopped:
            now = self._clock()
            self._poll(now)
            self._screen.wait(f"dreaming up {name}...", now - started)
            self._generator.check()
            self._sleep(WAIT_NAP_S)
        return None if self._stopped else self._generator.info

    def play(self) -> None:
        """The walk itself, from the first reset on."""
        info = self._generator.info
        self._name = info.title
        rate = info.fps if self._config.fps is None else self._config.fps
        self.period = 1 / rate if rate else 0.0
        self._screen.fit(info.width, info.height)
        self._mouse_wanted = self._mouse_wanted and uses_mouse(info.vocabulary)
        self._screen.capture(self._mouse_wanted and not self._paused)
        self._driver.begin(self._generator)
        now = self._clock()
        while not self._over(now):
            self._poll(now)
            self._submit(now)
            self._present(now)
            self._pace(now)
            now = self._clock()
        self.ended_at = now

    def stop(self) -> None:
        """End the run at the next turn."""
        self._stopped = True

    def _poll(self, now: float) -> None:
        for event in self._screen.poll():
            self._handle(event, now)
        if self._script and self.stats.first_at is not None:
            for entry in self._script.entries_until(now - self.stats.first_at):
                self._handle(entry.event, self.stats.first_at + entry.at)

    def _submit(self, now: float) -> None:
        """Sample the controls and ask for a chunk, if the chunk would be late otherwise."""
        if self._paused or not self._more or not self._generator.idle:
            return
        runway = pacing.runway(self._due, now, self._generator.ahead, self.period)
        if pacing.should_submit(runway, pacing.lead_needed(self._leads)):
            self._more = self._driver.submit(self._generator, now)

    def _present(self, now: float) -> None:
        if self._paused or (self._due is not None and now < self._due):
            return
        frame = self._generator.take()
        if frame is None:
            return
        self._screen.show(frame.pixels, self._lines, "")
        self.stats.presented(frame.sampled_at, self._clock(), pacing.slots_missed(self._due, now, self.period))
        self._leads.append(pacing.lead(frame.sampled_at, frame.ready_at, frame.index, self.period))
        self._due = pacing.next_due(self._due, now, self.period)
        self._last = frame
        if self._recorder:
            self._recorder.put(frame.pixels)

    def _pace(self, now: float) -> None:
        if now >= self._refresh_at:
            self._refresh_at = now + REFRESH_S
            self._refresh(now)
        self._sleep(pacing.nap(self._clock(), self._due))

    def _over(self, now: float) -> bool:
        """Whether the run has ended; a last frame has its whole slot."""
        config = self._config
        slot_over = self._due is None or now >= self._due
        walked_out = not self._more and self._generator.idle and self._generator.ahead == 0
        return (
            self._stopped
            or (config.seconds is not None and self.stats.seconds(now) >= config.seconds)
            or (config.frames is not None and self.stats.frames >= config.frames and slot_over)
            or (walked_out and slot_over)
        )

    def _refresh(self, now: float) -> None:
        """What people read: overlay, title, and the picture itself where no new one comes."""
        state = "paused" if self._paused else "playing" if self._last else "waking up"
        self._screen.title(f"Reverie: {self._name} ({state})")
        self._lines = self._overlay(now)
        if self._last is None:
            self._screen.wait(f"dreaming up {self._name}...", now)
        elif self._paused:
            self._screen.show(self._last.pixels, self._lines, "paused")
        if self.rss_settled_mb is None and self.stats.seconds(now) >= SETTLED_S:
            self.rss_settled_mb = process.rss_mb()

    def _overlay(self, now: float) -> list[str]:
        """The lines over the picture: the help, below it the figures, as far as they are wanted."""
        lines = help_lines(self._generator.info.vocabulary, self._keymap) if self._help_open(now) else []
        if self._hud:
            drops = self._recorder.dropped if self._recorder else None
            rate = 1 / self.period if self.period else 0.0
            figures = hud_lines(self.stats, self._generator, self._controls.held, rate, drops)
            lines += ["", *figures] if lines else figures
        return lines

    def _help_open(self, now: float) -> bool:
        return help_open(self._help, self._generator.info.vocabulary, self.stats.seconds(now))

    def _handle(self, event: Event, now: float) -> None:
        reason = pause_after(self._paused, event)
        if reason != self._paused:
            self._change_pause(reason, now)
        match event:
            case Quit() | Press("quit"):
                self._stopped = True
            case _ if self._controls.take(event, now):
                return  # in a pause too, whose end forgets it
            case Press(command):
                self._obey(command, now)

    def _change_pause(self, reason: str, now: float) -> None:
        """Enter or leave a pause: nothing stays held or pending, the mouse is free, the schedule starts anew."""
        if bool(reason) != bool(self._paused):
            self._controls.neutral()
            self._due = None
            (self.stats.paused if reason else self.stats.resumed)(now)
        self._paused = reason
        self._refresh_at = now
        self._screen.capture(self._mouse_wanted and not reason)

    def _obey(self, command: str, now: float) -> None:
        """A command that acts once per press; those that need a world wait for none."""
        self._refresh_at = 0.0
        match command:
            case "hud":
                self._hud = not self._hud
            case "help" if self._last:
                self._help = not self._help_open(now)
            case "fullscreen":
                self._screen.toggle_fullscreen()
            case "toggle_mouse":
                self._mouse_wanted = not self._mouse_wanted
                self._screen.capture(self._mouse_wanted and not self._paused)
            case "screenshot" if self._last:
                self._save_picture()
            case "reset" | "new_seed" if self._last and self._driver.interactive:
                self._generator.begin(self._generator.seed + (command == "new_seed"))
                self._due = None

    def _save_picture(self) -> None:
        path = Path("screenshots") / f"reverie-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
        try:
            self._screen.save(self._last.pixels, path)
            print(f"reverie: saved {path}")
        except OSError as error:
            # Not worth ending a walk for.
            print(f"reverie: cannot save {path} ({error})", file=sys.stderr)
