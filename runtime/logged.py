"""Logged: what a session's log says, as values. How they are written down is runtime/session.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compile.plan import ENGINES, PRECISIONS


@dataclass(frozen=True)
class Header:
    """What a walk starts from; `image` and `image_sha256` are empty where the world's own picture was used.

    `start` is the file, beside the log, of the saved world that the walk goes on from, "" for none. `versions` names
    what computed it. `context` is the world's (model.world.WorldInfo), which a person may have chosen.
    """

    reverie: str
    world: str
    weights_sha256: str
    backend: str
    device: str
    seed: int
    image: str
    image_sha256: str
    fps: float
    size: tuple[int, int]
    first_chunk_frames: int
    chunk_frames: int
    prompt: str = ""
    start: str = ""
    when: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    context: int | None = None

    @property
    def engine(self) -> tuple[str, str]:
        """The engine and the precision that `backend` begins with, to be asked for again; "auto" where it does not."""
        engine, precision, *_ = re.split("[ ,]", f"{self.backend}  ")
        known = engine in ENGINES and precision in PRECISIONS
        return (engine, precision) if known else ("auto", "auto")


@dataclass(frozen=True)
class Again:
    """The world began again with `seed`; `image` as in the header, None where it is the one before."""

    seed: int
    image: str | None = None
    image_sha256: str = ""
    prompt: str = ""


@dataclass(frozen=True)
class Chunk:
    """Controls float32 [frames, columns], as wide as the world takes them, and the digest of each frame they led to.

    `index` counts the whole session.
    """

    index: int
    controls: np.ndarray
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Worded:
    """The prompt changed."""

    prompt: str


@dataclass(frozen=True)
class Back:
    """The walk went back to where it was after its first `deeds` deeds: the start in the header is the first, and each
    later line is one, but for those about the engine.
    """

    deeds: int


@dataclass(frozen=True)
class Loaded:
    """The walk went on from a saved world, of which the log has a copy in `file` beside it."""

    file: str


@dataclass(frozen=True)
class Engine:
    """What computes changed; what comes after is not bit for bit what the engine before would have dreamt."""

    backend: str


SessionEvent = Again | Chunk | Worded | Back | Loaded | Engine


@dataclass(frozen=True)
class Session:
    """A log as read back, events in order; `path` is where its files lie."""

    header: Header
    events: tuple[SessionEvent, ...]
    path: Path

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return sum(isinstance(event, Chunk) for event in self.events)

    def beside(self, name: str) -> Path:
        """The path of a file that the log names."""
        return self.path.parent / name
