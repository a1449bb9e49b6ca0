"""The worlds that are here: finding them and handing them to their family. Imports what is heavy only to load it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence
from os.path import isfile
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as InflateError

import numpy as np

from model.fetch import fetch_parts, weights_folder
from model.official import Lack, absent
from model.progress import UNWATCHED, Watcher
from model.source import Terms, terms_of
from model.world import LoadOptions, World
from model.worldfile import RESTORE, WorldFile, read_world_file
from runtime.consent import require_accepted
from runtime.errors import UserError
from runtime.image import load_image

WORLDS = Path(__file__).resolve().parent.parent / "assets" / "worlds"
DEFAULT_WORLD = "cloister"
# A family's module has load_world(folder, described, options).
FAMILIES = {
    "dream": "model.dream.load",
    "matrix-game": "model.matrix_game.load",
    "worldplay": "model.worldplay.load",
}
# Those with official files have a module that says, without torch, which of them play needs: lacking(folder, described,
# weights, starts).
OFFICIAL = {"matrix-game": "model.matrix_game.files", "worldplay": "model.worldplay.files"}
# Those whose worlds are no pastime without one, and need torch.
WANT_GPU = ("matrix-game", "worldplay")
# Those that choose what they look back on, so that a person may limit it.
CHOOSE_CONTEXT = ("worldplay",)


def list_worlds() -> list[tuple[str, str, str]]:
    """(name, title, summary) of every world in assets/worlds."""
    found = []
    for path in sorted(WORLDS.glob("*/world.yaml")):
        world = read_world_file(path.parent)
        found.append((path.parent.name, world.title, world.summary))
    return found


def find_world(name_or_dir: str) -> Path:
    """The folder of a bundled world by name, or a folder that holds a world.yaml."""
    for folder in (WORLDS / name_or_dir, Path(name_or_dir)):
        if isfile(folder / "world.yaml"):
            return folder
    names = ", ".join(name for name, _, _ in list_worlds()) or "none are bundled"
    raise UserError(
        f"unknown world '{name_or_dir}'", "--world", f"known worlds: {names}; or name a folder with a world.yaml"
    )


def is_bundled(name: str) -> bool:
    return isfile(WORLDS / name / "world.yaml")  # whatever it is called


def starts_of(folder: Path, described: WorldFile) -> list[np.ndarray]:
    """A world's own start pictures, uint8 RGB [h, w, 3]; where no picture is given, start_index says which is taken.

    They are PNG or JPEG files, or `rgb`, uint8 [M, h, w, 3], of an npz. Raises UserError for a damaged one.
    """
    pictures: list[np.ndarray] = []
    for name in described.starts:
        path = folder / name
        if path.suffix != ".npz":
            pictures.append(load_image(path).pixels)
            continue
        try:
            with np.load(path, allow_pickle=False) as archive:
                rgb = archive["rgb"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, InflateError) as error:
            raise UserError(f"the start pictures cannot be read: {error}", str(path), RESTORE) from error
        if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3 or 0 in rgb.shape:
            raise UserError(f"no start pictures: {rgb.dtype} {rgb.shape}", str(path), RESTORE)
        pictures.extend(rgb)
    return pictures


def start_index(seed: int, count: int) -> int:
    """Which of its own `count` start pictures a world takes for `seed`; the worlds of all families choose so."""
    return seed % count


def bindings_of(name_or_dir: str) -> dict[str, list[str]]:
    """The keys of a world's own, by action."""
    return read_world_file(find_world(name_or_dir)).bindings


def load_world(name_or_dir: str, options: LoadOptions | None = None) -> World:
    """Load a world, ready for `reset`. Raises what `options.progress` raises to end it."""
    folder, options = find_world(name_or_dir), options or LoadOptions()
    described = read_world_file(folder)
    if options.context is not None and described.family not in CHOOSE_CONTEXT:
        raise UserError(f"{folder.name} cannot look back on less or more", "--context", "leave it out")
    options.progress.stage("loading", name=folder.name)
    world = family_of(described, folder).load_world(folder, described, options)
    options.progress.stage("")
    return world


def prepare(name_or_dir: str) -> None:
    """Import what computes a world, so that loading it takes less time then. Raises UserError as loading it would."""
    folder = find_world(name_or_dir)
    family_of(read_world_file(folder), folder)
    with contextlib.suppress(ImportError):  # a world that needs it says so when it is loaded
        import onnxruntime  # noqa: F401


def family_of(described: WorldFile, folder: Path):
    """The module of a world's family."""
    where = str(folder / "world.yaml")
    if described.family not in FAMILIES:
        raise UserError(f"unknown family {described.family!r}", where, f"known families: {', '.join(FAMILIES)}")
    try:
        return importlib.import_module(FAMILIES[described.family])
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors", "onnxruntime"):
            raise
        remedy = "install what it needs: make gpu, or pip install -e '.[gpu]'"
        raise UserError(f"this world needs {error.name}, which is not installed", where, remedy) from error


def lacking(folder: Path, described: WorldFile, weights: Path | None, starts: Sequence[np.ndarray]) -> Lack:
    """What `load_world` and a first chunk from one of its own pictures would find missing, by names alone.

    weights: as LoadOptions.weights; starts: as starts_of gives them. Raises UserError for settings that cannot be.
    """
    if described.family not in OFFICIAL:
        return Lack(tuple(absent(folder, [*described.files])))
    asked = importlib.import_module(OFFICIAL[described.family])
    return asked.lacking(folder, described, weights or weights_folder(folder.name), starts)


def terms_for(name_or_dir: str) -> tuple[Terms, ...]:
    """The licences that have to be accepted before a world's files are fetched."""
    return terms_of(read_world_file(find_world(name_or_dir)).parts)


def fetch_world(
    name_or_dir: str,
    weights: Path | None,
    offline: bool,
    say: Callable[[str], None],
    progress: Watcher = UNWATCHED,
    consent: Callable[[Sequence[Terms]], None] = require_accepted,
) -> Path:
    """Make a world's official files be there, in `weights` or where `load_world` looks for them; returns the folder.

    `progress` is told how far it is, and may end it by raising Cancelled: the next time goes on from there. `consent`
    is asked before anything is downloaded, see model.fetch.fetch_parts; offline it is not.
    """
    folder = find_world(name_or_dir)
    parts = read_world_file(folder).parts
    if not parts:
        raise UserError(f"{folder.name} has nothing to fetch", "--fetch", f"play it: --world {name_or_dir}")
    for part in parts:
        say(f"{part.repo} at {part.revision[:12]}, licence {part.licence}")
    return fetch_parts(parts, weights or weights_folder(folder.name), offline, say, progress, consent)
