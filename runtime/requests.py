"""Requests: what waits to be done by the generator's thread, in order. It does nothing of it (runtime/dreamer.py)."""

from __future__ import annotations

import threading
from collections import deque

from runtime.messages import Request, Step


class Requests:
    """`put` and `discard` are for the thread that asks, `next` and `upcoming` for the one that serves.

    Unbounded: steps come one at a time, and what comes besides is as much as a person can press.
    """

    def __init__(self) -> None:
        self._waiting: deque[Request | None] = deque()
        self._arrived = threading.Semaphore(0)

    def put(self, request: Request | None) -> None:
        """Add one; None is the last that is ever served."""
        self._waiting.append(request)
        self._arrived.release()

    def discard(self) -> int:
        """Forget all that waits; gives how many that were."""
        gone = 0
        while self._arrived.acquire(blocking=False):
            self._waiting.popleft()
            gone += 1
        return gone

    def next(self) -> Request | None:
        """The next one; waits for it."""
        self._arrived.acquire()
        return self._waiting.popleft()

    def upcoming(self) -> Step | None:
        """The next one, if it waits already and is a step."""
        if not self._arrived.acquire(blocking=False):
            return None
        request = self._waiting.popleft()
        if isinstance(request, Step):
            return request
        self._waiting.appendleft(request)
        self._arrived.release()
        return None
