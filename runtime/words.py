"""Words for times: when something was, and how long it took, for lists that people read."""

from __future__ import annotations

import contextlib
from datetime import datetime

from runtime.strings import text


def moment(when: float | str) -> str:
    """A time as the clock on the wall showed it, to the minute: seconds since 1970, or ISO 8601, which keeps the clock
    of the place that it is from. "" where it is no time.
    """
    with contextlib.suppress(OverflowError, OSError, ValueError):
        at = datetime.fromisoformat(when) if isinstance(when, str) else datetime.fromtimestamp(when)
        return at.strftime("%Y-%m-%d %H:%M")
    return ""


def duration(seconds: float) -> str:
    """A time span of `seconds`, to the second below an hour."""
    whole = round(seconds)
    if whole < 60:
        return text("time.seconds", seconds=whole)
    if whole < 3600:
        return text("time.minutes", minutes=whole // 60, seconds=whole % 60)
    return text("time.hours", hours=whole // 3600, minutes=whole % 3600 // 60)
