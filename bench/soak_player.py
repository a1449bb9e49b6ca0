"""Soak player: play.py with a gamepad that is not there, for bench/soak.py. The product knows nothing of it.

$REVERIE_SOAK_PAD names a file in which the pad is told of: `plugged`, `unplugged`, or why there is none. SIGUSR1 pushes
its stick and then pulls its plug, SIGUSR2 plugs it in again.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from runtime import process, tether  # noqa: E402

VARIABLE = "REVERIE_SOAK_PAD"
HELD_S = 1.0


def tell(words: str) -> None:
    """Write it at once and whole."""
    path = Path(os.environ[VARIABLE])
    partial = path.with_suffix(".partial")
    partial.write_text(words)
    partial.replace(path)


def serve(orders: queue.SimpleQueue[str]) -> None:
    """The pad's life, on a thread: it comes with the window."""
    import pygame

    while not pygame.display.get_init():
        time.sleep(0.1)
    time.sleep(1.0)
    from virtual_pad import NoVirtualPad, VirtualPad

    try:
        pad = VirtualPad()
    except (NoVirtualPad, OSError) as error:
        tell(str(error))
        return
    tell("plugged")
    while True:
        if orders.get() == "unplug":
            pad.stick("left stick", 0.0, -1.0)
            time.sleep(HELD_S)
            pad.unplug()
            tell("unplugged")
        else:
            pad = VirtualPad()
            tell("plugged")


def main() -> int:
    import play

    arguments = sys.argv[1:]
    plays = tether.tethered() or "--kiosk" not in arguments
    if VARIABLE in os.environ and plays and hasattr(signal, "SIGUSR1"):
        orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        signal.signal(signal.SIGUSR1, lambda *_: orders.put("unplug"))
        signal.signal(signal.SIGUSR2, lambda *_: orders.put("plug"))
        threading.Thread(target=serve, args=(orders,), name="pad", daemon=True).start()
    return play.main(arguments)


if __name__ == "__main__":
    process.leave(main())
