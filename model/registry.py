"""The worlds that are here: finding them and handing them to their family. Imports what is heavy only to load it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from model.fetch import fetch, weights_folder
from model.world import LoadOptions, World
from model.worldfile import WorldFile, read_world_file
from runtime.errors import UserError

WORLDS = Path(__file__).resolve().parent.parent / "assets" / "worlds"
DEFAULT_WORLD = "cloister"
# A family's module has load_world(folder, described, options).
FAMILIES = {"dream": "model.dream.load", "matrix-game": "model.matrix_game.load"}


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
        if (folder / "world.yaml").is_file():
            return folder
    names = ", ".join(name for name, _, _ in list_worlds()) or "none are bundled"
    raise UserError(
        f"unknown world '{name_or_dir}'", "--world", f"known worlds: {names}; or name a folder with a world.yaml"
    )


def is_bundled(name: str) -> bool:
    return (WORLDS / name / "world.yaml").is_file()


def bindings_of(name_or_dir: str) -> dict[str, list[str]]:
    """The keys of a world's own, by action."""
    return read_world_file(find_world(name_or_dir)).bindings


def load_world(name_or_dir: str, options: LoadOptions | None = None) -> World:
    """Load a world, ready for `reset`."""
    folder = find_world(name_or_dir)
    described = read_world_file(folder)
    return family_of(described, folder).load_world(folder, described, options or LoadOptions())


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


def fetch_world(name_or_dir: str, weights: Path | None, offline: bool, say: Callable[[str], None]) -> Path:
    """Make a world's official files be there, in `weights` or where `load_world` looks for them; returns the folder."""
    folder = find_world(name_or_dir)
    described = read_world_file(folder)
    if described.source is None:
        raise UserError(f"{folder.name} has nothing to fetch", "--fetch", f"play it: --world {name_or_dir}")
    source = described.source
    say(f"{source.repo} at {source.revision[:12]}, licence {source.licence}")
    return fetch(described.source, described.files, weights or weights_folder(folder.name), offline, say)
