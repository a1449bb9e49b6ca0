"""Library: what can be played: the worlds with their state, the sessions walked last, the saved worlds.

Looking is cheap: files are looked for and not hashed, logs are counted and not read, torch is looked for and not
imported. What a world needs is asked of the code that loads it (model/registry.py: lacking); yet one that is "ready"
here may still be refused when it is loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from model import registry
from model.encoders.loading import INSTALL
from model.fetch import in_words, weights_folder
from model.worldfile import WorldFile, read_world_file
from runtime import folders
from runtime.errors import UserError
from runtime.session import FORMAT
from runtime.shelf import SlotEntry, called, delete_slot, list_slots
from runtime.strings import text

READY, NEEDS_WEIGHTS, NEEDS_GPU, DAMAGED = "ready", "needs weights", "needs GPU", "damaged"
NEEDS_PACKAGES = "needs packages"
THUMBNAIL = (320, 180)  # pixels; no picture of a list is larger
SUFFIX = ".session.jsonl"
LONGEST_HEADER = 2**16  # bytes
BLOCK = 2**20
CHUNK_LINE = b'\n{"chunk"'


@dataclass(frozen=True)
class WorldEntry:
    """A world as a list shows it. picture: uint8 RGB, at most THUMBNAIL, None where there is none.

    lacking: bytes that are still to be downloaded, or `least`; None where nothing is known of their number, 0 where all
    that play needs is there.
    problem: why it cannot be played in spite of its weights, one line. `slow`: it can, but no GPU was found.
    """

    name: str
    title: str
    summary: str
    state: str
    picture: np.ndarray | None = field(default=None, compare=False)
    lacking: int | None = 0
    least: bool = False
    problem: str = ""
    slow: bool = False

    @property
    def playable(self) -> bool:
        return self.lacking == 0 and not self.problem

    @property
    def detail(self) -> str:
        """Its state for people, in the present language."""
        if self.state == READY:
            return text("start.ready")
        lack = "" if self.lacking == 0 else self.download
        if self.state == NEEDS_WEIGHTS:
            return lack
        if self.state in (DAMAGED, NEEDS_PACKAGES):
            return self.problem
        return text("start.gpu_and", lack=lack) if lack else text("start.needs_gpu")

    @property
    def download(self) -> str:
        """How much is to be downloaded, in the present language."""
        if not self.lacking:
            return text("start.needs_weights")
        if self.least:
            return text("start.to_download_least", size=f"{round(self.lacking / 1e9, 1):g} GB")
        return text("start.to_download", size=in_words(self.lacking))


@dataclass(frozen=True)
class SessionEntry:
    """A session log. when: its last change, seconds since 1970; seconds: of play, counted; problem: "" or why it is
    damaged, one line.
    """

    path: Path
    world: str
    when: float
    seconds: float
    problem: str = ""


def worlds(weights: Path | None = None) -> list[WorldEntry]:
    """Every bundled world, the one that is played by default first; damaged ones say so. weights: the folder in which
    official files are looked for; None: where they are kept.
    """
    found = sorted(path.parent for path in registry.WORLDS.glob("*/world.yaml"))
    found.sort(key=lambda folder: folder.name != registry.DEFAULT_WORLD)
    return [_world(folder, weights) for folder in found]


def _world(folder: Path, weights: Path | None) -> WorldEntry:
    try:
        described = read_world_file(folder)
        starts = registry.starts_of(folder, described)
        lack = registry.lacking(folder, described, weights, starts)
        # Where --fetch would bring nothing and something is missing all the same, nobody knows how much.
        there = weights or weights_folder(folder.name)
        lacking = (missing_bytes(described, there) or None) if lack.files else 0
    except (UserError, OSError) as error:
        return WorldEntry(folder.name, folder.name, "", DAMAGED, problem=str(error))
    problem, state, slow = "", READY if lacking == 0 else NEEDS_WEIGHTS, False
    if described.source is None and lacking != 0:
        state, problem = DAMAGED, "a file of the world is missing; restore it from the repository (git checkout)"
    elif described.family in registry.WANT_GPU:
        if importlib.util.find_spec("torch") is None:
            state, problem = NEEDS_GPU, "this world needs torch, which is not installed; make gpu installs it"
        elif lacking == 0 and lack.packages:
            what = f"its text is not stored, and {', '.join(lack.packages)} is not installed"
            state, problem = NEEDS_PACKAGES, f"{what}; {INSTALL}"
        elif not has_gpu():
            state, slow = NEEDS_GPU, True
    picture = thumbnail(starts[0]) if starts else None
    least = not described.download_gb
    return WorldEntry(folder.name, described.title, described.summary, state, picture, lacking, least, problem, slow)


@cache
def titles() -> dict[str, str]:
    """Name to title of every bundled world whose file can be read; these do not change while the program runs."""
    found = {}
    for path in sorted(registry.WORLDS.glob("*/world.yaml")):
        with contextlib.suppress(UserError):  # whoever chooses it is told
            found[path.parent.name] = read_world_file(path.parent).title
    return found


def missing_bytes(described: WorldFile, folder: Path) -> int | None:
    """How many bytes of what --fetch brings are not in `folder`, at least where nobody knows them all; None where some
    are missing and not even that is known.
    """
    paths = [folder / name for name in described.every_file]
    if all(path.is_file() for path in paths):
        return 0
    whole = described.download_gb or described.least_gb
    if not whole:
        return None
    # A partial file is longer by its name only: FILE.REVISION.partial.
    parts = [part for path in paths for part in path.parent.glob(f"{path.name}.*.partial")]
    there = sum(path.stat().st_size for path in (*paths, *parts) if path.is_file())
    left = round(whole * 1e9) - there
    return max(1, left) if described.download_gb else left if left > 0 else None


@cache
def has_gpu() -> bool:
    """Whether an NVIDIA driver finds a GPU; asks the driver itself, for importing torch takes seconds."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):  # no driver, or something else of that name
        return False


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """The whole picture, uint8 RGB [h, w, 3], as small as lists want it; a smaller one stays as it is."""
    small = Image.fromarray(picture)
    small.thumbnail(THUMBNAIL)
    return np.asarray(small)


def sessions(limit: int = 12, folder: Path | None = None) -> list[SessionEntry]:
    """The `limit` sessions that were written last, newest first, in `folder` (None: where sessions are kept)."""
    folder = folder or folders.sessions_folder()
    found = []
    for path in folder.glob(f"*{SUFFIX}") if folder.is_dir() else ():
        try:
            if path.is_file():
                found.append((path.stat().st_mtime, path))
        except OSError:
            continue  # it was removed meanwhile
    return [_session(path, when) for when, path in sorted(found, reverse=True)[:limit]]


def _session(path: Path, when: float) -> SessionEntry:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(LONGEST_HEADER))
            if header["format"] != FORMAT:
                raise ValueError("another format")
            world, fps, frames = str(header["world"]), float(header["fps"]), int(header["chunk_frames"])
            if not (0 < fps < 1e6 and 0 < frames < 1e6):
                raise ValueError("no rate")
            file.seek(0)
            chunks = count_lines(file)
            file.seek(-1, os.SEEK_END)
            chunks -= chunks > 0 and file.read(1) != b"\n"  # the last one was cut off
    except OSError as error:
        return SessionEntry(path, "", when, 0.0, f"cannot be read: {error.strerror or error}")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return SessionEntry(path, "", when, 0.0, "damaged: it does not begin like a session")
    if not chunks:
        return SessionEntry(path, world, when, 0.0, "empty: nothing was walked in it")
    return SessionEntry(path, world, when, chunks * frames / fps)


def count_lines(file, mark: bytes = CHUNK_LINE) -> int:
    """How often `mark` occurs in a binary file from here on, in blocks."""
    count, tail = 0, b""
    while block := file.read(BLOCK):
        block = tail + block
        count += block.count(mark)
        tail = block[-(len(mark) - 1) :]
    return count


def slots(folder: Path | None = None) -> list[SlotEntry]:
    """The saved worlds in `folder` (None: where they are kept), as runtime/shelf.py lists them."""
    return list_slots(folder or folders.slots_folder())


def forget_slot(name: str, folder: Path | None = None) -> str:
    """Delete the saved world `name`; gives what to tell the person, also where that cannot be done."""
    try:
        delete_slot(folder or folders.slots_folder(), name)
    except UserError as error:
        return str(error)
    return text("slots.deleted", name=called(name))
