"""Kiosk player: a player whose events go through the kiosk first, and the watcher that keeps a supervisor informed.

Whose turn it is, and what of their input passes, is runtime/kiosk.py; who leads the walk then, runtime/attract.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from input.events import Event, PadAdded, PadRemoved
from input.keymap import Keymap
from runtime import heartbeat, orders
from runtime.generator import Generator
from runtime.hands import Hands
from runtime.heartbeat import Beat, Heart, NoBeat
from runtime.kiosk import Kiosk
from runtime.kiosk_config import KioskConfig
from runtime.messages import Frame
from runtime.player import Player
from runtime.recording import Recording
from runtime.session import SUFFIX
from runtime.session_log import SessionLog
from runtime.still import picture_of
from runtime.visits import Visits

# How often the heartbeat is told of what is on disk, in seconds.
KEPT_EVERY_S = 1.0


def stand_in(config: KioskConfig) -> np.ndarray | None:
    """What is shown before the first picture, as the window behind shows it too: the last picture that any player
    showed, or else that of the YAML; uint8 BGRA [h, w, 4].
    """
    told = os.environ.get(heartbeat.VARIABLE)
    last = None
    if told:
        heart = Heart(Path(told))
        last = heart.still()
        heart.close()
    return picture_of(config.still) if last is None else last


class KioskPlayer(Player):
    """Nothing but what the kiosk lets pass reaches the walk, and no command ends it but the chord.

    visits: the logs of those who play, None where nobody is recorded; say: for the exhibitor.
    """

    def __init__(
        self,
        hands: Hands,
        keymap: Keymap,
        kiosk: Kiosk,
        visits: Visits | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(hands, keymap, keymap)
        self._kiosk, self._visits, self._say = kiosk, visits, say
        self._playing = self._recorded = False
        hands.looks.unattended = True
        hands.looks.stand_in = stand_in(kiosk.config)
        hands.screen.seal()

    def began(self, mouse: bool) -> None:
        super().began(mouse)
        self._playing = True
        info = self.hands.generator.info
        if self._kiosk.config.prompts and not info.takes_text:
            self._say(f"the kiosk's prompts do nothing here: {info.title} takes no text")

    def take_all(self, events: Sequence[Event], now: float) -> None:
        """Apply the events since the last turn, and what follows from there being none."""
        turn = self._kiosk.turn(list(events), now)
        if any(isinstance(order, orders.Leave) for order in turn.orders):
            self.leaving = orders.Leave()
        if not self._playing or self.leaving is not None:
            return
        if turn.handed:
            self._hand_over(now)
        for order in turn.orders:
            if isinstance(order, orders.Prompt) and self.hands.generator.info.takes_text:
                self.hands.generator.reword(order.text)
                self.hands.looks.show_prompt(order.text)
        for event in turn.events:
            self.take(event, now)
        self.hands.looks.line = turn.line
        self._record(turn.record)

    def take(self, event: Event, now: float) -> None:
        """Apply one event. Gamepads come and go: nobody who could do anything about it is to be told."""
        match event:
            case PadAdded(name):
                self._pads.add(name)
            case PadRemoved(name):
                self._pads.discard(name)
                self.hands.controls.take(event, now)
            case _:
                super().take(event, now)

    def tick(self, now: float) -> None:
        """What becomes of recordings, and what the world will not do, is for the log, not for visitors."""
        self.hands.recording.news()
        if words := self.hands.generator.refusal():
            self.hands.looks.show_prompt("")
            self._say(words)
        super().tick(now)

    def _hand_over(self, now: float) -> None:
        """A fresh world, for a visitor or for nobody."""
        self.hands.controls.neutral()
        self.hands.saving.forget()
        self.hands.driver.begin(self.hands.generator)
        self.fresh = True
        self.hands.recording.end()
        self._recorded = False
        self.settle(now)

    def _record(self, on: bool) -> None:
        """Begin a visitor's recording, once: one that found the disk full has ended for that visit."""
        if not on or self._recorded or self._visits is None or self._visits.stem is None:
            return
        self._recorded = True
        recording, stem = self.hands.recording, self._visits.stem
        recording.session = f"{stem.name}{SUFFIX}"
        recording.begin(stem.with_name(f"{stem.name}.mp4"))


class Vitals:
    """Watcher that tells a heartbeat what the player is at."""

    def __init__(
        self,
        beat: Beat | NoBeat,
        generator: Generator,
        player: Player,
        recording: Recording,
        log: SessionLog | Visits | None,
    ) -> None:
        self._beat, self._generator, self._player = beat, generator, player
        self._recording, self._log = recording, log
        self._phase = -1
        self._kept_at = 0.0

    def turn(self, now: float) -> None:
        generator, beat = self._generator, self._beat
        phase = self._present_phase()
        if phase != self._phase:
            self._phase = phase
            beat.phase(phase)
        if phase != heartbeat.WAKING:  # what is finished then is of a walk that nobody wants any more
            beat.chunk(generator.frames_dreamt)
        beat.turn()
        if now >= self._kept_at:
            self._kept_at = now + KEPT_EVERY_S
            beat.kept(self._log.chunks if self._log else 0, self._recording.frames, self._recording.dropped or 0)
            beat.period(1 / self._recording.rate if self._recording.rate else 0.0)

    def presented(self, frame: Frame, at: float) -> None:
        self._beat.frame(at)
        self._beat.picture(frame.pixels, at)

    def _present_phase(self) -> int:
        if self._player.leaving is not None:
            return heartbeat.LEAVING
        if self._generator.info is None:
            return heartbeat.LOADING
        if self._player.standing:
            return heartbeat.RESTING
        last = self._player.last
        # Another walk's first chunk is waited for like the first one of all.
        here = last is not None and last.epoch == self._generator.epoch
        return heartbeat.PLAYING if here else heartbeat.WAKING
