"""Manners of the whole program: no network, nothing outside the platform's folders, and nobody's files spoilt."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fake_world import PLAYER, ROOT, FakeWorld

import play
from runtime import folders
from runtime.session import SUFFIX


def fake(*_):
    return FakeWorld()


@pytest.fixture
def no_network(monkeypatch):
    """Whoever so much as makes a socket or asks for a name is told off; who was it, is noted."""
    tried = []

    def refuse(*arguments, **_):
        tried.append(arguments)
        raise OSError("the network is cut off")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    return tried


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A person's home with nothing in it; REVERIE_HOME is not set."""
    for name in [name for name in os.environ if name.startswith("XDG_")] + ["REVERIE_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folders' names are Linux's")


@pytest.mark.parametrize("window", [["--headless"], ["--size", "320x240"]])
def test_no_network_is_asked_for(no_network, window, capsys):
    assert play.main([*window, "--frames", "8", "--fps", "100", "--seed", "3"], load_world=fake) == 0
    assert play.main(["--list-worlds"]) == 0
    assert no_network == [] and capsys.readouterr().err == ""


def test_the_embedded_world_asks_for_no_network_either(no_network, capsys):
    assert play.main(["--headless", "--frames", "4", "--offline"]) == 0
    assert no_network == [] and capsys.readouterr().err == ""


@linux
def test_everything_lies_in_the_platform_s_folders(home):
    assert folders.settings_folder() == home / ".config" / "Reverie"
    assert folders.data_folder() == home / ".local" / "share" / "Reverie"
    assert play.main(["--frames", "8", "--fps", "100"], load_world=fake) == 0
    left = [path for path in home.rglob("*") if path.is_file()]
    assert [path.parent for path in left] == [home / ".local/share/Reverie/sessions"]
    assert left[0].name.endswith(SUFFIX)


@linux
def test_the_folders_that_a_person_names_are_used(home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "conf"))
    (home / "conf" / "Reverie").mkdir(parents=True)
    (home / "conf" / "Reverie" / "settings.yaml").write_text("language: zh-CN\n")
    assert play.main(["--frames", "4", "--fps", "100"], load_world=fake) == 0
    assert len(list((home / "data" / "Reverie" / "sessions").glob(f"*{SUFFIX}"))) == 1
    assert folders.slots_folder() == home / "data" / "Reverie" / "slots"
    monkeypatch.setenv("REVERIE_HOME", str(home / "all"))
    assert folders.settings_folder() == folders.data_folder() == home / "all"


@linux
def test_a_home_that_cannot_be_written_is_told_once_and_played_in(home, monkeypatch, capsys):
    # Rights do not stop everyone who may run this test; a file where a folder should be does.
    (home / ".config").mkdir()
    (home / ".local").write_text("in the way")
    assert play.main(["--frames", "8", "--fps", "100"], load_world=fake) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "session" in told[0] and str(home / ".local") in told[0], told


def test_nothing_is_left_by_a_run_without_a_window(home, tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = [sys.executable, "-c", PLAYER, "0", "--headless", "--frames", "4"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("settings.yaml", b"hud: perhaps\n"),
        ("settings.yaml", b"\x00\xff"),
        ("settings.yaml", b"rewind_mb: [1"),
        ("bindings.yaml", b"forward: [nokey]\n"),
        ("bindings.yaml", b"\x00\xff"),
        ("bindings.yaml", b"menu: []\n"),
    ],
)
def test_a_damaged_file_of_one_s_own_is_told_and_left_alone(tmp_path, monkeypatch, capsys, name, content):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path))
    (tmp_path / name).write_bytes(content)
    loaded = []
    assert play.main(["--frames", "4"], load_world=lambda *_: loaded.append(1) or FakeWorld()) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and str(tmp_path / name) in told and not loaded
    assert (tmp_path / name).read_bytes() == content
    # A test's walk is the same for all: it does not look at anybody's settings.
    assert play.main(["--headless", "--frames", "4"], load_world=fake) == 0


def test_an_unknown_language_is_told(capsys):
    assert play.main(["--lang", "tlh", "--headless"], load_world=fake) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "zh-CN" in told and "tlh" in told


def test_no_room_but_those_that_fetch_knows_the_network():
    """Nobody measures people here: what can reach the network is what downloads weights, and it is asked to."""
    asks = re.compile(
        r"^\s*(import|from) (socket|http|requests|httpx|aiohttp|huggingface_hub)\b|urlopen|urlretrieve", re.M
    )
    rooms = [
        ROOT / "play.py",
        *(path for room in ("input", "runtime", "model", "compile") for path in (ROOT / room).rglob("*.py")),
    ]
    found = {path.relative_to(ROOT).as_posix() for path in rooms if asks.search(Path(path).read_text(encoding="utf-8"))}
    assert found <= {"model/hub.py", "model/fetch.py"}, found
