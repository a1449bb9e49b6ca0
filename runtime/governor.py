"""Governor: how early to ask for a chunk. It trades the age of what people see against stutter, as they chose.

A chunk that is asked for late holds newer controls; one that is asked for early waits in the queue and can be late
itself without anyone seeing it. The governor keeps numbers that it is told, and reads no clock; it counts in frames,
so that it learns as fast from a world of long chunks as from one of short ones.

`low`: as late as the last chunks allow, and a margin. The margin is the measure of how little the past tells: it
doubles with every frame that was late, and shrinks slowly while none is. `smooth`: as early as the worst chunk of a
longer past asks for, and one chunk more.
"""

from __future__ import annotations

import math

from runtime.settings import LATENCIES
from runtime.stats import Percentiles

# Frames whose leads are remembered: sixteen chunks of four, and eight times as many.
REMEMBERED = {"low": 64, "smooth": 512}
# The margin in seconds: at least a poll of the loop and a bit of jitter; the others in periods.
LEAST_MARGIN_S = 0.010
FIRST_MARGIN, MOST_MARGIN = 2.0, 4.0
# What each frame on time leaves of the margin: half of it is gone after 140 frames.
SHRINK = 0.995
# Later than this part of a period is late: less is within what pacing makes up for without a visible step.
LATE = 0.1


class Governor:
    """For the loop's thread; `mode` may be set at any time. Times in seconds."""

    def __init__(self, mode: str = "low") -> None:
        """mode: one of runtime.settings.LATENCIES."""
        if mode not in LATENCIES:
            raise ValueError(f"a governor is one of {LATENCIES}, not {mode!r}")
        self.mode = mode
        self.begin(0.0, 1, 1)

    def begin(self, period: float, chunk_frames: int, capacity: int) -> None:
        """A world of `chunk_frames` frames per chunk is played at `period`; no more than `capacity` frames shall wait.

        All that was learnt is forgotten.
        """
        self._period, self._chunk, self._capacity = period, chunk_frames, capacity
        self._leads, self._worst = Percentiles(max(REMEMBERED.values())), 0.0
        self._margin = max(LEAST_MARGIN_S, FIRST_MARGIN * period)

    def shown(self, lead_s: float, late_s: float) -> None:
        """A frame was shown that proves a lead of `lead_s` (pacing.lead) and was `late_s` late (pacing.lateness)."""
        self._leads.add(lead_s)
        self._worst = float(self._leads.recent(REMEMBERED[self.mode]).max())
        most = max(LEAST_MARGIN_S, MOST_MARGIN * self._period)
        if late_s > LATE * self._period:
            self._margin = min(2 * self._margin, most)
        else:
            self._margin = max(SHRINK * self._margin, LEAST_MARGIN_S)

    @property
    def reserve(self) -> float:
        """Ask when no more than this many seconds of play are left; as much as may wait while nothing is known."""
        bound = self._capacity * self._period
        if not self._leads.count:
            return bound
        reserve = self._worst + self._margin
        if self.mode == "smooth":
            reserve += self._chunk * self._period
        return min(max(reserve, 0.0), bound)

    @property
    def depth(self) -> int:
        """The reserve in whole frames: no chunk is asked for while more wait."""
        return min(math.ceil(self.reserve / self._period - 1e-9), self._capacity) if self._period else 0
