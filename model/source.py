"""Source: where a world's official files come from, and what their licences ask of whoever fetches them. Data only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class Terms:
    """A licence that has to be accepted before anything is fetched.

    name: what `--accept-licence` calls it; title: its own; dated: the date that it gives itself, for a later one is
    another licence; url: where all of it can be read; lines: what it says, in few words. No legal advice.
    """

    name: str = ""
    title: str = ""
    dated: str = ""
    url: str = ""
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"terms need a name of small letters, digits and hyphens, not {self.name!r}")
        if not (self.title and self.url and self.lines):
            raise ValueError(f"the terms '{self.name}' need a title, a url and lines")
        if not all(words.isprintable() for words in (self.title, self.dated, self.url, *self.lines)):
            raise ValueError(f"the terms '{self.name}' have signs that cannot be shown")

    @property
    def heading(self) -> str:
        return f"{self.title}, {self.dated}" if self.dated else self.title


@dataclass(frozen=True)
class Source:
    """A repository on the hub, a pinned revision, a licence's name, and its terms where these must be accepted."""

    repo: str = ""
    revision: str = ""
    licence: str = ""
    terms: Terms | None = None

    def __post_init__(self) -> None:
        if not (self.repo and self.revision):
            raise ValueError("a repository needs a repo and a revision")


@dataclass(frozen=True)
class Part(Source):
    """A repository with what a world needs of it.

    files: path in the repository to SHA-256, empty where unknown; into: the sub-folder of the world's weights that they
    lie in, by the same paths.
    """

    into: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (*self.files, *([self.into] if self.into else [])):
            require_inside(name)

    def lies(self, name: str) -> str:
        """Where its file `name` lies, from the folder of the weights."""
        return str(PurePosixPath(self.into, name))

    @property
    def lying(self) -> dict[str, str]:
        """Where each file lies, from the folder of the weights, to its SHA-256."""
        return {self.lies(name): digest for name, digest in self.files.items()}


def require_inside(name: str) -> None:
    """Raise ValueError for a path that does not stay in the folder that it is taken from, on any system."""
    path = PurePosixPath(name)
    if not path.parts or ".." in path.parts or path.is_absolute() or re.search(r"[\\:\0]", name):
        raise ValueError(f"{name!r} is no path within a folder")


def lying(parts: Iterable[Part]) -> dict[str, str]:
    """Where all their files lie, to the SHA-256. Raises ValueError where two would lie in one place."""
    found: dict[str, str] = {}
    for part in parts:
        for name, digest in part.lying.items():
            if name in found:
                raise ValueError(f"two repositories have a file for {name!r}")
            found[name] = digest
    return found


def terms_of(parts: Iterable[Part]) -> tuple[Terms, ...]:
    """What must be accepted for them, each licence once."""
    return tuple(dict.fromkeys(part.terms for part in parts if part.terms is not None))
