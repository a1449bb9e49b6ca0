"""Welcome: the start screen while it is shown: it asks a person what to play, downloads what that needs, and gives the
choice. The pages are runtime/start.py; nothing is played here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from input.events import Event, Press, Quit
from model import registry
from model.source import Terms
from runtime import consent, library, orders
from runtime.clipboard import clipboard_of
from runtime.errors import UserError
from runtime.fetching import FetchJob
from runtime.layers import Layer
from runtime.licence_page import Agree
from runtime.looks import Looks
from runtime.orders import Choice
from runtime.start import StartScreen
from runtime.strings import text
from runtime.walk import Table
from runtime.world_page import Fetch

TURN_S = 1 / 60


class Welcome:
    """One showing of the start screen."""

    def __init__(
        self, table: Table, clock: Callable[[], float], sleep: Callable[[float], None], said: str = ""
    ) -> None:
        self._table, self._clock, self._sleep = table, clock, sleep
        self._screen, self._looks = table.screen(), Looks(table.preferences.now)
        look = partial(library.worlds, table.options.weights)
        self._scene = StartScreen(table.preferences.now, table.keymap, clipboard_of(self._screen), look=look)
        self._job: FetchJob | None = None
        self._looks.say(said)
        self.choice: Choice | None = None
        self._done = False

    def run(self) -> Choice | None:
        """Until something is chosen; None for the end."""
        self._screen.capture(False)
        self._screen.title("Reverie")
        while not self._done:
            for event in self._screen.poll():
                self._take(event)
            self._watch_fetching()
            self._screen.want_text(self._scene.wants_text)
            self._screen.show(None, self._layers())
            self._sleep(TURN_S)
        if self._job is not None:
            self._job.cancel()
        self._screen.want_text(False)
        return self.choice

    def _layers(self) -> list[Layer]:
        if self._job is not None:
            return self._looks.waiting(self._job.world, self._job.progress.reading())
        return [self._scene, *self._looks.messages(self._scene)]

    def _take(self, event: Event) -> None:
        """An event is the page's, or that of a download, which can only be watched or given up."""
        if isinstance(event, Quit):
            self._done = True
        elif self._job is None:
            self._obey(self._scene.take(event))
        elif isinstance(event, Press) and event.key in ("escape", "pad b"):
            self._job.cancel()

    def _watch_fetching(self) -> None:
        """Say what became of a download, once something did."""
        job = self._job
        if job is None or not (job.done or job.cancelled):
            return
        self._job = None
        if job.error is not None:
            self._looks.say(str(job.error))
        elif job.folder is not None:
            self._looks.say(text("welcome.fetched", world=job.world))
        self._scene.look_again()

    def _obey(self, order: object) -> None:
        table = self._table
        match order:
            case orders.Choice():
                self.choice, self._done = order, True
            case orders.Leave():
                self._done = True
            case orders.Say(words):
                self._looks.say(words)
            case orders.Delete(name):
                self._looks.say(library.forget_slot(name))
            case Fetch(world) if table.options.offline:
                self._looks.say(text("welcome.offline"))
            case Fetch(world):
                self._fetch(world)
            case Agree(world, terms):
                self._fetch(world, terms)
            case orders.Adopt(settings, passing):
                table.preferences.adopt(settings, passing)
                self._looks.adopt(settings)
                self._screen.fill(settings.fullscreen)
            case orders.Rebind(keymap):
                table.rebind(keymap)
                self._screen.use(keymap)
            case orders.Command("fullscreen"):
                table.preferences.change(fullscreen=not table.preferences.now.fullscreen)
                self._screen.fill(table.preferences.now.fullscreen)

    def _fetch(self, world: str, agreed: Sequence[Terms] = ()) -> None:
        """Download what `world` needs, once its licences are accepted: `agreed` are, as of now."""
        try:
            consent.accept(agreed)
            lacking = consent.outstanding(registry.terms_for(world))
        except UserError as error:
            self._looks.say(str(error))
            return
        if lacking:
            self._scene.ask_for_licences(world, lacking)
            return
        self._job = FetchJob(world, self._table.options.weights)
        self._job.start()


def ask(
    table: Table, said: str = "", clock: Callable[[], float] = time.perf_counter, sleep=time.sleep
) -> Choice | None:
    """What a person wants to play, who is told `said` first; None for nothing more."""
    return Welcome(table, clock, sleep, said).run()
