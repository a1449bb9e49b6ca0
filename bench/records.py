"""Records: what a player left behind, read back: every line of its session logs, every picture of its recordings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.errors import UserError
from runtime.heartbeat import Pulse
from runtime.session import SUFFIX, read_session

# A recording that was killed within its first second has a header and nothing else.
HEADER_BYTES = 4096


@dataclass(frozen=True)
class Records:
    """`lines_said` are chunks that the player said were in its session logs, `lines_read` those that are; the same of
    frames in recordings: a killed player loses those of its last second, and has not said that they were there.
    `unreadable` names files.
    """

    lines_said: int
    lines_read: int
    frames_said: int
    frames_read: int
    frames_dropped: int
    sessions: int
    recordings: int
    recordings_empty: int
    unreadable: tuple[str, ...]

    @property
    def lost(self) -> int:
        """Records that ought to be there and are not: lines, pictures, and whole files."""
        lines, frames = self.lines_said - self.lines_read, self.frames_said - self.frames_read
        return max(0, lines) + max(0, frames) + len(self.unreadable)

    def summary(self) -> dict:
        return asdict(self)


def frames_in(path: Path) -> int:
    """The pictures in a recording, each one decoded; raises what PyAV raises."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for _ in container.decode(stream))


def read_records(folder: Path, said: Pulse) -> Records:
    """Read everything below `folder`; `said` is the last pulse."""
    import av

    sessions, recordings = sorted(folder.rglob(f"*{SUFFIX}")), sorted(folder.rglob("*.mp4"))
    lines = frames = empty = 0
    unreadable = []
    for path in sessions:
        try:
            lines += read_session(path).chunks
        except UserError as error:
            unreadable.append(str(error))
    for path in recordings:
        if path.stat().st_size < HEADER_BYTES:
            empty += 1
            continue
        try:
            frames += frames_in(path)
        except (av.error.FFmpegError, IndexError) as error:
            unreadable.append(f"{path.name}: {error}")
    counts = (said.lines, lines, said.recorded, frames, said.dropped, len(sessions), len(recordings), empty)
    return Records(*counts, tuple(unreadable))
