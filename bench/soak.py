"""Soak: the player for hours, with hands on it and a fault every ten minutes; prints one JSON object.

    python bench/soak.py --minutes 120 --faults --kiosk

Exits with 0 only when nothing was lost, every fault was survived, and the player never ended by itself. It plays on a
display of its own where there is Xvfb and xdotool, else without a window. All figures come from the player's heartbeat
(runtime/heartbeat.py), which a killed player leaves behind, and from the system.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from bench import faults, hands  # noqa: E402
from bench.display import own_display  # noqa: E402
from bench.memory import Memory  # noqa: E402
from bench.verdict import verdict  # noqa: E402
from runtime import heartbeat  # noqa: E402
from runtime.heartbeat import Heart, Pulse  # noqa: E402

TICK_S, KINDS = 0.05, 4
BEGIN_S, END_S, SAY_S = 180.0, 40.0, 60.0
PLAYER = (sys.executable, str(ROOT / "bench" / "soak_player.py"))


@dataclass(frozen=True)
class Plan:
    """What is asked for; times in seconds."""

    seconds: float
    faults: bool = False
    kiosk: bool = False
    every_s: float = 600.0
    within_s: float = 5.0
    world: str = ""
    folder: Path | None = None

    @property
    def hold_s(self) -> float:
        """How long a fault that is mended lasts."""
        return min(20.0, self.every_s / 3)

    @property
    def quiet_s(self) -> float:
        """Before its end a soak is left alone for so long: the player is to show that it goes on."""
        return min(10.0, self.every_s)


class Soak:
    """One soak in `folder`; `player` starts a program that takes play.py's arguments."""

    def __init__(self, plan: Plan, folder: Path, environment: dict[str, str], player: Sequence[str]) -> None:
        self.plan, self.folder = plan, folder
        self.display = environment.get("DISPLAY") is not None and "SDL_VIDEODRIVER" not in environment
        disk = folder / "disk"
        disk.mkdir()
        self.site = faults.Site(disk, folder / "pad", plan.kiosk, faults.mount_small(disk) if plan.faults else False)
        self.beat = folder / "beat"
        own = {"REVERIE_HOME": str(disk / "home"), "REVERIE_SOAK_PAD": str(self.site.pad)}
        if not plan.kiosk:
            heartbeat.make(self.beat)
            own[heartbeat.VARIABLE] = str(self.beat)
        self._output = (folder / "player.log").open("wb")
        command, environment = [*player, *self._arguments()], {**environment, **own}
        self.process = subprocess.Popen(
            command, env=environment, stdout=self._output, stderr=subprocess.STDOUT, cwd=disk
        )
        self.hands = hands.Hands(environment, goes_away=plan.kiosk) if self.display else hands.NoHands()
        self.memory = Memory()
        self.trials: list[faults.Trial] = []
        self.skipped: dict[str, str] = {}
        self.interrupted = False
        self._say_at = SAY_S
        self._queue = self._faults()

    def _arguments(self) -> list[str]:
        plan, disk = self.plan, self.site.disk
        arguments = ["--world", plan.world] if plan.world else []
        if not self.display:
            script = hands.write_script(self.folder / "script.yaml", plan.seconds + BEGIN_S)
            arguments += ["--script", str(script)] + ([] if plan.kiosk else ["--headless"])
        if not plan.kiosk:
            return [*arguments, "--record", str(disk / "soak.mp4"), "--offline"]
        config = self.folder / "kiosk.yaml"
        settings = {"world": plan.world, "idle_s": 20, "session_s": 120, "log": str(disk / "kiosk.log")}
        config.write_text(json.dumps(settings | {"beat": str(self.beat), "record": str(disk / "recordings")}))
        return [*arguments, "--kiosk", str(config)]

    def _faults(self) -> Iterator[object]:
        hold_s = self.plan.hold_s
        kinds = (faults.Kill(), faults.Stall(self.plan.kiosk), faults.FullDisk(hold_s), faults.Unplug(hold_s))
        return itertools.cycle(kinds)

    def begin(self) -> Heart:
        """Wait for the first picture; raises RuntimeError where there is none."""
        end = time.monotonic() + BEGIN_S
        while time.monotonic() < end and self.process.poll() is None and not self.interrupted:
            if self.beat.exists():
                heart = Heart(self.beat)
                if heart.pulse().frames:
                    return heart
                heart.close()
            time.sleep(TICK_S)
        raise RuntimeError(f"the player showed nothing: {self.last_words()}")

    def last_words(self) -> str:
        """The last line that the player printed."""
        lines = (self.folder / "player.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def run(self, heart: Heart) -> float:
        """Play until the time is over or the player ended; gives the seconds."""
        plan, trial, began = self.plan, None, time.monotonic()
        fault_at = began + plan.every_s if plan.faults else float("inf")
        while (now := time.monotonic()) < began + plan.seconds or trial:
            if self.process.poll() is not None or self.interrupted:
                break
            pulse = heart.pulse()
            self._say(pulse, now - began)
            self.memory.look(pulse.starts, pulse.pid, now)
            self.hands.tick(now)
            if trial is None and now >= fault_at and now < began + plan.seconds - plan.quiet_s:
                trial, fault_at = self._inject(pulse, now), fault_at + plan.every_s
            elif trial and self._follow(trial, pulse, now):
                trial = None
            time.sleep(TICK_S)
        self.hands.let_go()
        return time.monotonic() - began

    def _say(self, pulse: Pulse, passed: float) -> None:
        """Once a minute, how it goes, for whoever waits."""
        if passed < self._say_at:
            return
        self._say_at += SAY_S
        survived = sum(trial.survived is True for trial in self.trials)
        faulted = f"{survived} of {len(self.trials)} faults survived"
        memory = self.memory.summary()["last_mb"]
        line = f"{passed / 60:.0f} min: {pulse.frames} frames, {faulted}, {pulse.starts} starts, {memory} MB"
        print(line, file=sys.stderr, flush=True)

    def _inject(self, pulse: Pulse, now: float) -> faults.Trial | None:
        """The next fault whose turn it is and that can be made here."""
        for fault in itertools.islice(self._queue, KINDS):
            try:
                fault.inject(self.site, pulse)
            except (faults.Unfit, OSError) as error:
                self.skipped[fault.name] = str(error)
                continue
            self.trials.append(faults.Trial(fault, pulse, now, self.plan.within_s))
            return self.trials[-1]
        return None

    def _follow(self, trial: faults.Trial, pulse: Pulse, now: float) -> bool:
        if not trial.mended and now - trial.began >= trial.fault.lasts_s:
            trial.mended = True
            with contextlib.suppress(ProcessLookupError):  # a player that died of it is not to be mended
                trial.fault.mend(self.site, pulse)
        if trial.mended and pulse.phase == heartbeat.RESTING:
            self.hands.resume(now)  # a player stands still when its gamepad is gone, until somebody says otherwise
        decided = trial.look(pulse, now)
        return trial.mended and decided

    def end(self) -> None:
        """End the player as a person at the terminal would."""
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._output.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.end()
        if self.site.small:
            if self.plan.folder:  # what is on a disk of its own goes with it
                shutil.copytree(self.site.disk, self.folder / "left", dirs_exist_ok=True)
            faults.unmount(self.site.disk)


@contextlib.contextmanager
def interruptible(soak: Soak) -> Iterator[None]:
    """Within it, SIGTERM and Ctrl-C end a soak early, which then says what it found so far."""

    def interrupt(_number: int, _frame: object) -> None:
        soak.interrupted = True

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def soak(plan: Plan, player: Sequence[str] = PLAYER) -> dict:
    """Do it all; the JSON object."""
    with contextlib.ExitStack() as stack:
        made = plan.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        made.mkdir(parents=True, exist_ok=True)
        environment = stack.enter_context(own_display())
        run = Soak(plan, made, environment, player)
        stack.callback(run.close)
        stack.enter_context(interruptible(run))
        try:
            heart = run.begin()
        except RuntimeError as error:
            return {"ok": False, "minutes": 0.0, "frames": 0, "error": str(error)}
        stack.callback(heart.close)
        seconds = run.run(heart)
        early = run.process.poll() is not None
        run.end()
        return verdict(run, heart, seconds, early)


def main(argv: list[str] | None = None, player: Sequence[str] = PLAYER) -> int:
    parser = argparse.ArgumentParser(prog="bench/soak.py", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=120, help="length of the soak (default 120)")
    parser.add_argument("--faults", action="store_true", help="inject a fault every ten minutes")
    parser.add_argument("--kiosk", action="store_true", help="play through the kiosk's supervisor")
    parser.add_argument("--every", type=float, default=600, metavar="S", help="seconds from fault to fault")
    parser.add_argument("--within", type=float, default=5, metavar="S", help="how long a player may be gone")
    parser.add_argument("--world", default="", help="the world to play (default: the embedded one)")
    parser.add_argument("--folder", type=Path, help="keep what the player left in this folder, which must be new")
    options = parser.parse_args(argv)
    wanted = (options.faults, options.kiosk, options.every, options.within, options.world, options.folder)
    found = soak(Plan(options.minutes * 60, *wanted), player)
    print(json.dumps(found, indent=1), flush=True)
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
