"""A display as a person sees and touches it: xdotool's hands on the keys, `import`'s eyes on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pygame
from fake_world import PLAYER, ROOT

from model.registry import DEFAULT_WORLD, WORLDS

BUNDLED = (WORLDS / DEFAULT_WORLD / "world.yaml").is_file()


class Desk:
    """The display, as a person sees and touches it."""

    def __init__(self, display, folder):
        # What the server draws in software, SDL had better not draw in software GL first.
        self.environment = {**os.environ, "DISPLAY": display, "SDL_FRAMEBUFFER_ACCELERATION": "0"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.folder = folder

    def play(self, *arguments):
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
        path = self.folder / "look.png"
        subprocess.run(["import", "-window", "root", str(path)], env=self.environment, check=True, timeout=20)
        return pygame.surfarray.array3d(pygame.image.load(str(path))).swapaxes(0, 1).astype(int)

    def wait_for_title(self, words, seconds=20.0):
        end = time.perf_counter() + seconds
        while words not in (title := self.title()):
            assert time.perf_counter() < end, f"the window is called {title!r}, not {words!r}"
            time.sleep(0.1)
