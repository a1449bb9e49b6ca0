"""Stats: what was shown and how late, in memory that does not grow with the length of a walk.

Not a report and not a display: runtime/report.py and runtime/hud.py read these.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping

import numpy as np

# Samples that a percentile looks back on: 13 minutes of frames at 20 fps.
REMEMBERED = 16384
# Frames that the momentary rate looks back on.
RATE_FRAMES = 60
# Chunks that the split of their time looks back on.
SPLIT_CHUNKS = 256
# Upper ends of the latency histogram's bars, in ms; one more bar counts what is above all of them.
LATENCY_EDGES_MS = (50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 1000.0)


class Percentiles:
    """The last `capacity` samples; one thread adds, any may read."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._ring = np.zeros(capacity, np.float64)
        self.count = 0
        self.max = 0.0

    def add(self, value: float) -> None:
        """Add one sample, in whatever unit the owner keeps."""
        self._ring[self.count % len(self._ring)] = value
        self.max = max(self.max, value)
        self.count += 1

    def at(self, *percent: float) -> list[float]:
        """The given percentiles of the remembered samples; zeros while there are none."""
        kept = self._ring[: min(self.count, len(self._ring))]
        return [float(v) for v in np.percentile(kept, percent)] if len(kept) else [0.0] * len(percent)

    def recent(self, count: int) -> np.ndarray:
        """A copy of the last `count` samples at most, oldest first."""
        kept = min(count, self.count, len(self._ring))
        return self._ring[np.arange(self.count - kept, self.count) % len(self._ring)]


class Histogram:
    """How many samples fell between fixed edges, since the start."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        """edges: upper ends of the bars, rising; a sample at an edge counts below it."""
        self.edges = edges
        self._counts = np.zeros(len(edges) + 1, np.int64)

    def add(self, value: float) -> None:
        """Count one sample."""
        self._counts[bisect.bisect_left(self.edges, value)] += 1

    @property
    def counts(self) -> list[int]:
        """One count per edge, and what is above the last one."""
        return self._counts.tolist()


class Split:
    """Of what the last chunks' time went into; one thread adds, any may read."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts = {name: Percentiles(SPLIT_CHUNKS) for name in parts}

    def add(self, spent: Mapping[str, float]) -> None:
        """Add one chunk: milliseconds by part; a part that is not named took none."""
        for name, samples in self._parts.items():
            samples.add(spent.get(name, 0.0))

    def typical(self) -> dict[str, float]:
        """The median of each part, in ms."""
        return {name: samples.at(50)[0] for name, samples in self._parts.items()}


class Stats:
    """Counts of what was presented. Times are seconds on the loop's clock, latencies milliseconds.

    Latency runs from the moment a frame's controls were sampled to the moment after its flip. An interval runs from
    one flip to the next, and is `off` by its distance from the period; where a pause or a new walk lies between, there
    is none. `seconds` is the time played: from the first frame on, pauses left out. `copy_ms` and `present_ms` are what
    drawing a picture and flipping it took.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.dropped = 0
        self.latency_ms = Percentiles()
        self.latency_bars = Histogram(LATENCY_EDGES_MS)
        self.interval_ms, self.interval_off = Percentiles(), Percentiles()
        self.copy_ms, self.present_ms = Percentiles(RATE_FRAMES), Percentiles(RATE_FRAMES)
        self._flipped_at: float | None = None
        self.first_at: float | None = None
        self._shown_at = Percentiles(RATE_FRAMES)
        self._paused_s = 0.0
        self._paused_at: float | None = None
        self._resumed_at = 0.0

    def presented(self, sampled_at: float, shown_at: float, missed: int) -> None:
        """Count a frame shown at `shown_at`, after `missed` slots in which nothing new was there to show."""
        if self.first_at is None:
            self.first_at = shown_at
        self.frames += 1
        self.dropped += missed
        self._shown_at.add(shown_at)
        # A frame that waited for the pause to end says nothing about latency.
        if sampled_at >= self._resumed_at:
            latency = (shown_at - sampled_at) * 1e3
            self.latency_ms.add(latency)
            self.latency_bars.add(latency)

    def flipped(self, at: float, period: float) -> None:
        """Count a flip at `at`, one of a row that shall be `period` apart (0: as fast as possible)."""
        if self._flipped_at is not None:
            interval = at - self._flipped_at
            self.interval_ms.add(interval * 1e3)
            if period > 0:
                self.interval_off.add(abs(interval - period) / period)
        self._flipped_at = at

    def broken(self) -> None:
        """The row of flips ends here: a pause, or a new walk."""
        self._flipped_at = None

    def paused(self, now: float) -> None:
        """The play time stops here."""
        self.broken()
        self._paused_at = now

    def resumed(self, now: float) -> None:
        """The play time goes on."""
        if self._paused_at is not None:
            began = max(self._paused_at, self.first_at if self.first_at is not None else now)
            self._paused_s += now - began
        self._paused_at = None
        self._resumed_at = now
        self._shown_at = Percentiles(RATE_FRAMES)

    def seconds(self, now: float) -> float:
        """Time played up to `now`, in seconds."""
        if self.first_at is None:
            return 0.0
        until = now if self._paused_at is None else self._paused_at
        return max(0.0, until - self.first_at - self._paused_s)

    def rate(self) -> float:
        """Frames per second over the last three seconds or so; 0 while there is nothing to measure."""
        times = self._shown_at.recent(RATE_FRAMES)
        return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 and times[-1] > times[0] else 0.0
