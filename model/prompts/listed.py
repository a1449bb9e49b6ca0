"""Listed: which prompts and pictures are stored, by the headers of their files alone, and what must be encoded besides.

No torch: who only asks whether a world can be played (runtime/library.py) reads no states. What the files hold is
model/prompts/stored.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model.encoders.base import Conditioning, Encoder, missing
from model.encoders.loading import lacking_packages
from model.official import Lack
from runtime.errors import UserError, brief, first_sentence, reason_of

FORMAT, VERSION = "reverie-prompts", "1"
FILE = "prompts.safetensors"
PICTURE = "picture."
DIGEST = re.compile("[0-9a-f]{64}")
LONGEST_HEADER = 2**24  # bytes
AGAIN = "make it again (python -m model.prompts), or remove it"


class Known(Protocol):
    """What is stored of: prompts, exactly as they were given, and pictures, by the SHA-256 of their pixels."""

    @property
    def texts(self) -> Container[str]: ...

    @property
    def pictures(self) -> Container[str]: ...


@dataclass(frozen=True)
class Listed:
    """The names of what is stored."""

    texts: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()


def files_in(folders: Sequence[Path]) -> list[Path]:
    """The files of stored states in `folders`."""
    return [folder / FILE for folder in folders if (folder / FILE).exists()]


def list_stored(folders: Sequence[Path]) -> Listed:
    """What the files in `folders` name; raises UserError for what cannot be one. The states are not looked at."""
    texts, pictures = set(), set()
    for path in files_in(folders):
        with opened(path, "np") as (file, metadata):
            require_format(metadata, path)
            texts |= {*facts_of(metadata, path)[0]}
            pictures |= {name.removeprefix(PICTURE) for name in file.keys() if name.startswith(PICTURE)}  # noqa: SIM118
    return Listed(frozenset(texts), frozenset(pictures))


def asked(wanted: Conditioning, known: Known, texts: Iterable[str], pictures: Iterable[str] = ()) -> list[Encoder]:
    """The encoders that have to be asked for the states of these prompts, and of the pictures of these digests."""
    new = [text for text in texts if text not in known.texts]
    readers: list[Encoder] = [encoder for encoder in wanted.texts if any(encoder.reads(text) for text in new)]
    if wanted.picture and any(digest not in known.pictures for digest in pictures):
        readers.append(wanted.picture)
    return readers


def lack_of(encoders: Sequence[Encoder], weights: Path) -> Lack:
    """What these encoders, to be asked, have not."""
    if not encoders:
        return Lack()
    files = tuple(name for encoder in encoders for name in missing(encoder, weights))
    return Lack(files, tuple(lacking_packages()))


@contextlib.contextmanager
def opened(path: Path, framework: str) -> Iterator[tuple[object, dict[str, str]]]:
    """The file as safetensors has it, and its metadata, whatever they are; what is raised at it becomes a UserError."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.exists() and not path.is_file():  # to read from a pipe would be to wait for ever
            raise UserError("the stored prompts are no file", str(path), AGAIN)
        with path.open("rb") as raw:
            header, size = int.from_bytes(raw.read(8), "little"), os.fstat(raw.fileno()).st_size
        if header > min(LONGEST_HEADER, size - 8):
            raise UserError("the stored prompts are cut off or none", str(path), AGAIN)
        with safe_open(path, framework) as file:
            yield file, dict(file.metadata() or {})
    except OSError as error:
        raise UserError("cannot read the stored prompts", f"{path}: {reason_of(error)}", "check the path") from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        raise UserError("the stored prompts are damaged", f"{path}: {first_sentence(error)}", AGAIN) from error


def require_format(metadata: Mapping[str, str], path: Path) -> None:
    """Raise UserError unless these are stored prompts, of a version that can be read."""
    if metadata.get("format") != FORMAT:
        raise UserError("these are no stored prompts", str(path), AGAIN)
    if metadata.get("version") != VERSION:
        remedy = f"this reverie reads version {VERSION}; {AGAIN}"
        raise UserError(f"stored prompts of version {brief(metadata.get('version'))} are not known", str(path), remedy)


def facts_of(metadata: Mapping[str, str], path: Path) -> tuple[list[str], dict[str, str]]:
    """The prompts and the fingerprints."""
    try:
        prompts, made_by = (json.loads(metadata[name]) for name in ("prompts", "made_by"))
        sound = isinstance(prompts, list) and all(isinstance(prompt, str) and prompt for prompt in prompts)
        sound = sound and len(set(prompts)) == len(prompts) and isinstance(made_by, dict)
        sound = sound and all(isinstance(mark, str) and DIGEST.fullmatch(mark) for mark in made_by.values())
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError("the stored prompts do not say what they are", str(path), AGAIN) from error
    if not sound:
        raise UserError("the stored prompts say what cannot be", str(path), AGAIN)
    return prompts, made_by
