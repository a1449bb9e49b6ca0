"""Own file: a small YAML file of a person's own, which they may edit: read strictly, and written whole or not at all.

A file that cannot be read is told in one line and stays as it is, also when there is something new to be written.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import yaml

from input.document import read_values
from model.settings import read_settings, write_settings
from runtime.errors import UserError

Content = TypeVar("Content")
MOST_BYTES = 2**14  # what is larger is something else
LINE_ENDS = frozenset("\x85\u2028\u2029")  # for YAML, which folds them where they are not escaped


class Escaping(yaml.SafeDumper):
    """Writes texts with such letters so that they come back."""


def _write_text(dumper: yaml.Dumper, text: str) -> yaml.Node:
    style = '"' if LINE_ENDS & set(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Escaping.add_representer(str, _write_text)


@dataclass(frozen=True)
class OwnFile(Generic[Content]):
    """What such a file is: the frozen dataclass that it holds, what a person calls it ("settings", in the plural), the
    comment at its head, what to do about a damaged one, and about one that cannot be written.
    """

    holds: type[Content]
    what: str
    header: str
    remedy: str
    unwritten: str

    def read(self, path: Path) -> Content:
        """What `path` holds; the defaults for what it does not name, or where there is none.

        Raises UserError for a damaged file.
        """
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return self.holds()
        except OSError as error:
            where = f"{path}: {error.strerror or error}"
            raise UserError(f"cannot read the {self.what}", where, self.remedy) from error
        if len(content) > MOST_BYTES:
            raise UserError(f"the {self.what} are too long for a file of {self.what}", str(path), self.remedy)
        try:
            values = read_values(content)
        except ValueError as error:
            raise UserError(f"the {self.what} cannot be read: {error}", str(path), self.remedy) from error
        return read_settings(self.holds, {} if values is None else values, str(path), self.remedy)

    def write(self, content: Content, path: Path) -> None:
        """Make `path` hold `content`.

        Raises UserError where that cannot be done, or where what is there is damaged: it may be worth correcting.
        """
        self.read(path)
        draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            words = yaml.dump(write_settings(content), Dumper=Escaping, sort_keys=False, allow_unicode=True)
            draft.write_text(self.header + words, encoding="utf-8")
            os.replace(draft, path)
        except OSError as error:
            where = f"{path}: {error.strerror or error}"
            raise UserError(f"cannot write the {self.what}", where, self.unwritten) from error
        finally:
            with contextlib.suppress(OSError):  # what could not be made need not be removed
                draft.unlink(missing_ok=True)
