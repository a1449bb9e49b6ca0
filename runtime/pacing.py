"""Pacing: when a frame is due, when the next chunk must be asked for, and what counts as a dropped frame.

Pure functions of times that are passed in, all in seconds on one clock. Nothing here reads a clock, sleeps or keeps
state; the loop does. A `period` of 0 means as fast as possible.

The idea: a chunk is asked for as late as its frames can still be on time, because everything that a person does before
that moment is in its controls. What "as late as possible" is, is learnt from how long the last chunks took.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

# Time kept in hand between a chunk's first frame and the moment it is due: one poll of the loop and a bit of jitter.
MARGIN = 0.010
# The loop looks at its input at least this often, and never spins faster than the shorter one.
LONGEST_NAP = 0.004
SHORTEST_NAP = 0.001


def slots_missed(due: float | None, now: float, period: float) -> int:
    """How many frame slots went by with the old picture still up, when the frame due at `due` is shown at `now`.

    Less than half a period late is on time. `due` is None where no rate is running yet (start, reset, resume).
    """
    if due is None or period <= 0 or now <= due:
        return 0
    return math.floor((now - due) / period + 0.5)


def next_due(due: float | None, now: float, period: float) -> float:
    """When the frame after the one shown at `now` is due.

    A frame a little late leaves the schedule as it is, so the rate is exact; a frame that missed its slot moves the
    whole schedule, so a stall is never followed by a burst.
    """
    if due is None or period <= 0 or slots_missed(due, now, period) > 0:
        return now + period
    return due + period


def runway(due: float | None, now: float, queued: int, period: float) -> float:
    """Seconds until the first frame of a chunk not yet asked for is due, with `queued` frames waiting before it."""
    return max((due or now) - now, 0.0) + queued * period


def lead(sampled_at: float, ready_at: float, index: int, period: float) -> float:
    """How long before its chunk's first frame is due the chunk had to be asked for, as frame `index` proves."""
    return ready_at - sampled_at - index * period


def lead_needed(recent: Iterable[float]) -> float:
    """The lead that would have kept all recent frames on time; infinite while nothing is known."""
    return max(recent, default=math.inf)


def should_submit(runway_s: float, lead_s: float, margin: float = MARGIN) -> bool:
    """Whether the next chunk has to be asked for now: waiting longer would leave a frame late."""
    return runway_s <= lead_s + margin


def nap(now: float, due: float | None) -> float:
    """Seconds to sleep until the next frame is due, within the loop's bounds."""
    if due is None or now >= due:
        return SHORTEST_NAP if due is not None else LONGEST_NAP
    return min(max(due - now, SHORTEST_NAP), LONGEST_NAP)
