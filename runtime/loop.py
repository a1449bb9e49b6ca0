"""Loop: poll, sample, submit, present, pace; the same with a window and without.

It owns no model, no device and no file: it moves events to the player, controls to the generator and pictures to the
screen, each when it is time. When that is, is runtime/pacing.py. No wait but the nap at the end of a turn is made here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from input.script import ScriptPlayer
from model.progress import Reading
from model.world import WorldInfo
from runtime import orders, pacing, process
from runtime.blend import Fade
from runtime.driver import Driver
from runtime.ending import LoopConfig, is_over
from runtime.figures import figures
from runtime.generator import FRAMES_QUEUED, Generator
from runtime.governor import Governor
from runtime.help import uses_mouse
from runtime.looks import Looks
from runtime.messages import Frame
from runtime.player import Player
from runtime.screen import Screen
from runtime.stats import Stats
from runtime.watcher import Watcher

# How long a thread may hold the interpreter while the loop wants it, in seconds.
SWITCH_S = 0.001
# What people read is refreshed this often, in seconds, and menus more often; memory is first measured after a while.
REFRESH_S = 0.25
PANE_REFRESH_S = 1 / 30
WAIT_NAP_S = 0.02
SETTLED_S = 30.0
# Pictures are drawn so long before they are due, in seconds, so that only the flip has to be in time.
DRAW_AHEAD_S = 0.010


class Loop:
    """One run: `load` until the world is there, then `play` until it ends; `stop` may be called from a signal."""

    def __init__(
        self,
        screen: Screen,
        generator: Generator,
        driver: Driver,
        player: Player,
        looks: Looks,
        governor: Governor,
        config: LoopConfig,
        *,
        script: ScriptPlayer | None = None,
        watchers: Sequence[Watcher] = (),
        reading: Callable[[], Reading | None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._screen, self._generator, self._driver, self._player = screen, generator, driver, player
        self._looks, self._config, self._script, self._watchers = looks, config, script, watchers
        self._reading = reading
        self._clock, self._sleep = clock, sleep
        self._due: float | None = None
        # Drawn and not yet shown; and one that was drawn over before it was.
        self._drawn: Frame | None = None
        self._fade = Fade(0.0, 0.0)
        self._put_back: Frame | None = None
        self._shown_at = 0.0
        self._more = True
        self._refresh_at = 0.0
        self.stats, self.governor = Stats(), governor
        self.rate = self.period = self._draw_ahead = 0.0
        self.rss_settled_mb: float | None = None
        self.ended_at = 0.0

    def load(self, name: str) -> WorldInfo | None:
        """Wait for the world `name` with a window that answers; None if the person left before it was there."""
        self._screen.title(f"Reverie: {name} (loading)")
        while self._generator.info is None and not self._player.leaving:
            now = self._clock()
            self._poll(now)
            self._screen.show(self._looks.stand_in, self._looks.waiting(name, self._reading()))
            self._generator.check()
            self._turned(now)
            self._sleep(WAIT_NAP_S)
        self._turned(self._clock())
        return None if self._player.leaving else self._generator.info

    def play(self) -> None:
        """The walk itself, from the first reset on."""
        info = self._generator.info
        self.rate = info.fps if self._config.fps is None else self._config.fps
        self.period = 1 / self.rate if self.rate else 0.0
        self._screen.fit(info.width, info.height)
        self._fade = Fade(self.period, self._screen.rate)
        self._draw_ahead = min(DRAW_AHEAD_S, self.period / 4, self._fade.tick / 2)
        self._player.began(uses_mouse(info.vocabulary))
        self.governor.begin(self.period, info.chunk_frames, FRAMES_QUEUED)
        sys.setswitchinterval(SWITCH_S)
        self._driver.begin(self._generator)
        self._catch_up()
        now = self._clock()
        while not self._over(now):
            self._poll(now)
            self._submit(now)
            self._present(now)
            self._pace(now)
            now = self._clock()
        self.ended_at = now
        self._turned(now)

    def _catch_up(self) -> None:
        """Get through what was walked before, as fast as it is dreamt, with a picture of it now and then."""
        shown_at = 0.0
        while self._driver.hurries and not self._player.leaving:
            now = self._clock()
            self._poll(now)
            if self._generator.idle and self._generator.ahead == 0:
                self._driver.submit(self._generator, now)
            frame = self._generator.take() if self._driver.hurries else None
            if now >= shown_at + WAIT_NAP_S:
                shown_at = now
                last = frame.pixels if frame else None
                self._screen.show(last, self._looks.catching_up(*self._driver.progress))
                self._turned(now)
            self._sleep(0.0 if frame else pacing.SHORTEST_NAP)

    def _turned(self, now: float) -> None:
        for watcher in self._watchers:
            watcher.turn(now)

    def stop(self) -> None:
        """End the run at the next turn."""
        self._player.leaving = orders.Leave()

    def _poll(self, now: float) -> None:
        events = self._screen.poll()
        self._player.take_all(events, now)
        if events:
            self._refresh_at = now
        if self._script and self.stats.first_at is not None:
            for entry in self._script.entries_until(now - self.stats.first_at):
                self._player.take(entry.event, self.stats.first_at + entry.at)
        if self._player.fresh:
            self._start_anew(now)

    def _start_anew(self, now: float) -> None:
        """The schedule of frames begins anew: after a pause, a reset, or going back."""
        self._player.fresh = False
        self._due, self._more = None, True
        if self._drawn is not None and self._drawn.epoch == self._generator.epoch:
            self._put_back = self._drawn
        self._drawn = None
        (self.stats.paused if self._player.standing else self.stats.resumed)(now)

    def _submit(self, now: float) -> None:
        """Sample the controls and ask for a chunk, if the chunk would be late otherwise."""
        if self._player.standing or not self._more or not self._generator.idle:
            return
        runway = pacing.runway(self._due, now, self._generator.ahead + (self._drawn is not None), self.period)
        if pacing.should_submit(runway, self.governor.reserve):
            self._more = self._driver.submit(self._generator, now)

    def _present(self, now: float) -> None:
        due = pacing.show_at(self._due, self._shown_at, self.period)
        if self._player.standing:
            return
        if self._drawn is None and (due is None or now >= due - self._draw_ahead):
            self._draw()
            now = self._clock()
        if self._drawn is None:
            between = self._fade.between(now)
            if between is not None:
                self._screen.show(between, self._looks.layers)
        elif due is None or now >= due:
            self._flip(self._drawn, due, now)

    def _draw(self) -> None:
        """The next frame, if it is there, onto the screen's back."""
        waiting, self._put_back = self._put_back, None
        stale = waiting is None or waiting.epoch != self._generator.epoch
        self._drawn = frame = self._generator.take() if stale else waiting
        if frame is not None:
            began, last = self._clock(), self._player.last
            pixels = self._looks.treated(frame.pixels, self.rate)
            shown = self._fade.take(pixels, self._looks.blends, last is None or last.epoch != frame.epoch)
            self._screen.draw(shown, self._looks.layers)
            self.stats.copy_ms.add((self._clock() - began) * 1e3)

    def _flip(self, frame: Frame, due: float | None, now: float) -> None:
        """Show what was drawn, and learn from when it was there."""
        self._screen.flip()
        shown_at = self._clock()
        self.stats.present_ms.add((shown_at - now) * 1e3)
        self.stats.flipped(shown_at, self.period)
        missed = pacing.slots_missed(self._due, now, self.period)
        self.stats.presented(frame.sampled_at - self._fade.behind, shown_at, missed)
        self._fade.shown(now)
        lead = pacing.lead(frame.sampled_at, frame.ready_at, frame.index, self.period) + self._draw_ahead
        self.governor.shown(lead, pacing.lateness(due, frame.ready_at))
        self._due = pacing.next_due(self._due, now, self.period)
        if self._player.last is None:
            self._refresh_at = now  # a pause that was asked for before begins here, and is to be seen
        self._player.last, self._drawn, self._shown_at = frame, None, now
        for watcher in self._watchers:
            watcher.presented(frame, shown_at)

    def _pace(self, now: float) -> None:
        self._turned(now)
        if now >= self._refresh_at:
            self._refresh_at = now + (PANE_REFRESH_S if self._player.standing else REFRESH_S)
            self._refresh(now)
        due = pacing.show_at(self._due, self._shown_at, self.period)
        wake = due if due is None or self._drawn else due - self._draw_ahead
        if wake is not None and self._fade.next_at is not None and not self._drawn:
            wake = min(wake, self._fade.next_at)
        nap = pacing.nap(self._clock(), wake)
        if nap:
            self._sleep(nap)

    def figures(self, now: float) -> dict:
        """What is measured, for the overlay and for the report."""
        return figures(self.stats, self._generator, self.governor, self.rate, now, self._player.side())

    def _over(self, now: float) -> bool:
        """Whether the run has ended; a last frame has its whole slot."""
        stats, idle = self.stats, self._generator.idle and self._generator.ahead == 0
        slot_over = self._due is None or now >= self._due
        ended = is_over(self._config, stats.seconds(now), stats.frames, slot_over, not self._more and idle)
        return ended or self._player.leaving is not None

    def _refresh(self, now: float) -> None:
        """What people read: title, layers, and the picture itself where no new one comes."""
        player, info = self._player, self._generator.info
        player.tick(now)
        state = "paused" if player.standing else "playing" if player.last else "waking up"
        self._screen.title(f"Reverie: {info.title} ({state})")
        more = {"seconds": self.stats.seconds(now), "interactive": self._driver.interactive}
        figured, banner = self.figures(now), player.banner(now)
        self._looks.refresh(info, player.shown_keys, player.panes, figured, player.held, banner=banner, **more)
        if player.last is None:
            self._screen.show(self._looks.stand_in, self._looks.waiting(info.title, self._reading(), True))
        elif player.standing:
            self._screen.show(self._looks.treated(player.picture(now), 1 / PANE_REFRESH_S), self._looks.layers)
        elif player.panes and self._drawn is None and now >= self._shown_at + REFRESH_S:  # who types sees it at once
            self._screen.show(self._looks.treated(player.last.pixels, 1 / PANE_REFRESH_S), self._looks.layers)
        if self.rss_settled_mb is None and self.stats.seconds(now) >= SETTLED_S:
            self.rss_settled_mb = process.rss_mb()
