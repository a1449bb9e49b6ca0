"""Folders: where Reverie keeps what belongs to a person, in the places that the platform has for it.

$REVERIE_HOME, where it is set, holds everything instead. Weights and engines, which can be made again, are in
model/digests.home(). Nothing is created here.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

NAME = "Reverie"


def _own() -> Path | None:
    """The one folder of someone who wants all in one."""
    home = os.environ.get("REVERIE_HOME")
    return Path(home).expanduser() if home else None


def settings_folder() -> Path:
    """Settings and bindings."""
    return _own() or platformdirs.user_config_path(NAME, appauthor=False)


def data_folder() -> Path:
    """Sessions and saved worlds are in folders below it."""
    return _own() or platformdirs.user_data_path(NAME, appauthor=False)


def log_folder() -> Path:
    """What a kiosk writes down."""
    own = _own()
    return own / "logs" if own else platformdirs.user_log_path(NAME, appauthor=False)


def sessions_folder() -> Path:
    return data_folder() / "sessions"


def slots_folder() -> Path:
    return data_folder() / "slots"


def recordings_folder() -> Path:
    own = _own()
    return own / "recordings" if own else platformdirs.user_videos_path() / NAME


def screenshots_folder() -> Path:
    own = _own()
    return own / "screenshots" if own else platformdirs.user_pictures_path() / NAME
