"""Session: a walk as a log from which every picture can be dreamt again.

JSON, one object per line. The first is the header: what was walked in, by which versions, and from what start. Then one
line per chunk (its index, its controls, the sha256 of each frame's bytes) and one for whatever else happened: a reset,
a prompt, going back to an earlier chunk, going on from a saved world, another engine. Numbers are written so that every
float32 comes back bit for bit. A log cut anywhere is good up to the cut; time in which nothing was dreamt leaves no
trace. Reading only: what is read is runtime/logged.py, who writes is runtime/session_log.py. This is not a video, and
not a script of keys.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from model.world import CONTROL_COLUMNS
from runtime.errors import UserError
from runtime.logged import Again, Back, Chunk, Engine, Header, Loaded, Session, SessionEvent, Worded

FORMAT = "reverie-session"
VERSION = 2
READABLE = (1, 2)
SUFFIX = ".session.jsonl"
DIGEST = re.compile("[0-9a-f]{64}")
SEEDS = range(2**64)
SIDES = range(1, 2**20)


def session_path(recording: Path) -> Path:
    """Where the session of a recording lies: out.mp4 -> out.session.jsonl."""
    return recording.with_suffix(SUFFIX)


def read_session(path: Path) -> Session:
    """Read a log; a last line that was cut off is left out. Raises UserError for what is no session."""
    lines = _bytes_of(path).split(b"\n")
    header = _parse_header(lines[0], path)
    events: list[SessionEvent] = []
    chunks, deeds = 0, 1
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        event = parse_event(line, chunks, deeds)
        if event is not None:
            events.append(event)
            chunks += isinstance(event, Chunk)
            deeds += not isinstance(event, Engine)
        elif any(lines[number:]):
            raise UserError("the session is damaged", f"{path}, line {number}", "cut the file off before that line")
    return Session(header, tuple(events), path)


def _bytes_of(path: Path) -> bytes:
    """The whole file."""
    try:
        if path.exists() and not path.is_file():  # to read from a pipe would be to wait for ever
            raise UserError("the session is no file", str(path), "give a .session.jsonl")
        with path.open("rb") as file:
            return file.read()
    except OSError as error:
        raise UserError("cannot read the session", str(path), error.strerror or str(error)) from error


def _parse_header(line: bytes, path: Path) -> Header:
    try:
        fields = json.loads(line.decode())
        if fields.pop("format") != FORMAT:
            raise ValueError("another format")
        version = fields.pop("version")
        if version in READABLE:
            return _checked(Header(**{**fields, "size": tuple(fields["size"])}))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        advice = "give the .session.jsonl that is written beside a recording"
        raise UserError("not a session", str(path), advice) from error
    known = " and ".join(map(str, READABLE))
    raise UserError(f"session format {version!r:.20} is not known", str(path), f"this reverie reads formats {known}")


def _checked(header: Header) -> Header:
    """The header, if every field is what it has to be; raises ValueError or TypeError."""
    plain = (header.reverie, header.world, header.weights_sha256, header.backend, header.device, header.when)
    plain += tuple(word for pair in header.versions.items() for word in pair)
    words = (*plain, header.image, header.image_sha256, header.prompt, header.start)
    whole = (header.seed, *header.size, header.first_chunk_frames, header.chunk_frames)
    if not all(isinstance(word, str) for word in words) or not all(type(number) is int for number in whole):
        raise TypeError("a field of another type")
    if not all(word.isprintable() for word in plain):  # these are told to people in one line
        raise ValueError("a field that cannot be shown")
    fits = len(header.size) == 2 and all(number in SIDES for number in whole[1:]) and header.seed in SEEDS
    if not fits or isinstance(header.fps, bool) or not 0 < header.fps < 1e6:
        raise ValueError("a field out of range")
    if header.context is not None and not (type(header.context) is int and 0 < header.context < 2**53):
        raise ValueError("no context")
    _word(header.prompt)
    _require_name(header.start)
    _require_picture(header.image, header.image_sha256)
    return header


def _require_name(name: str) -> None:
    """Raise ValueError for what is not the plain name of a file beside the log, TypeError for no string."""
    _word(name)
    if name != Path(name).name or "\\" in name or "\0" in name or name in (".", ".."):
        raise ValueError("not a file beside the log")


def _require_picture(image: str, sha256: str) -> None:
    """Raise ValueError for a picture that has a digest and cannot have a file, or the other way round."""
    if bool(image) != bool(sha256) or (sha256 and not DIGEST.fullmatch(sha256)) or "\0" in image:
        raise ValueError("not a picture's file")


def _chunk(fields: dict, chunks: int) -> Chunk:
    controls, digests = np.array(fields["controls"]), fields["frames"]
    if controls.dtype.kind not in "iuf" or not isinstance(digests, list) or type(fields["chunk"]) is not int:
        raise TypeError("controls, frames or index of another type")
    with np.errstate(over="ignore"):
        controls = controls.astype(np.float32)
    fits = controls.ndim == 2 and len(controls) == len(digests) and controls.shape[1] >= len(CONTROL_COLUMNS)
    if not fits or not np.isfinite(controls).all() or fields["chunk"] != chunks:
        raise ValueError("controls, frames and index do not fit each other")
    if not all(DIGEST.fullmatch(digest) for digest in digests):
        raise ValueError("no digests")
    return Chunk(chunks, controls, tuple(digests))


def _again(fields: dict) -> Again:
    seed, image = fields["reset"], fields.get("image")
    words = [fields.get(name, "") for name in ("image_sha256", "prompt")]
    if type(seed) is not int or seed not in SEEDS or not isinstance(image, str | None):
        raise ValueError("no seed, or no picture")
    _require_picture(image or "", words[0])
    return Again(seed, image, *map(_word, words))


def parse_event(line: bytes | str, chunks: int, deeds: int) -> SessionEvent | None:
    """One line after the header, with `chunks` and `deeds` before it; None where it is not whole."""
    try:
        fields = json.loads(line if isinstance(line, str) else line.decode())
        # What a line is about is told by the key that it has; a reset may have a prompt too.
        if "chunk" in fields:
            return _chunk(fields, chunks)
        if "reset" in fields:
            return _again(fields)
        if "prompt" in fields:
            return Worded(_word(fields["prompt"]))
        if "back" in fields:
            back = fields["back"]
            return Back(back) if type(back) is int and 0 < back <= deeds else None
        if "load" in fields:
            _require_name(fields["load"])
            return Loaded(fields["load"]) if fields["load"] else None
        return Engine(fields["engine"]) if _word(fields["engine"]).isprintable() else None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _word(value: object) -> str:
    """A string as it is; raises TypeError for anything else, ValueError for what is no Unicode."""
    if not isinstance(value, str):
        raise TypeError("no string")
    value.encode()
    return value
