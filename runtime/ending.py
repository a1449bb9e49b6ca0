"""Ending: how fast a walk is to be shown, and when it is over. Decisions only; time and counts are the loop's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoopConfig:
    """`fps`: frames presented per second, None for the world's own rate, 0 for as fast as possible.

    The run ends after `seconds` of play or `frames` presented, where these are given.
    """

    fps: float | None = None
    seconds: float | None = None
    frames: int | None = None


def is_over(config: LoopConfig, seconds: float, frames: int, slot_over: bool, walked_out: bool) -> bool:
    """Whether a run of `seconds` and `frames` has ended; a last frame has its whole slot.

    walked_out: whether nothing more comes, of a walk that was logged.
    """
    if config.seconds is not None and seconds >= config.seconds:
        return True
    return slot_over and (walked_out or (config.frames is not None and frames >= config.frames))
