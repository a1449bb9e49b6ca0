"""Slot: a saved world as one safetensors file, from which a walk goes on bit for bit. Format, writing and reading.

Arrays: `state.NAME` is all of the world's state, `thumbnail` a small picture for lists, `picture` what was shown last.
What the state belongs to is in the file's metadata, as strings, with a digest of everything: a slot that was altered
anywhere is refused. A slot says nothing about time and is no session: how the walk came there is not in it. The folder
that slots lie in is runtime/shelf.py. Safetensors is imported late, so that no walk waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from model.settings import read_settings
from model.world import CONTROL_COLUMNS, WorldInfo
from runtime.errors import UserError, first_sentence
from runtime.versions import reverie_version

FORMAT, VERSION = "reverie-slot", "1"
STATE, THUMBNAIL, PICTURE = "state.", "thumbnail", "picture"
WIDEST = 160  # of a thumbnail's sides, in pixels
LONGEST_SIDE = 16384
LONGEST_HEADER = 2**20  # bytes; that of a world with a thousand arrays is a tenth of it
# Unfinished files of processes that were killed; they are removed once nobody can still be writing them.
DRAFTS, DRAFT_AGE_S = ".drafts", 3600.0
REMEDY = "it is damaged or no saved world: choose another slot"


@dataclass(frozen=True)
class SlotMeta:
    """Where and in what was saved: `chunk` counts those dreamt since the reset, `camera` is camera-to-world, `size` the
    pictures' (width, height), `when` local time with its offset, ISO 8601.
    """

    reverie: str
    world: str
    title: str
    weights_sha256: str
    backend: str
    seed: int
    chunk: int
    prompt: str
    camera: tuple[tuple[float, float, float, float], ...]
    size: tuple[int, int]
    control_columns: int
    when: str


@dataclass(frozen=True, eq=False)
class Slot:
    """state: as World.state() gave it; thumbnail: uint8 RGB; picture: the one shown last, uint8 BGRA."""

    meta: SlotMeta
    state: Mapping[str, np.ndarray]
    thumbnail: np.ndarray
    picture: np.ndarray


def make_slot(
    info: WorldInfo,
    state: Mapping[str, np.ndarray],
    picture: np.ndarray,
    *,
    seed: int,
    chunk: int,
    camera: np.ndarray,
    backend: str = "",
    prompt: str = "",
    when: datetime | None = None,
) -> Slot:
    """A slot of the world `info` as it is now. The arrays are not copied, so nobody may write to them any more."""
    moment = (when or datetime.now()).astimezone().isoformat(timespec="seconds")
    meta = SlotMeta(
        *(reverie_version(), info.name, info.title, info.weights_sha256, backend or info.backend, seed, chunk, prompt),
        tuple(tuple(row) for row in np.asarray(camera, np.float64).tolist()),
        *((picture.shape[1], picture.shape[0]), info.control_columns, moment),
    )
    return Slot(meta, state, thumbnail_of(picture), picture)


def thumbnail_of(picture: np.ndarray) -> np.ndarray:
    """uint8 BGRA [h, w, 4] to uint8 RGB of the same shape, no side longer than WIDEST."""
    small = Image.fromarray(np.ascontiguousarray(picture[..., 2::-1]))
    small.thumbnail((WIDEST, WIDEST))
    return np.array(small)


def state_digest(state: Mapping[str, np.ndarray]) -> str:
    """sha256 over the names, types, shapes and bytes of all arrays, in hex."""
    return _digest("", state)


def _digest(first: str, arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256(first.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(array.reshape(-1).view(np.uint8))
    return found.hexdigest()


def write_slot(path: Path, slot: Slot) -> None:
    """Write the slot, in the place of an older one, which stays whole until then; raises UserError."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {f"{STATE}{name}": array for name, array in slot.state.items()}
    arrays |= {THUMBNAIL: slot.thumbnail, PICTURE: slot.picture}
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = _written(slot.meta)
    metadata["sha256"] = _digest(json.dumps(metadata, sort_keys=True), arrays)
    # A folder of their own, because what safetensors calls its unfinished files is its affair.
    drafts = path.parent / DRAFTS
    draft = drafts / f"{os.getpid()}-{threading.get_ident()}"
    try:
        drafts.mkdir(parents=True, exist_ok=True)
        _sweep(drafts, time.time())
        save_file(arrays, draft, metadata=metadata)
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or first_sentence(error)
        raise UserError("cannot save the world", f"{path}: {why}", "an older slot of that name is whole") from error
    finally:
        with contextlib.suppress(OSError):  # the next sweep comes to it
            draft.unlink(missing_ok=True)


def _sweep(drafts: Path, now: float) -> None:
    """Remove what killed processes left."""
    for old in drafts.iterdir():
        with contextlib.suppress(OSError):  # another process may have been faster
            if now - old.stat().st_mtime > DRAFT_AGE_S:
                old.unlink()


def _written(meta: SlotMeta) -> dict[str, str]:
    """The fields as strings: text as it is, all else as JSON."""
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(meta).items()}
    return {"format": FORMAT, "version": VERSION, **fields}


def read_slot(path: Path) -> Slot:
    """Read a slot whole; raises UserError for whatever is none, or not as it was written."""
    with opened(path) as (file, metadata):
        meta = read_meta(metadata, path)
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    told = metadata.pop("sha256", "")
    if told != _digest(json.dumps(metadata, sort_keys=True), arrays):
        raise UserError("the saved world is not as it was written", str(path), REMEDY)
    thumbnail, picture = arrays.pop(THUMBNAIL, None), arrays.pop(PICTURE, None)
    state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
    if not is_picture(thumbnail, 3, WIDEST) or not is_picture(picture, 4) or len(state) != len(arrays) or not state:
        raise UserError("the saved world lacks its pictures or its state", str(path), REMEDY)
    if picture.shape[1::-1] != meta.size:
        raise UserError("the saved world's picture has another size than it says", str(path), REMEDY)
    return Slot(meta, state, thumbnail, picture)


def is_picture(array: np.ndarray | None, channels: int, longest: int = LONGEST_SIDE) -> bool:
    """Whether this is a picture of so many channels, no side longer than `longest`."""
    if array is None or array.ndim != 3 or array.dtype != np.uint8:
        return False
    return array.shape[2] == channels and min(array.shape[:2]) > 0 and max(array.shape[:2]) <= longest


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[object, dict[str, str]]]:
    """The file as safetensors has it, and its metadata; whatever is raised at it becomes a UserError."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.exists() and not path.is_file():  # to read from a pipe would be to wait for ever
            raise UserError("the saved world is no file", str(path), "choose another slot")
        with path.open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            header = int.from_bytes(raw.read(8), "little")
        if header > min(LONGEST_HEADER, size - 8):
            raise UserError("the saved world is cut off or no saved world", str(path), REMEDY)
        with safe_open(path, framework="np") as file:
            yield file, file.metadata() or {}
    except OSError as error:
        where = f"{path}: {error.strerror or error}"
        raise UserError("cannot read the saved world", where, "check the path") from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
        raise UserError("the saved world is damaged", f"{path}: {first_sentence(error)}", REMEDY) from error


def read_meta(metadata: Mapping[str, str], path: Path) -> SlotMeta:
    """What a file's metadata says; raises UserError."""
    if metadata.get("format") != FORMAT:
        raise UserError("this is not a saved world", str(path), "choose a file that Reverie saved")
    if metadata.get("version") != VERSION:
        remedy = f"this reverie reads version {VERSION}"
        raise UserError(f"a saved world of version {metadata.get('version')!r} is not known", str(path), remedy)
    kinds = SlotMeta.__annotations__
    missing = [name for name in kinds if name not in metadata]
    if missing:
        raise UserError(f"the saved world does not say its {missing[0]}", str(path), REMEDY)
    try:
        fields = {name: metadata[name] if kind == "str" else json.loads(metadata[name]) for name, kind in kinds.items()}
        datetime.fromisoformat(fields["when"])
    except (ValueError, RecursionError) as error:
        raise UserError("the saved world does not say where it was saved", str(path), REMEDY) from error
    meta = read_settings(SlotMeta, fields, str(path))
    sides = all(0 < side <= LONGEST_SIDE for side in meta.size)
    counts = 0 <= meta.seed < 2**64 and 0 <= meta.chunk < 2**53 and meta.control_columns >= len(CONTROL_COLUMNS)
    if not sides or not counts or len(meta.camera) != 4 or not re.fullmatch("[0-9a-f]*", meta.weights_sha256):
        raise UserError("the saved world says what cannot be", str(path), REMEDY)
    return meta


def require_fits(slot: Slot, info: WorldInfo) -> None:
    """Raise UserError, with the reason, unless the slot was saved in the world `info`, with its weights."""
    meta, remedy = slot.meta, "load it in the world that it was saved in"
    if meta.world != info.name:
        raise UserError(f"saved in the world {meta.world!r}, and this is {info.name!r}", meta.title, remedy)
    if meta.weights_sha256 != info.weights_sha256:
        where = f"{meta.weights_sha256[:12]} then, {info.weights_sha256[:12]} now"
        other = "other weights" if info.context is None else "other weights, or with another --context"
        raise UserError(f"saved in {meta.world!r} with {other}", where, remedy)
    if meta.size != (info.width, info.height):
        where = "{}x{} then, {}x{} now".format(*meta.size, info.width, info.height)
        raise UserError("saved with pictures of another size", where, remedy)
    if meta.control_columns != info.control_columns:
        where = f"{meta.control_columns} columns then, {info.control_columns} now"
        raise UserError("saved with other controls", where, remedy)
