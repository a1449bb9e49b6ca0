"""Session: a walk as a log from which every picture can be dreamt again, beside its recording.

JSON, one object per line. The first is the header: what was walked in, and from what start. Then one line per chunk
(its index, its controls, the sha256 of each frame's bytes) and one per reset. Numbers are written so that every
float32 comes back bit for bit. Each line is flushed, so a killed process leaves a log that is good up to its end;
time in which nothing was dreamt leaves no trace. This is not a video, and not a script of keys.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from compile.plan import ENGINES, PRECISIONS
from model.world import CONTROL_COLUMNS, WorldInfo
from runtime.errors import UserError
from runtime.image import StartImage

FORMAT = "reverie-session"
VERSION = 1


@dataclass(frozen=True)
class Header:
    """What a walk starts from; `image` and `image_sha256` are empty where the world's own picture was used."""

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

    @property
    def engine(self) -> tuple[str, str]:
        """The engine and the precision that `backend` begins with, to be asked for again; "auto" where it does not."""
        engine, precision, *_ = re.split("[ ,]", f"{self.backend}  ")
        known = engine in ENGINES and precision in PRECISIONS
        return (engine, precision) if known else ("auto", "auto")


@dataclass(frozen=True)
class Reset:
    """The world began again with `seed`."""

    seed: int


@dataclass(frozen=True)
class Chunk:
    """Controls float32 [frames, columns], as wide as the world takes them, and the digest of each frame they led to.

    `index` counts the whole session.
    """

    index: int
    controls: np.ndarray
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """A log as read back, events in order."""

    header: Header
    events: tuple[Reset | Chunk, ...]

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return sum(isinstance(event, Chunk) for event in self.events)


def digest(pixels: np.ndarray) -> str:
    """sha256 of a frame's bytes (uint8, C-contiguous), in hex."""
    return hashlib.sha256(pixels).hexdigest()


def session_path(recording: Path) -> Path:
    """Where the session of a recording lies: out.mp4 -> out.session.jsonl."""
    return recording.with_suffix(".session.jsonl")


def reverie_version() -> str:
    """The installed version; `source` for a checkout that was not installed."""
    try:
        return metadata.version("reverie")
    except metadata.PackageNotFoundError:
        return "source"


class SessionLog:
    """A generator's witness that writes the log; runs on the generator's thread until `close`."""

    def __init__(self, path: Path, image: StartImage | None = None) -> None:
        self._path, self._image = path, image
        self._info: WorldInfo | None = None
        self._file, self._seed = None, 0
        self._chunks = 0

    def loaded(self, info: WorldInfo) -> None:
        """Remember the world; the file begins with its first chunk. An older one stays until then."""
        self._info = info

    def begun(self, seed: int) -> None:
        """A line per reset, but for the one that the session begins with, which is in its header."""
        self._seed = seed
        if self._file is not None:
            self._write({"reset": seed})

    def _open(self) -> None:
        info = self._info
        header = Header(
            *(reverie_version(), info.name, info.weights_sha256, info.backend, info.device, self._seed),
            *((self._image.path, self._image.sha256) if self._image else ("", "")),
            *(info.fps, (info.width, info.height), info.first_chunk_frames, info.chunk_frames),
        )
        try:
            self._file = self._path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._unwritable(error) from error
        self._write({"format": FORMAT, "version": VERSION, **asdict(header)})

    def dreamt(self, controls: np.ndarray, frames: list[np.ndarray]) -> None:
        """A line for a chunk that was dreamt to its end."""
        if self._file is None:
            self._open()
        rows = controls.astype(np.float64).tolist()
        self._write({"chunk": self._chunks, "controls": rows, "frames": [digest(frame) for frame in frames]})
        self._chunks += 1

    def close(self) -> None:
        """Close the file; only when the generator has ended."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> UserError:
        return UserError("cannot write the session log", str(self._path), error.strerror or str(error))


def read_session(path: Path) -> Session:
    """Read a log; a last line that was cut off is left out. Raises UserError for what is no session."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError("cannot read the session", str(path), error.strerror or str(error)) from error
    lines = text.split("\n")
    header = _parse_header(lines[0], path)
    events: list[Reset | Chunk] = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        event = _parse_event(line)
        if event is not None:
            events.append(event)
        elif any(lines[number:]):
            raise UserError("the session is damaged", f"{path}, line {number}", "cut the file off before that line")
    return Session(header, tuple(events))


def _parse_header(line: str, path: Path) -> Header:
    try:
        fields = json.loads(line)
        if fields.pop("format") != FORMAT:
            raise ValueError("another format")
        version = fields.pop("version")
        if version == VERSION:
            return Header(**{**fields, "size": tuple(fields["size"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        advice = "give the .session.jsonl that --record writes beside its video"
        raise UserError("not a session", str(path), advice) from error
    raise UserError(f"session format {version!r} is not known", str(path), f"this reverie reads format {VERSION}")


def _parse_event(line: str) -> Reset | Chunk | None:
    """One line after the header; None where it is not whole."""
    try:
        fields = json.loads(line)
        if "reset" in fields:
            return Reset(int(fields["reset"]))
        controls = np.array(fields["controls"], np.float32)
        digests = tuple(fields["frames"])
        if controls.ndim != 2 or len(controls) != len(digests) or controls.shape[1] < len(CONTROL_COLUMNS):
            return None
        return Chunk(int(fields["chunk"]), controls, digests)
    except (ValueError, KeyError, TypeError):
        return None
