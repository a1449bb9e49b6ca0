"""Tether: what binds a player to the supervisor that started it: its standard input, which ends with the supervisor.

A pipe ends however its other side went, on every system; so no player is left over without one who watches it, and
letting go of the pipe is how the supervisor asks a player to leave. What goes through it is one byte, by which a player
that waits in reserve is told that it is its turn.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

# The environment variable by which a supervisor tells a player that it is one.
VARIABLE = "REVERIE_KIOSK_TETHER"
# A player that was let go has so long to close what it has open.
LEAVE_S = 10.0
STDIN = 0


def tethered() -> bool:
    """Whether this process was started by a supervisor."""
    return VARIABLE in os.environ


def turn(pipe: int = STDIN) -> bool:
    """Wait until it is this player's turn to play; False where the supervisor is gone, or wants it to end, before."""
    return os.read(pipe, 1) != b""


def hold(let_go: Callable[[], None], pipe: int = STDIN, patience_s: float = LEAVE_S) -> threading.Thread:
    """Call `let_go`, on a thread, when the supervisor is gone or wants this process to end; then end it, come what may.

    pipe: the descriptor that ends with the supervisor.
    """

    def wait() -> None:
        # Not through sys.stdin: an interpreter that ends aborts where a thread waits in it.
        while os.read(pipe, 1):
            pass
        let_go()
        time.sleep(patience_s)
        os._exit(1)

    thread = threading.Thread(target=wait, name="tether", daemon=True)
    thread.start()
    return thread
