"""Watcher: what is told of the loop's turns and pictures, without a say: a recording, a heartbeat."""

from __future__ import annotations

from typing import Protocol

from runtime.messages import Frame


class Watcher(Protocol):
    """Both are called in the hot loop, so they return at once."""

    def turn(self, now: float) -> None:
        """The loop goes round."""

    def presented(self, frame: Frame, at: float) -> None:
        """A frame is on the screen, since `at` seconds on the loop's clock."""
