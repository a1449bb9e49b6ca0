"""A player in a process of its own for tests at a desk: what hands at a display cannot do from outside (drop a file,
plug a gamepad in) it does when told on its standard input, and it tells what it shows. All else is play.py's.

    python desk_player.py WORLD <player's arguments>

WORLD is JSON: the options of FakeWorld, or null for the bundled worlds. Each line of standard input is a JSON list of
words; each is answered by a line on standard output that begins with `@`, or
with `!` where it went wrong.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pygame  # noqa: E402
from fake_world import FakeWorld  # noqa: E402
from virtual_pad import NoVirtualPad, VirtualPad  # noqa: E402

import play  # noqa: E402
from model import registry  # noqa: E402
from runtime.figures_view import FiguresView  # noqa: E402
from runtime.menu_view import MenuView  # noqa: E402
from runtime.panel import Panel  # noqa: E402
from runtime.progress_view import ProgressView  # noqa: E402
from runtime.screen import Window  # noqa: E402
from runtime.text_line import TextLine  # noqa: E402
from runtime.toast import Toasts  # noqa: E402


def nothing() -> dict:
    return {"menu": None, "on": None, "items": {}, "lines": [], "typed": None, "waits": None, "size": None}


class Eyes:
    """What was drawn before the last flip. `said` holds every message there ever was."""

    def __init__(self) -> None:
        self._drawn, self._shown, self.said = nothing(), nothing(), []

    def open(self) -> None:
        """See what is drawn from now on."""
        self._behind(MenuView, self._menu)
        self._behind(Panel, lambda panel, surface, lines, *_: self._drawn["lines"].extend(lines))
        self._behind(FiguresView, lambda view, surface: self._drawn["lines"].extend(view.lines))
        self._behind(ProgressView, lambda view, surface, *words: self._drawn.update(waits=words))
        self._behind(TextLine, lambda line, surface: self._drawn.update(typed=line.line.text + line.line.composing))
        self._behind(Window, self._flip, "flip")
        self._behind(Toasts, lambda toasts, words, *_: self.said.append(words), "say")

    def _behind(self, kind: type, note, name: str = "draw") -> None:
        real = getattr(kind, name)

        def seen(one, *words, **named):
            made = real(one, *words, **named)
            note(one, *words, **named)
            return made

        setattr(kind, name, seen)

    def _menu(self, view, surface, menu) -> None:
        body = view._body
        places = {menu.items[place.index].name: place.rect.move(0, -view._scroll) for place in view._places}
        middles = {name: rect.move(body.topleft).center for name, rect in places.items()}
        items = {name: at for name, at in middles.items() if body.collidepoint(at)}
        self._drawn.update(menu=menu.title, on=menu.items[menu.cursor].name, items=items)

    def _flip(self, window) -> None:
        self._drawn, self._shown = nothing(), self._drawn | {"size": pygame.display.get_window_size()}

    def tell(self) -> dict:
        return self._shown | {"said": list(self.said)}


class Hands:
    """What is done by hand inside of the player."""

    def __init__(self) -> None:
        self._pad: VirtualPad | None = None

    def drop(self, path: str) -> None:
        pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=path))

    def plug(self) -> str:
        try:
            self._pad = VirtualPad()
        except NoVirtualPad as error:
            return str(error)
        return ""

    def pad(self, what: str, *words) -> None:
        getattr(self._pad, what)(*words)


def serve(eyes: Eyes, hands: Hands) -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        what, *words = json.loads(line)
        try:
            answer = "@" + json.dumps(eyes.tell() if what == "look" else getattr(hands, what)(*words))
        except Exception as error:  # whoever asked waits for an answer, and fails by this one
            answer = f"!{line.strip()}: {error!r}"
        print(answer + "\n", end="", flush=True)  # in one piece: the player writes too


if __name__ == "__main__":
    world, arguments = json.loads(sys.argv[1]), sys.argv[2:]
    load = registry.load_world if world is None else lambda *_: FakeWorld(**world)
    eyes = Eyes()
    eyes.open()
    threading.Thread(target=serve, args=(eyes, Hands()), daemon=True).start()
    play.process.leave(play.main(arguments, load_world=load))
