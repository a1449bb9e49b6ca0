"""Supervisor: the process of a kiosk that starts the player, watches its heart, and starts it again when it died.

It loads no world. What counts as dead is runtime/watch.py, what is on the screen meanwhile runtime/still.py. It ends
when the player left by itself, at the chord or a signal, and where the first player could not be used at all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from runtime import heartbeat, terminal, tether, watch
from runtime.folders import log_folder
from runtime.heartbeat import LEAVING, Heart
from runtime.kiosk_config import KioskConfig
from runtime.kiosk_log import KioskLog
from runtime.still import Still, picture_of

TURN_S = 0.05
REDRAW_S = 0.25
KILL_S = 5.0
# Once a player has played for so long, the next one is started and waits for its turn: what it imports takes longest.
RESERVE_AFTER_S = 5.0
# One that ended while it waited is not replaced before.
RESERVE_AGAIN_S = 60.0
# A player's own exit code for bad input (see play.py): a second try would read the same.
UNUSABLE = 2


def how_it_ended(code: int) -> str:
    """An exit code of subprocess, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


class Supervisor:
    """`command` starts a player; `say` takes a line for the log; the clock is in seconds."""

    def __init__(
        self,
        config: KioskConfig,
        command: Sequence[str],
        beat: Path,
        still: Still,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._command, self._beat, self._still = config, list(command), beat, still
        self._say, self._clock = say, clock
        self._heart = Heart(beat)
        self._player: subprocess.Popen | None = None
        self._reserve: subprocess.Popen | None = None
        self._reserve_at = float("inf")
        self._watch = watch.begin(self._heart.pulse(), clock())
        self._count = self._deaths = 0
        self._start_at = self._died_at = self._began_at = clock()
        self._seen = self._ever_seen = False
        self._drawn_at = 0.0
        self._stop_signal: int | None = None

    def stop(self, number: int) -> None:
        """End at the next turn, because of the signal `number`."""
        self._stop_signal = number

    def run(self) -> int:
        """Until there is nothing left to watch; gives the exit code."""
        try:
            while True:
                code = self._turn(self._clock())
                if code is not None:
                    return code
                time.sleep(TURN_S)
        finally:
            self._end_player()
            self._heart.close()

    def _turn(self, now: float) -> int | None:
        if self._stop_signal is not None:
            self._say(f"signal {signal.Signals(self._stop_signal).name}: the kiosk ends")
            return 128 + self._stop_signal
        if self._still.poll():
            self._say("the chord: the kiosk ends")
            return 0
        code = self._watch_player(now) if self._player else self._wait(now)
        if not self._watch.playing and now - self._drawn_at >= REDRAW_S:
            self._drawn_at = now
            self._still.draw()
            if self._player is None:
                self._still.come_forward()
        return code

    def _wait(self, now: float) -> None:
        if now >= self._start_at:
            self._start(now)

    def _start(self, now: float) -> None:
        """It is the turn of the player that waits, or else of a new one."""
        self._count += 1
        self._began_at, self._seen = now, False
        self._watch = watch.begin(self._heart.pulse(), now)
        waited = self._reserve is not None and self._reserve.poll() is None
        self._player = self._reserve if waited else self._launch()
        self._reserve, self._reserve_at = None, float("inf")
        with contextlib.suppress(OSError):  # one that ended already is noticed at the next turn
            self._player.stdin.write(b"\n")
            self._player.stdin.flush()
        self._say(f"player {self._count} {'takes over' if waited else 'started'} (pid {self._player.pid})")

    def _launch(self) -> subprocess.Popen:
        environment = {**os.environ, heartbeat.VARIABLE: str(self._beat), tether.VARIABLE: "1"}
        pipe = subprocess.PIPE
        player = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        for stream, out in ((player.stdout, sys.stdout), (player.stderr, sys.stderr)):
            threading.Thread(target=self._pass_on, args=(stream, out), daemon=True).start()
        return player

    def _keep_reserve(self, now: float) -> None:
        """See to it that a player waits for its turn."""
        if self._reserve is not None and self._reserve.poll() is not None:
            self._say(f"the player in reserve ended, {how_it_ended(self._reserve.returncode)}")
            self._reserve.stdin.close()
            self._reserve, self._reserve_at = None, now + RESERVE_AGAIN_S
        if self._reserve is None and now >= self._reserve_at:
            self._reserve = self._launch()

    def _pass_on(self, stream: IO[bytes], out: IO[str]) -> None:
        """What a player says is said here too, and is in the log."""
        with stream:
            for line in stream:
                words = line.decode("utf-8", errors="replace").rstrip()
                terminal.write(words, out)
                self._say(f"player: {words}")

    def _watch_player(self, now: float) -> int | None:
        code = self._player.poll()
        self._watch = watch.look(self._watch, self._heart.pulse(), now)
        if code is not None:
            return self._ended(how_it_ended(code), code, now)
        if self._watch.playing and not self._seen:
            self._seen = self._ever_seen = True
            since = f", {now - self._died_at:.1f} s after the one before ended" if self._count > 1 else ""
            self._reserve_at = now + RESERVE_AFTER_S
            self._say(f"player {self._count} plays {now - self._began_at:.1f} s after its start{since}")
        self._keep_reserve(now)
        wrong = watch.judge(self._watch, now, self._config.restart)
        if not wrong:
            return None
        self._kill()
        return self._ended(f"killed: {wrong}", None, now)

    def _ended(self, how: str, code: int | None, now: float) -> int | None:
        """Account for a player's end; gives the exit code where that is the end of all."""
        self._player.stdin.close()
        self._player = None
        lived = now - self._began_at
        self._say(f"player {self._count} ended after {lived:.1f} s, {how}")
        if code == 0 or self._watch.pulse.phase == LEAVING:
            return max(0, code or 0)
        if code == UNUSABLE and not self._ever_seen:
            return code
        self._deaths = watch.deaths_in_row(self._deaths, lived)
        wait = watch.delay(self._deaths)
        if wait:
            self._say(f"{self._deaths} players in a row ended early: the next one starts in {wait:g} s")
        self._died_at, self._start_at = now, now + wait
        self._still.show(self._heart.still())
        self._still.come_forward()
        return None

    def _kill(self) -> None:
        self._player.kill()
        try:
            self._player.wait(KILL_S)
        except subprocess.TimeoutExpired:
            self._say(f"player {self._count} (pid {self._player.pid}) cannot be killed; another one is started")

    def _end_player(self) -> None:
        """Let go of the player, which then closes what it has open and leaves; kill one that does not."""
        for player in filter(None, (self._reserve, self._player)):
            with contextlib.suppress(OSError):  # it may be gone already
                player.stdin.close()
        if self._reserve is not None:
            self._reserve.kill()
            self._reserve.wait()
        if self._player is None:
            return
        try:
            code = self._player.wait(tether.LEAVE_S + 1)
            self._say(f"player {self._count} ended, {how_it_ended(code)}")
        except subprocess.TimeoutExpired:
            self._kill()
            self._say(f"player {self._count} did not end and was killed")


@contextlib.contextmanager
def beat_file(config: KioskConfig) -> Iterator[Path]:
    """Where the heartbeat lies: as the YAML says, or in a folder that is gone afterwards."""
    if config.beat:
        yield Path(config.beat)
        return
    with tempfile.TemporaryDirectory(prefix="reverie-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "beat"


def own_command() -> list[str]:
    """What this very process was started with."""
    return [sys.executable, *sys.orig_argv[1:]]


def supervise(config: KioskConfig, command: Sequence[str] | None = None) -> int:
    """The whole supervisor; gives the exit code. `command` starts a player, by default as this process was started."""
    picture = picture_of(config.still)
    log = KioskLog(Path(config.log or log_folder() / "kiosk.log"), config.log_mb, config.log_files)
    with contextlib.ExitStack() as stack:
        stack.callback(log.close)
        beat = stack.enter_context(beat_file(config))
        heartbeat.make(beat)
        still = Still(config.chord, picture)
        stack.callback(still.close)
        supervisor = Supervisor(config, command or own_command(), beat, still, log.say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda came, _frame: supervisor.stop(came))
        log.say("the kiosk begins")
        return supervisor.run()
