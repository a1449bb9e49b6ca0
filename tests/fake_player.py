"""A player without a world: it beats, and does in each of its lives what it is told: python fake_player.py crash,play

play: goes on; crash: exits with 3; fail: exits with 2; kill: by a signal; hang: makes no turn any more; stall: its
engine finishes nothing any more; leave: exits with 0; stuck: wants to leave and hangs. `--window` opens one, in red.
"""

import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from runtime import heartbeat, tether  # noqa: E402

PLAYS_S = 0.5
GREEN = (40, 200, 40, 255)


def open_window():
    import pygame

    pygame.display.init()
    surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
    surface.fill((200, 30, 30))
    return pygame


def act(deed: str, beat: heartbeat.Beat) -> None:
    """What ends a life, where something does."""
    match deed:
        case "crash" | "fail":
            print(f"it fails: {deed}", file=sys.stderr, flush=True)
            os._exit(3 if deed == "crash" else 2)
        case "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        case "hang":
            time.sleep(1000)
        case "leave":
            beat.phase(heartbeat.LEAVING)
            os._exit(0)
        case "stuck":
            beat.phase(heartbeat.LEAVING)
            time.sleep(1000)


def main() -> None:
    if not tether.turn():
        return
    beat = heartbeat.from_environment()
    life = heartbeat.Heart(Path(os.environ[heartbeat.VARIABLE])).pulse().starts
    deeds = sys.argv[1].split(",")
    deed = deeds[min(life, len(deeds)) - 1]
    tether.hold(lambda: os._exit(7))
    window = open_window() if "--window" in sys.argv else None
    print(f"life {life}: {deed}", flush=True)
    beat.period(0.02)
    beat.phase(heartbeat.WAKING)
    picture = np.full((72, 128, 4), GREEN, np.uint8)
    started = now = time.perf_counter()
    while True:
        if window:
            window.event.get()
            window.display.flip()
        beat.turn()
        if deed != "stall" or now < started + PLAYS_S:
            beat.chunk(int((now - started) / 0.1) + 1)
        beat.frame(now)
        beat.picture(picture, now)
        if now > started + PLAYS_S:
            act(deed, beat)
        time.sleep(0.02)
        now = time.perf_counter()


main()
