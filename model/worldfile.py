"""A world's YAML: what it is, what its files are, and whether they are the right ones. Reads; loads nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from input.document import read_values
from model.digests import sha256_of, to_be_hashed
from model.progress import BYTES, UNWATCHED, Tally, Watcher
from model.settings import read_settings
from model.source import Part, Source, lying
from runtime.errors import UserError

MOST_BYTES = 2**16  # what is larger is something else
RESTORE = "restore it from the repository (git checkout) or fetch it again"


@dataclass(frozen=True)
class WorldFile:
    """The contents of world.yaml.

    family: the module that loads it (see model/registry.py); config: the family's own settings; starts: start pictures,
    beside the YAML; files: what it loads, with the SHA-256 where it is known (else empty), beside the YAML, or in the
    folder of weights where there is a `source` to fetch them from; further: other repositories that it needs files of,
    each with its own `files` and the sub-folder `into` which they come; download_gb: all of it, in 10^9 bytes, 0 where
    nobody knows, and least_gb: what it is then at least; bindings: keys of this world's own, by action.
    """

    title: str = ""
    summary: str = ""
    config: dict = field(default_factory=dict)
    family: str = "dream"
    starts: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, list[str]] = field(default_factory=dict)
    source: Source | None = None
    further: tuple[Part, ...] = ()
    download_gb: float = 0.0
    least_gb: float = 0.0

    def __post_init__(self) -> None:
        if self.source is None and self.further:
            raise ValueError("further repositories are for a world that has a source")
        lying(self.parts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that is fetched, by repository; nothing where there is no source."""
        return (Part(**vars(self.source), files=self.files), *self.further) if self.source else ()

    @property
    def every_file(self) -> dict[str, str]:
        """Where each file lies, beside the YAML or in the folder of weights, to its SHA-256."""
        return lying(self.parts) if self.source else self.files


def read_world_file(folder: Path) -> WorldFile:
    """Read FOLDER/world.yaml; raises UserError for what is none."""
    path = folder / "world.yaml"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError("the world cannot be read", f"{path}: {error.strerror or error}", RESTORE) from error
    if len(content) > MOST_BYTES:
        raise UserError("not a world file: it is too long", str(path), RESTORE)
    try:
        values = read_values(content)
    except ValueError as error:
        raise UserError(f"not a world file: {error}", str(path), RESTORE) from error
    if isinstance(values, Mapping) and isinstance(values.get("starts"), str):
        values["starts"] = [values["starts"]]
    return read_settings(WorldFile, values, str(path))


def identity(
    folder: Path,
    files: Mapping[str, str],
    settings: object = None,
    progress: Watcher = UNWATCHED,
    called: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Compare every file with its SHA-256, where that is known; returns one digest over all of them, and `settings`.

    settings: a dataclass of what else decides what is dreamt, where the files do not hold it. called: what files are
    called here that have another name in `files`.
    """
    whole = hashlib.sha256(b"" if settings is None else repr(settings).encode())
    paths = {name: folder / called.get(name, name) for name in sorted(files)}
    progress.stage("checking", sum(to_be_hashed(path) for path in paths.values()), BYTES, folder.name)
    hashed = Tally(progress)
    for name, path in paths.items():
        try:
            actual = sha256_of(path, hashed.add)
        except OSError as error:
            raise UserError(f"a file of the world is missing: {error.strerror}", str(path), RESTORE) from error
        if files[name] and actual != files[name]:
            what = "a file of the world is truncated or altered: its SHA-256 differs"
            raise UserError(what, str(path), RESTORE)
        whole.update(f"{name} {actual}\n".encode())
    return whole.hexdigest()
