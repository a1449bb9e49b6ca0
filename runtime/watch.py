"""Watch: whether a player still lives, judged by its pulse. Pure; the clock is the watcher's own, passed in.

It does not kill or start anything. What a player's clock says is not asked for: only whether its counters went on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime import heartbeat
from runtime.heartbeat import PLAYING, RESTING, STARTING, WAKING, Pulse

# An engine may take this many times the longest that it took before.
PATIENCE = 4.0
# A watcher that did not look for so long slept itself, with the whole machine maybe: nobody is blamed for that.
BLINK_S = 1.0
LEAVE_S = 15.0
# A player that lived so long was well: the next death counts as the first.
WELL_S = 10.0
LONGEST_DELAY_S = 60.0


@dataclass(frozen=True)
class Limits:
    """Seconds. turn_s: a loop without a turn; chunk_s: an engine without work done while it is asked for some;
    load_s: from the start of a player, or of a world in it, to the first chunk.
    """

    turn_s: float = 1.5
    chunk_s: float = 2.0
    load_s: float = 180.0


@dataclass(frozen=True)
class Watch:
    """What was seen of one player: its last pulse, and when, in seconds, each part of it last changed.

    `starts` is that of the pulse before it was started: as long as it is the same, the player has not begun.
    """

    starts: int
    began_at: float
    looked_at: float
    pulse: Pulse
    turn_at: float
    chunk_at: float
    phase_at: float
    longest: float = 0.0

    @property
    def playing(self) -> bool:
        """Whether there is something to see."""
        return self.pulse.starts > self.starts and self.pulse.phase in (WAKING, PLAYING, RESTING)


def begin(pulse: Pulse, now: float) -> Watch:
    """The watch over a player that is being started at `now`; `pulse` is from before."""
    return Watch(pulse.starts, now, now, replace(pulse, phase=STARTING), now, now, now)


def look(watch: Watch, pulse: Pulse, now: float) -> Watch:
    """What is known after looking once more."""
    if pulse.starts <= watch.starts:
        return replace(watch, looked_at=now)
    if now - watch.looked_at > BLINK_S:
        return replace(watch, looked_at=now, pulse=pulse, turn_at=now, chunk_at=now, phase_at=now)
    before, longest, chunk_at = watch.pulse, watch.longest, watch.chunk_at
    if pulse.phase != before.phase:
        chunk_at = now  # what an engine does in another phase says nothing about this one
    elif pulse.chunks != before.chunks:
        longest, chunk_at = max(longest, now - chunk_at), now
    return replace(
        watch,
        looked_at=now,
        pulse=pulse,
        turn_at=now if pulse.turns != before.turns else watch.turn_at,
        chunk_at=chunk_at,
        phase_at=now if pulse.phase != before.phase else watch.phase_at,
        longest=longest,
    )


def judge(watch: Watch, now: float, limits: Limits) -> str:
    """What is wrong with the player, in words; "" for nothing."""
    match watch.pulse.phase:
        case heartbeat.STARTING | heartbeat.LOADING:
            silent, limit, what = now - watch.began_at, limits.load_s, "it does not get ready"
        case heartbeat.LEAVING:
            silent, limit, what = now - watch.phase_at, LEAVE_S, "it does not end"
        case _:
            silent, limit, what = now - watch.turn_at, limits.turn_s, "the window has not answered"
    if silent > limit:
        return f"{what} for {silent:.1f} s"
    return _engine(watch, now, limits)


def _engine(watch: Watch, now: float, limits: Limits) -> str:
    silent = now - watch.chunk_at
    if watch.pulse.phase == WAKING and silent > limits.load_s:
        return f"the engine has begun nothing for {silent:.1f} s"
    if watch.pulse.phase == PLAYING and silent > max(limits.chunk_s, PATIENCE * watch.longest):
        return f"the engine has not finished a chunk for {silent:.1f} s"
    return ""


def delay(deaths: int) -> float:
    """Seconds to wait before the player is started again after so many early `deaths` in a row, the first at once."""
    return 0.0 if deaths < 2 else min(LONGEST_DELAY_S, 2.0 ** (deaths - 2))


def deaths_in_row(before: int, lived_s: float) -> int:
    """The count after one more death, of a player that lived for `lived_s` seconds."""
    return 1 if lived_s >= WELL_S else before + 1
