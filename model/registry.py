"""The worlds that are here: finding them, checking their files, loading them. Imports what is heavy only when it
loads.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from model.dream.config import DreamConfig
from model.world import LoadOptions, World, WorldInfo
from runtime.errors import UserError

WORLDS = Path(__file__).resolve().parent.parent / "assets" / "worlds"
DEFAULT_WORLD = "cloister"
RESTORE = "restore it from the repository (git checkout) or fetch it again"


@dataclass(frozen=True)
class WorldFile:
    """A world's YAML: what it is, the sizes of its network, and the SHA-256 of every file that it loads."""

    title: str
    summary: str
    config: dict
    starts: str
    files: dict[str, str] = field(default_factory=dict)


def read_world_file(folder: Path) -> WorldFile:
    path = folder / "world.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return WorldFile(**values)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the world cannot be read: {error}", str(path), RESTORE) from error
    except (yaml.YAMLError, TypeError) as error:
        known = ", ".join(entry.name for entry in fields(WorldFile))
        raise UserError(f"not a world file: {error}", str(path), f"its keys are {known}") from error


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


def verify(folder: Path, files: dict[str, str]) -> str:
    """Compare every file with its SHA-256; returns one digest over all of them, the world's identity."""
    whole = hashlib.sha256()
    for name, expected in sorted(files.items()):
        try:
            with open(folder / name, "rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"a file of the world is missing: {error.strerror}", str(folder / name), RESTORE) from error
        if actual != expected:
            raise UserError(
                "a file of the world is truncated or altered: its SHA-256 differs", str(folder / name), RESTORE
            )
        whole.update(f"{name} {actual}\n".encode())
    return whole.hexdigest()


def load_world(name_or_dir: str, options: LoadOptions | None = None) -> World:
    """Load a world, ready for `reset`."""
    options = options or LoadOptions()
    folder = find_world(name_or_dir)
    described = read_world_file(folder)
    config = DreamConfig.from_dict(described.config, str(folder / "world.yaml"))
    digest = verify(folder, described.files)

    import numpy as np
    import onnxruntime

    from model.dream.world import EmbeddedWorld

    threads = options.threads or min(4, os.cpu_count() or 1)
    info = WorldInfo(
        name=folder.name,
        title=described.title,
        width=config.width,
        height=config.height,
        fps=config.fps,
        first_chunk_frames=config.frames,
        chunk_frames=config.frames,
        latent_frames_per_chunk=1,
        needs_image=False,
        needs_text=False,
        backend=f"onnxruntime {onnxruntime.__version__} fp32",
        device=f"CPU, {threads} threads",
        weights_sha256=digest,
    )
    with np.load(folder / described.starts, allow_pickle=False) as starts:
        pictures = starts["rgb"]
    return EmbeddedWorld(folder, config, info, pictures, threads)
