"""A display as a person sees and touches it: xdotool's hands on the keys, `import`'s eyes on the screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pygame
from fake_world import PLAYER, ROOT

from model.registry import DEFAULT_WORLD, WORLDS
from runtime.session import Chunk, Session, read_session

BUNDLED = (WORLDS / DEFAULT_WORLD / "world.yaml").is_file()
# However busy the machine is: what has not come about by then never will.
PATIENCE_S = 60.0


def wait_for(see, what, seconds=PATIENCE_S):
    """What `see` gives as soon as it is true; `what` says, by a call, what is there instead."""
    end = time.perf_counter() + seconds
    while not (seen := see()):
        assert time.perf_counter() < end, f"waited in vain: {what()}"
        time.sleep(0.03)
    return seen


class Desk:
    """The display, and the folder in which the player is started; `home` is where whoever sits there keeps things."""

    def __init__(self, display, folder):
        self.folder, self.home = folder, folder / "home"
        # What the server draws in software, SDL had better not draw in software GL first.
        own = {"DISPLAY": display, "SDL_FRAMEBUFFER_ACCELERATION": "0"}
        self.environment = {**os.environ, **own}
        self.environment.pop("WAYLAND_DISPLAY", None)

    def play(self, *arguments):
        """The bundled world, where there is one, with the engines that tests before had tried."""
        start = [str(ROOT / "play.py")] if BUNDLED else ["-c", PLAYER, "0.06"]
        command = [sys.executable, *start, *arguments]
        return subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, text=True)

    def do(self, *words):
        done = subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def title(self):
        return self.do("getwindowfocus", "getwindowname")

    def look(self):
        """The whole display, int [h, w, 3]."""
        path = self.folder / "look.ppm"
        subprocess.run(
            ["import", "-window", "root", "-depth", "8", str(path)], env=self.environment, check=True, timeout=20
        )
        return pygame.surfarray.array3d(pygame.image.load(str(path))).swapaxes(0, 1).astype(int)

    def wait_for_title(self, words, seconds=PATIENCE_S):
        titles = []
        wait_for(lambda: words in (titles.append(self.title()) or titles[-1]), lambda: f"{words!r}: {titles[-1]!r}")

    def sit(self, *arguments, **world):
        """A player of a FakeWorld of these options, with someone before it; a context that ends it."""
        return Sitting(self, json.dumps({"chunk_s": 0.02} | world), arguments)

    def files(self, pattern):
        """What of this pattern lies in the person's folder."""
        return sorted(self.home.glob(pattern))


class Sitting:
    """A person before a player (tests/desk_player.py): all hands are real, but for what no hand from outside can do."""

    def __init__(self, desk, world, arguments):
        self.desk, self._said = desk, []
        program = [sys.executable, str(Path(__file__).with_name("desk_player.py")), world]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        environment = desk.environment | {"REVERIE_HOME": str(desk.home)}
        self.process = subprocess.Popen([*program, *arguments], env=environment, cwd=desk.folder, **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def tell(self, *words):
        """Have the player's own process do something; what it answers."""
        self.process.stdin.write(json.dumps(words) + "\n")
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
            assert not line.startswith("!"), line
            self._said.append(line)
        raise AssertionError(f"the player is gone: {''.join(self._said)}")

    def lines(self):
        """What the player wrote to the terminal, as far as it was read."""
        return list(self._said)

    def seen(self):
        """What is on the screen: see Eyes in desk_player.py."""
        return self.tell("look")

    def key(self, *keys):
        """Press keys by xdotool's names, one after the other."""
        self.desk.do("key", "--delay", "60", *keys)

    def until(self, see):
        """What is seen as soon as `see` of it holds."""
        last = {}
        return wait_for(lambda: see(last.update(self.seen()) or last) and last, lambda: {**last, "said": last["said"]})

    def until_playing(self):
        self.desk.wait_for_title("(playing)")

    def until_page(self, title):
        """The page of this title is open, and drawn."""
        return self.until(lambda seen: seen["menu"] == title)

    def until_closed(self):
        return self.until(lambda seen: seen["menu"] is None and seen["waits"] is None)

    def until_said(self, words):
        """A message with these words was shown."""
        return self.until(lambda seen: any(words in said for said in seen["said"]))

    def go(self, name):
        """Bring the cursor to an item by the arrow keys."""
        for _ in range(60):
            if (on := self.seen()["on"]) == name:
                return
            self.key("Down")
            self.until(lambda seen, on=on: seen["on"] != on)
        raise AssertionError(f"no way leads to {name}: {self.seen()}")

    def choose(self, name):
        """Bring the cursor to an item and press Enter."""
        self.go(name)
        self.key("Return")

    def click(self, name):
        """Move the mouse to an item, wherever it moves to meanwhile, and click it."""
        at, window = None, self.desk.do("getwindowfocus")

        def there(seen):
            nonlocal at
            if name in seen["items"] and at != seen["items"][name]:
                at = seen["items"][name]
                self.desk.do("mousemove", "--window", window, *map(str, at))
            return at is not None and seen["on"] == name

        self.until(there)
        self.desk.do("click", "1")

    def leave(self):
        """Press the key that ends the player, and see it end well."""
        self.key("F10")
        assert self.process.wait(PATIENCE_S) == 0

    def session(self) -> Session | None:
        """The newest log of a walk in the person's folder, as far as it is written; None before the first chunk."""
        logs = self.desk.files("sessions/*.session.jsonl")
        return read_session(logs[-1]) if logs else None

    def until_session(self, see) -> Session:
        """The log as soon as `see` of it holds."""
        return wait_for(
            lambda: (log := self.session()) and see(log) and log, lambda: (log := self.session()) and log.events[-3:]
        )

    def chunks(self):
        return [event for event in self.session().events if isinstance(event, Chunk)]
