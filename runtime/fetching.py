"""Fetching beside a window: a world's weights come on a thread of their own, which can be watched and stopped.

What is fetched and how is model/fetch.py's affair; what a person sees of it, the start screen's.
"""

from __future__ import annotations

import threading
from pathlib import Path

from model.registry import fetch_world
from runtime.progress import Cancelled, Progress


class FetchJob:
    """One attempt. What was fetched before a cancelled or failed one stays, and the next goes on from there.

    `progress` is how far it is; `lines` what it said, among them the size of the whole before the first byte; `folder`
    where the weights lie once all are there; `error` what went wrong (a UserError, if it was foreseen), None where
    nothing did, nor for a cancelled one.
    """

    def __init__(self, world: str, weights: Path | None = None, offline: bool = False) -> None:
        """world: see model.registry.fetch_world."""
        self.world, self._weights, self._offline = world, weights, offline
        self.progress = Progress()
        self.lines: list[str] = []
        self.folder: Path | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="fetching", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop at the next block; a request that nobody answers holds the thread until it times out."""
        self.progress.cancel()

    def join(self, timeout: float) -> bool:
        """Wait for the end up to `timeout` seconds and say whether it came."""
        self._thread.join(timeout)
        return self.done

    @property
    def done(self) -> bool:
        """Whether it has ended: by success (`folder`), failure (`error`) or having been cancelled (neither)."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        return self.progress.cancelled and self.folder is None

    def _work(self) -> None:
        try:
            folder = fetch_world(self.world, self._weights, self._offline, self.lines.append, self.progress)
        except Cancelled:
            return
        except Exception as error:  # travels to whoever shows it, whatever it is
            self.error = error
            return
        self.folder = folder
