"""Process: what the operating system says about this very process, and how to leave it. Nothing about worlds or frames.

Linux tells everything; elsewhere a fact that cannot be had without another package is 0.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

MEGABYTE = 1024 * 1024


def age_s(since_first_line: float) -> float:
    """Seconds since this process started; `since_first_line`, the time since its first line ran, where unknown.

    Linux counts in clock ticks, so the answer is good to 10 ms. An age that cannot be (a container with its own clock)
    is not believed: the interpreter needs some time to reach a first line, but not ten seconds.
    """
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError, ValueError, IndexError):
        return since_first_line
    return age if since_first_line - 0.02 <= age <= since_first_line + 10 else since_first_line


def rss_mb() -> float:
    """Resident memory now, in MiB; the peak where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    except (OSError, AttributeError, ValueError, IndexError):
        return peak_rss_mb()


def peak_rss_mb() -> float:
    """The most resident memory this process ever had, in MiB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / MEGABYTE if sys.platform == "darwin" else peak / 1024


def leave(code: int) -> NoReturn:
    """End the process with `code`, everything having been closed that can be.

    A thread that is deep in somebody's C++ (a chunk that takes minutes on a CPU) cannot be stopped, and an interpreter
    that takes itself down under it aborts with a message that is nobody's business: then the process just ends.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if not others:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
