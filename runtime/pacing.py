"""Pacing: when a frame is due, how long to sleep until then, and what counts as a dropped frame.

Pure functions of times that are passed in, all in seconds on one clock. Nothing here reads a clock, sleeps or keeps
state; the loop does. A `period` of 0 means as fast as possible. How early a chunk has to be asked for is what
runtime/governor.py learns; what it learns from, and how its answer is used, is here.
"""

from __future__ import annotations

import math

# The part of a period by which frames may follow each other faster, until a late one is made up for.
CATCH_UP = 0.1
# The loop looks at its input at least this often; where the next frame is due but not there, it looks this often.
LONGEST_NAP = 0.004
WAITING_NAP = 0.001
# A shorter nap than this is not worth asking the system for: the loop just looks at the clock again.
SHORTEST_NAP = 0.0002


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


def show_at(due: float | None, shown_at: float, period: float) -> float | None:
    """When to show the frame due at `due`, the one before having been shown at `shown_at`; None for at once.

    After a late frame that is a bit later than it is due: what was lost is made up for bit by bit, so that one late
    frame is one long interval, and not a long and a short one.
    """
    return None if due is None else max(due, shown_at + (1 - CATCH_UP) * period)


def runway(due: float | None, now: float, queued: int, period: float) -> float:
    """Seconds until the first frame of a chunk not yet asked for is due, with `queued` frames waiting before it."""
    return max((due or now) - now, 0.0) + queued * period


def lead(sampled_at: float, ready_at: float, index: int, period: float) -> float:
    """How long before its chunk's first frame is due the chunk had to be asked for, as frame `index` proves."""
    return ready_at - sampled_at - index * period


def lateness(due: float | None, ready_at: float) -> float:
    """Seconds that a frame to be shown at `due` was not there; 0 for one that was, whenever it was shown then."""
    return 0.0 if due is None else max(0.0, ready_at - due)


def should_submit(runway_s: float, reserve_s: float) -> bool:
    """Whether the next chunk has to be asked for now: waiting longer would leave less than the reserve."""
    return runway_s <= reserve_s


def nap(now: float, due: float | None) -> float:
    """Seconds to sleep until the next frame is due, within the loop's bounds; 0 in the last moment before it.

    `due` is what comes next of what the loop has to do in time; None for nothing.
    """
    if due is None:
        return LONGEST_NAP
    left = due - now
    if left <= 0:
        return WAITING_NAP
    return min(left, LONGEST_NAP) if left >= SHORTEST_NAP else 0.0
