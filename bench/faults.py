"""Faults: what a soak does to a player, and how it sees whether the player survived. It starts and measures nothing.

A fault is injected, mended after a while where it does not mend itself, and watched through the player's heartbeat: a
killed or stalled player must be replaced and play again in time, every other fault must not stop the pictures.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.heartbeat import RESTING, Pulse

DISK_MB = 6000
# Pictures that pause for longer than this were stopped. So long is looked on after a fault was mended: longer, so that
# a player that dies of it at its very end is noticed too.
GAP_S, AFTER_S = 2.5, 4.0


class Unfit(Exception):
    """This fault cannot be made here; says why."""


@dataclass
class Site:
    """Where faults happen: `disk` is the folder that the player writes to, `pad` the file that tells of its gamepad."""

    disk: Path
    pad: Path
    kiosk: bool
    small: bool = False


class Kill:
    """The player is killed at once; only a supervisor brings it back."""

    name, lasts_s, replaces = "killed engine", 0.0, True

    def inject(self, site: Site, pulse: Pulse) -> None:
        if not site.kiosk:
            raise Unfit("there is no supervisor without --kiosk")
        os.kill(pulse.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def mend(self, site: Site, pulse: Pulse) -> None: ...


class Stall:
    """The player stands still: under a supervisor for ever, else until it is let go on."""

    name = "stalled engine"

    def __init__(self, kiosk: bool) -> None:
        self.lasts_s, self.replaces = (0.0 if kiosk else 3.0), kiosk

    def inject(self, site: Site, pulse: Pulse) -> None:
        if not hasattr(signal, "SIGSTOP"):
            raise Unfit("this system cannot stop a process")
        os.kill(pulse.pid, signal.SIGSTOP)

    def mend(self, site: Site, pulse: Pulse) -> None:
        if not site.kiosk:
            os.kill(pulse.pid, signal.SIGCONT)


class FullDisk:
    """No file of the player's folder can grow: its small disk is full, or else the system limits its files."""

    name, replaces = "full disk", False

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s

    def inject(self, site: Site, pulse: Pulse) -> None:
        if site.small:
            usage = shutil.disk_usage(site.disk)
            resize(site.disk, usage.used)
            return
        limit_files(pulse.pid, 0)

    def mend(self, site: Site, pulse: Pulse) -> None:
        if site.small:
            resize(site.disk, DISK_MB * 2**20)
        else:
            limit_files(pulse.pid, None)


class Unplug:
    """The gamepad is pulled out while its stick is held, and comes back; bench/soak_player.py has it."""

    name, replaces = "unplugged gamepad", False

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s

    def inject(self, site: Site, pulse: Pulse) -> None:
        told = site.pad.read_text() if site.pad.exists() else "nobody tells of one"
        if told != "plugged":
            raise Unfit(f"no gamepad: {told}")
        os.kill(pulse.pid, signal.SIGUSR1)

    def mend(self, site: Site, pulse: Pulse) -> None:
        os.kill(pulse.pid, signal.SIGUSR2)


def mount_small(folder: Path) -> bool:
    """Put a small disk of its own under `folder`, as root on Linux; whether there is one."""
    if not sys.platform.startswith("linux") or os.geteuid() or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "reverie-soak", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)


def resize(folder: Path, size: int) -> None:
    """Give the small disk another size in bytes; raises Unfit where the system will not."""
    command = ["mount", "-o", f"remount,size={max(size, 4096)}", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unfit(f"the disk keeps its size: {done.stderr.strip()}")


def limit_files(pid: int, size: int | None) -> None:
    """No file of the process grows beyond `size` bytes; None for no limit. Raises Unfit where that cannot be had."""
    try:
        import resource

        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
    except ProcessLookupError:
        raise
    except (ImportError, AttributeError, OSError) as error:
        raise Unfit(f"no small disk, and no limit of files: {error}") from error


@dataclass
class Trial:
    """One fault, from its injection at `began` to its end; `restart_s` is how long the player was gone, `gap_s` the
    longest that no new picture came though nobody had paused, `mended_frames` those before it was mended.

    Times are in seconds on the soak's clock, `within_s` the longest that a player may be gone.
    """

    fault: object
    before: Pulse
    began: float
    within_s: float
    mended: bool = False
    restart_s: float | None = None
    gap_s: float = 0.0
    frames: int = -1
    mended_frames: int = 0
    frames_at: float = 0.0
    survived: bool | None = None

    def look(self, pulse: Pulse, now: float) -> bool:
        """Take notice of a pulse; whether it is decided if the fault was survived."""
        if pulse.frames != self.frames or self.frames < 0 or pulse.phase == RESTING:
            self.frames, self.frames_at = pulse.frames, now
            self.mended_frames = self.mended_frames if self.mended else pulse.frames
        self.gap_s = max(self.gap_s, now - self.frames_at)
        return self._replaced(pulse, now) if self.fault.replaces else self._went_on(pulse, now)

    def _replaced(self, pulse: Pulse, now: float) -> bool:
        if pulse.starts > self.before.starts and pulse.frames > self.before.frames and pulse.pid != self.before.pid:
            self.restart_s = now - self.began
            self.survived = self.restart_s <= self.within_s
        elif now - self.began > 12 * self.within_s:
            self.survived = False
        return self.survived is not None

    def _went_on(self, pulse: Pulse, now: float) -> bool:
        if now - self.began < self.fault.lasts_s + AFTER_S:
            return False
        allowed = GAP_S + (self.fault.lasts_s if isinstance(self.fault, Stall) else 0.0)
        same = pulse.starts == self.before.starts
        self.survived = same and self.gap_s <= allowed and pulse.frames > self.mended_frames
        return True
