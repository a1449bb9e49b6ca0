"""Display: one of our own for a player to play on, so that nobody's desktop is touched. No window is opened here."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from bench import hands


@contextlib.contextmanager
def own_display() -> Iterator[dict[str, str]]:
    """Environment for a player on a display of its own; without a window where there can be none."""
    environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
    environment.setdefault("PYTHONUNBUFFERED", "1")
    if not hands.possible():
        yield {**environment, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        return
    told, tell = os.pipe()
    command = ["Xvfb", "-displayfd", str(tell), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(tell,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(tell)
    try:
        with open(told) as pipe:
            number = pipe.readline().strip()
        for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER"):
            environment.pop(name, None)
        yield {**environment, "DISPLAY": f":{number}", "SDL_FRAMEBUFFER_ACCELERATION": "0"}
    finally:
        server.terminate()
        server.wait()
