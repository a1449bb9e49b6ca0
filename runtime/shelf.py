"""Shelf: the folder that saved worlds lie in: names that every file system takes, and the list.

What a slot is, is runtime/slots.py; where the folder is, runtime/folders.py; who writes beside play, runtime/saving.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import UserError
from runtime.slots import THUMBNAIL, WIDEST, is_picture, opened, read_meta
from runtime.strings import text

QUICK = "quick"
RELOADED = "reloaded"  # the slot through which a world is loaded again on another engine; nobody need know of it
SUFFIX = ".safetensors"
LONGEST_NAME, LONGEST_BYTES = 60, 200
# Windows keeps these for devices, whatever follows a dot.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
FORBIDDEN = frozenset('<>:"/\\|?*')


@dataclass(frozen=True, eq=False)
class SlotEntry:
    """A slot in a list; `problem` says in a line why it cannot be loaded, and the rest is then empty.

    thumbnail: uint8 RGB; when: ISO 8601.
    """

    name: str
    path: Path
    world: str = ""
    title: str = ""
    when: str = ""
    thumbnail: np.ndarray | None = None
    problem: str = ""


def slot_path(folder: Path, name: str) -> Path:
    """The file of the slot `name`; raises UserError where some file system would not take the name."""
    name = unicodedata.normalize("NFC", name)
    remedy = f"use up to {LONGEST_NAME} letters, digits, spaces and dashes"
    if not name or len(name) > LONGEST_NAME or len(name.encode("utf-8", "replace")) > LONGEST_BYTES:
        raise UserError("a slot's name must not be empty or longer than that", repr(name[:LONGEST_NAME]), remedy)
    odd = [letter for letter in name if letter in FORBIDDEN or unicodedata.category(letter)[0] == "C"]
    if odd or name != name.strip() or name.startswith(".") or name.endswith("."):
        what = f"{odd[0]!r}" if odd else "a space or a dot at an end"
        raise UserError(f"a slot's name cannot have {what}", repr(name), remedy)
    if RESERVED.fullmatch(name):
        raise UserError("this name is reserved by Windows", repr(name), "choose another one")
    return folder / f"{name}{SUFFIX}"


def list_slots(folder: Path) -> list[SlotEntry]:
    """What people saved in the folder, newest first, damaged ones last; reads headers and thumbnails only."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and not path.name.startswith("."))
        paths = [path for path in paths if alike(path.stem) != RELOADED]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError("cannot read the folder of saved worlds", str(folder), error.strerror or str(error)) from error
    return sorted((_entry(path) for path in paths), key=lambda entry: (not entry.problem, entry.when), reverse=True)


def _entry(path: Path) -> SlotEntry:
    try:
        with opened(path) as (file, metadata):
            meta = read_meta(metadata, path)
            height, width, *_ = file.get_slice(THUMBNAIL).get_shape()
            thumbnail = file.get_tensor(THUMBNAIL) if max(height, width) <= WIDEST else None
        if not is_picture(thumbnail, 3, WIDEST):
            raise UserError("the saved world has no thumbnail", str(path), "choose another slot")
    except UserError as error:
        return SlotEntry(path.stem, path, problem=str(error))
    return SlotEntry(path.stem, path, meta.world, meta.title, meta.when, thumbnail)


def alike(name: str) -> str:
    """What names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def called(name: str) -> str:
    """What a person calls the slot `name`."""
    return text("slots.quick") if name == QUICK else name


def delete_slot(folder: Path, name: str) -> None:
    """Delete the slot `name`; raises UserError where there is none or it cannot be."""
    path = slot_path(folder, name)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise UserError(f"there is no slot '{name}'", str(folder), "see the list of slots") from error
    except OSError as error:
        raise UserError("cannot delete the slot", str(path), error.strerror or str(error)) from error
