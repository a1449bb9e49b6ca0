"""Terminal: the lines for whoever started the program. That nobody reads them any more ends nothing: a walk goes on."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

# How systems say that a pipe has no reader, or a terminal no window any more.
GONE = (errno.EPIPE, errno.EINVAL, errno.EIO)


def say(line: str) -> None:
    """One line for the person, at once."""
    write(f"reverie: {line}", sys.stdout)


def complain(line: str) -> None:
    """One line about what went wrong."""
    write(f"reverie: {line}", sys.stderr)


def write(line: str, stream: TextIO) -> None:
    """The line at once, and in one piece whoever else writes; never raises for what becomes of it.

    Letters that the stream cannot have, as of a file's name, are written as escapes. A stream that cannot be written is
    written no more. Where its reader is gone, nobody is there to be told; what else it may be, such as a full disk, is
    told on the other stream.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = line.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(f"{line}\n", end="", file=stream, flush=True)
    except OSError as error:
        _silence(stream)
        if error.errno not in GONE and stream is sys.stdout:
            complain(f"what is said is lost from here on: {error.strerror or error}")


def _silence(stream: TextIO) -> None:
    """Let what is written from now on, and what is still in its buffer, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
