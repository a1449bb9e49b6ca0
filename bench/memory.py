"""Memory: how that of a process grew, over the second half of its life. Nothing is asked of the process.

In the first half it fills what it fills once: what rewinding remembers, pools, an encoder that visitors need.
"""

from __future__ import annotations

import os
import statistics
import subprocess
from pathlib import Path

SETTLED_S, WINDOW_S, LEAST_S = 30.0, 10.0, 30.0
EVERY_S = 1.0


def rss_mb(pid: int) -> float | None:
    """Resident memory of another process in MiB; None where the system does not tell, or it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, AttributeError, IndexError):
        pass
    try:
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, timeout=10).stdout
        return int(told) / 1024
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


class Memory:
    """Samples of each life of the player, one in a second."""

    def __init__(self) -> None:
        self._lives: dict[int, list[tuple[float, float]]] = {}
        self._next_at = 0.0

    def look(self, life: int, pid: int, now: float) -> None:
        """Take a sample at `now` seconds, where one is due."""
        if now < self._next_at:
            return
        self._next_at = now + EVERY_S
        self.add(life, now, rss_mb(pid))

    def add(self, life: int, now: float, rss: float | None) -> None:
        """A sample in MiB of that life; None for one that could not be had."""
        if rss is not None:
            self._lives.setdefault(life, []).append((now, rss))

    def growths(self) -> list[tuple[float, float]]:
        """(hours, MiB) per life that was long enough to tell, of its second half."""
        found = []
        for samples in self._lives.values():
            begun, end = samples[0][0], samples[-1][0]
            settled = begun + max(SETTLED_S, (end - begun) / 2)
            if end - settled < LEAST_S:
                continue
            first = statistics.median(rss for at, rss in samples if settled <= at <= settled + WINDOW_S)
            last = statistics.median(rss for at, rss in samples if at >= end - WINDOW_S)
            found.append(((end - settled) / 3600, last - first))
        return found

    def summary(self) -> dict:
        """What a report says; the drift is over all lives that were long enough, None where none was."""
        growths = self.growths()
        hours = sum(part for part, _ in growths)
        every = [rss for samples in self._lives.values() for _, rss in samples]
        return {
            "drift_mb_per_hour": round(sum(grown for _, grown in growths) / hours, 2) if hours else None,
            "hours": round(hours, 3),
            "most_mb": round(max(every), 1) if every else None,
            "last_mb": round(every[-1], 1) if every else None,
        }
