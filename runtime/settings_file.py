"""The settings as a file: YAML that a person may edit, read strictly and written whole. What they mean is elsewhere."""

from __future__ import annotations

from pathlib import Path

from runtime import folders
from runtime.own_file import OwnFile
from runtime.settings import Settings

NAME = "settings.yaml"
FILE = OwnFile(
    Settings,
    "settings",
    "# Reverie's settings. The menus write this file, you may too; delete it to begin with the defaults.\n",
    "correct it, or delete the file to begin with the defaults",
    "make room, or see who may write there; they hold until the end of this run",
)


def settings_path() -> Path:
    """Where a person's settings are."""
    return folders.settings_folder() / NAME


def load_settings(path: Path | None = None) -> Settings:
    """The settings of `path` (None: the person's own), the defaults where there is no file.

    A field that the file does not name has its default. Raises UserError for a damaged file.
    """
    return FILE.read(path or settings_path())


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings to `path` (None: the person's own), all or nothing.

    Raises UserError where that cannot be done, or where what is there is damaged: it may be worth correcting.
    """
    FILE.write(settings, path or settings_path())
