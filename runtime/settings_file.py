"""The settings as a file: YAML that a person may edit, read strictly and written whole. What they mean is elsewhere.

A file that cannot be read is told in one line and stays as it is, also when there are new settings to be written.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import yaml

from input.document import read_values
from model.settings import read_settings, write_settings
from runtime import folders
from runtime.errors import UserError
from runtime.settings import Settings

NAME = "settings.yaml"
MOST_BYTES = 2**14  # what is larger is something else
REMEDY = "correct it, or delete the file to begin with the defaults"
HEADER = "# Reverie's settings. The menus write this file, you may too; delete it to begin with the defaults.\n"


def settings_path() -> Path:
    """Where a person's settings are."""
    return folders.settings_folder() / NAME


def load_settings(path: Path | None = None) -> Settings:
    """The settings of `path` (None: the person's own), the defaults where there is no file.

    A field that the file does not name has its default. Raises UserError for a damaged file.
    """
    path = path or settings_path()
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise UserError("cannot read the settings", f"{path}: {error.strerror or error}", REMEDY) from error
    if len(content) > MOST_BYTES:
        raise UserError("the settings are too long for a file of settings", str(path), REMEDY)
    try:
        values = read_values(content)
    except ValueError as error:
        raise UserError(f"the settings cannot be read: {error}", str(path), REMEDY) from error
    return read_settings(Settings, {} if values is None else values, str(path), REMEDY)


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings to `path` (None: the person's own), all or nothing.

    Raises UserError where that cannot be done, or where what is there is damaged: it may be worth correcting.
    """
    path = path or settings_path()
    load_settings(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        words = yaml.safe_dump(write_settings(settings), sort_keys=False, allow_unicode=True)
        draft.write_text(HEADER + words, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        remedy = "make room, or see who may write there; they hold until the end of this run"
        raise UserError("cannot write the settings", f"{path}: {error.strerror or error}", remedy) from error
    finally:
        with contextlib.suppress(OSError):  # what could not be made need not be removed
            draft.unlink(missing_ok=True)
