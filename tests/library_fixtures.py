"""What tests of the library share: a machine as they choose it, and official files by their names alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from model import registry
from model.fetch import weights_folder
from model.worldfile import read_world_file
from runtime import library, strings


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    strings.use("en")


@pytest.fixture(name="machine")
def machine_fixture(monkeypatch):
    """Says what the machine has."""

    def has(gpu: bool, torch: bool = True) -> None:
        monkeypatch.setattr(library, "has_gpu", lambda: gpu)
        monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: object() if torch else None)

    return has


def found(name: str) -> library.WorldEntry:
    """What the library says of one world."""
    return library._world(registry.WORLDS / name, None)


def put_weights(
    name: str,
    *,
    leave_out: Sequence[str] = (),
    called: Mapping[str, str] = MappingProxyType({}),
    folder: Path | None = None,
) -> None:
    """Files of the right names, which the library does not look into, and the indices of others, which it does.

    leave_out: how names of files begin that are not there; called: other names; folder: where --fetch puts them.
    """
    files = [
        file for file in read_world_file(registry.WORLDS / name).every_file if not file.startswith(tuple(leave_out))
    ]
    for file in files:
        path = (folder or weights_folder(name)) / called.get(file, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        pieces = {piece: Path(piece).name for piece in files if Path(piece).parent == Path(file).parent}
        shards = {piece: name for piece, name in pieces.items() if name.endswith(".safetensors")}
        index = json.dumps({"weight_map": shards}).encode()
        path.write_bytes(index if file.endswith(".index.json") else b"x" * 1000)
