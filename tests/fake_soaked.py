"""A player for a soak: the fake world under a real heartbeat, session log and supervisor, without a window.

`--lies`: it says that it wrote more than it did; `--frail`: it dies of a full disk.
"""

import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from fake_world import FakeWorld  # noqa: E402

from runtime import heartbeat, tether  # noqa: E402
from runtime.folders import sessions_folder  # noqa: E402
from runtime.generator import Generator  # noqa: E402
from runtime.kiosk_config import read_kiosk  # noqa: E402
from runtime.session_log import SessionLog  # noqa: E402
from runtime.supervisor import supervise  # noqa: E402

PAD = Path(os.environ["REVERIE_SOAK_PAD"])


def handle_signals(ends):
    PAD.write_text("plugged")
    signal.signal(signal.SIGUSR1, lambda *_: PAD.write_text("unplugged"))
    signal.signal(signal.SIGUSR2, lambda *_: PAD.write_text("plugged"))
    signal.signal(signal.SIGTERM, lambda *_: ends.append("term"))
    if tether.tethered():
        tether.hold(lambda: ends.append("let go"))


def play(ends):
    beat, log = heartbeat.from_environment(), SessionLog(sessions_folder() / f"{os.getpid()}.session.jsonl")
    generator = Generator(lambda: FakeWorld(), witnesses=[log])
    beat.period(0.02)
    generator.start()
    while generator.info is None:
        time.sleep(0.01)
    generator.begin(3)
    beat.phase(heartbeat.WAKING)
    while not ends:
        now = time.perf_counter()
        beat.turn()
        if generator.idle and generator.queued < 8:
            generator.step(np.zeros((4, 4), np.float32), now)
        frame = generator.take()
        if frame is not None:
            beat.frame(now)
            beat.picture(frame.pixels, now)
        beat.chunk(generator.chunks_dreamt)
        beat.kept(log.chunks + 50 * ("--lies" in sys.argv), 0, 0)
        if log.ended and "--frail" in sys.argv:
            sys.exit(log.ended)
        time.sleep(max(0.0, 0.02 - (time.perf_counter() - now)))
    beat.phase(heartbeat.LEAVING)
    generator.close()
    log.close()


if "--kiosk" in sys.argv and not tether.tethered():
    sys.exit(supervise(read_kiosk(Path(sys.argv[sys.argv.index("--kiosk") + 1]))))
if tether.tethered() and not tether.turn():
    sys.exit()
ends = []
handle_signals(ends)
play(ends)
