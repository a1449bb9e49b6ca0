"""The start screen beside the command line: --weights is where it looks for official files, and loads them."""

from __future__ import annotations

import time

import pytest
from hands import choose, item, press
from library_fixtures import put_weights
from stage import Stage
from test_runtime_library import OFFICIAL

from input.keymap import load_keymap
from model import registry
from model.worldfile import read_world_file
from runtime import library, strings
from runtime.options import parse_options
from runtime.orders import Choice
from runtime.preferences import Preferences
from runtime.settings import Settings
from runtime.walk import Past, Table, how_to_load
from runtime.welcome import Welcome
from runtime.world_page import Fetch


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """One with a GPU, and nothing downloaded."""
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(library, "has_gpu", lambda: True)
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: object())
    strings.use("en")


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def welcomed(*arguments) -> Welcome:
    preferences = Preferences(Settings(), {}, None)
    table = Table(parse_options([*arguments]), Stage, preferences, load_keymap(), None, print)
    welcome = Welcome(table, time.perf_counter, time.sleep)
    end = time.monotonic() + 20
    while welcome._scene._home.entries is None and time.monotonic() < end:
        press(welcome._scene, "")
        time.sleep(0.01)
    return welcome


def test_with_weights_alone_the_start_screen_is_shown(weights):
    assert not parse_options(["--weights", str(weights)]).says_what
    assert parse_options(["--weights", str(weights), "--world", OFFICIAL]).says_what
    assert parse_options(["--weights", str(weights), "--headless"]).says_what


def test_worlds_are_looked_for_there_and_load_from_there(weights):
    put_weights(OFFICIAL, folder=weights)
    there, elsewhere = welcomed("--weights", str(weights)), welcomed()
    assert item(there._scene, f"world:{OFFICIAL}").detail == "ready"
    assert "to download" in item(elsewhere._scene, f"world:{OFFICIAL}").detail
    assert item(there._scene, "world:cloister").detail == "ready"
    order = choose(there._scene, f"world:{OFFICIAL}", "play")
    assert isinstance(order, Choice) and order.world == OFFICIAL
    table = there._table
    assert how_to_load(table.options.later(), Past(), table.preferences, None, print).weights == weights


def test_what_is_missing_is_downloaded_to_there(weights, monkeypatch):
    asked = []

    class Job:
        def __init__(self, *arguments):
            asked.append(arguments)

        def start(self): ...

    monkeypatch.setattr("runtime.welcome.FetchJob", Job)
    first = next(iter(read_world_file(registry.WORLDS / OFFICIAL).files))
    put_weights(OFFICIAL, leave_out=[first], folder=weights)
    welcome = welcomed("--weights", str(weights))
    assert choose(welcome._scene, f"world:{OFFICIAL}", "fetch") == Fetch(OFFICIAL)
    welcome._obey(Fetch(OFFICIAL))
    assert asked == [(OFFICIAL, weights)]
