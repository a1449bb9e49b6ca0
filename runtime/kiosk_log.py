"""Kiosk log: what happened and when, in files of bounded size. One process writes it, the supervisor.

A disk that is full ends nothing: lines wait in memory until there is room again, and those that had no room there
either are counted, and the count is written.
"""

from __future__ import annotations

import logging
import logging.handlers
from collections import deque
from pathlib import Path

from runtime.errors import UserError

LINES_WAITING = 2000
MEGABYTE = 1024 * 1024


class KioskLog(logging.handlers.RotatingFileHandler):
    """`log.1` is the file before `log`, and so on, `files` of them in all, of `megabytes` each at most."""

    def __init__(self, path: Path, megabytes: float, files: int) -> None:
        self._waiting: deque[logging.LogRecord] = deque()
        self._failed = False
        self.lost = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            super().__init__(path, maxBytes=int(megabytes * MEGABYTE), backupCount=files - 1, encoding="utf-8")
        except OSError as error:
            raise UserError("cannot write the log", str(path), error.strerror or str(error)) from error
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))

    def say(self, what: str) -> None:
        """Write a line; what could not be written before comes first. Any thread may."""
        with self.lock:
            self._say(what)

    def _say(self, what: str) -> None:
        line = " ".join(what.split())
        self._waiting.append(logging.makeLogRecord({"msg": line}))
        if len(self._waiting) > LINES_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._failed = False
        while self._waiting and not self._failed:
            self.handle(self._waiting[0])
            if not self._failed:
                self._waiting.popleft()
        if self.lost and not self._waiting:
            lost, self.lost = self.lost, 0
            self._say(f"{lost} lines before this one had no room")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, logging's name
        """The line stays for the next time. The file is opened anew then, for its buffer may hold half of the line."""
        self._failed = True
        stream, self.stream = self.stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError:
                return  # what is in its buffer is known to have no room
