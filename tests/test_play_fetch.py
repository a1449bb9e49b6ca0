"""From nothing to a walk: play.py fetches a world's weights from a hub of our own, then plays them, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: make test installs it")

import yaml  # noqa: E402
from fake_hub import REPO, REVISION, Hub, serving, sha256  # noqa: E402
from licence_fixtures import GARDEN  # noqa: E402
from matrix_fixtures import CLIP_FILE, NETWORK_FILE, VAE_FILE, tiny_config, write_world  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def published(tmp_path):
    """A world's folder without its weights, and the weights as a hub has them."""
    folder = write_world(tmp_path / "harbour", tiny_config())
    names = (NETWORK_FILE, VAE_FILE, CLIP_FILE)
    contents = {name: (folder / "weights" / name).read_bytes() for name in names}
    shutil.rmtree(folder / "weights")
    described = yaml.safe_load((folder / "world.yaml").read_text())
    described["files"] = {name: sha256(content) for name, content in contents.items()}
    described["source"] = {"repo": REPO, "revision": REVISION, "licence": "MIT"}
    (folder / "world.yaml").write_text(yaml.safe_dump(described))
    return folder, contents


def play(home: Path, url: str, *argv: object, **more: object) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"REVERIE_HOME": str(home), "HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "play.py", *map(str, argv)]
    how = {"capture_output": True, "stdin": subprocess.DEVNULL, **more}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, timeout=120, **how)


def test_fetch_then_play_offline(published, tmp_path):
    folder, contents = published
    home, walk = tmp_path / "home", ("--world", folder, "--headless", "--frames", "12", "--device", "cpu", "--offline")
    with serving(Hub(dict(contents))) as hub:
        early = play(home, hub.url, *walk)
        assert early.returncode == 2 and "weights are missing" in early.stderr and "--fetch harbour" in early.stderr
        checked = play(home, hub.url, "--fetch", folder, "--offline")
        assert checked.returncode == 2 and all(name in checked.stderr for name in contents)
        assert not hub.asked, "offline nobody is asked"
        fetched = play(home, hub.url, "--fetch", folder)
        assert fetched.returncode == 0, fetched.stderr
        assert "licence MIT" in fetched.stdout and fetched.stdout.count("verified") == 3
        assert sorted(name for name, _ in hub.gets()) == sorted(contents)
    for argv in (("--fetch", folder, "--offline"), ("--fetch", folder), walk):
        done = play(home, "http://127.0.0.1:9", *argv)  # nobody is there
        assert done.returncode == 0, done.stderr
    assert "world harbour on eager fp32" in done.stdout and "attention: sdpa" in done.stdout


def test_a_world_without_a_source_has_nothing_to_fetch(tmp_path):
    done = play(tmp_path, "http://127.0.0.1:9", "--fetch", "cloister")
    assert done.returncode == 2 and "nothing to fetch" in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture
def garden(tmp_path):
    """A world whose licence has to be accepted, with the one file that a hub has for it."""
    folder, content = tmp_path / "garden", b"weights" * 1000
    folder.mkdir()
    described = {"family": "matrix-game", "files": {"net.safetensors": sha256(content)}}
    described["source"] = {"repo": REPO, "revision": REVISION, "licence": GARDEN["title"], "terms": GARDEN}
    (folder / "world.yaml").write_text(yaml.safe_dump(described))
    return folder, {"net.safetensors": content}


def test_a_licence_is_accepted_by_name_where_there_is_no_terminal(garden, tmp_path):
    folder, contents = garden
    home = tmp_path / "home"
    with serving(Hub(dict(contents))) as hub:
        refused = play(home, hub.url, "--fetch", folder)
        assert refused.returncode == 2 and refused.stderr.count("\n") == 1
        assert "no terminal" in refused.stderr and "--accept-licence garden-community" in refused.stderr
        assert all(words in refused.stdout for words in (GARDEN["url"], *GARDEN["lines"]))
        assert not hub.asked and not (home / "licences.yaml").exists() and not (home / "weights").exists()
        accepted = play(home, hub.url, "--fetch", folder, "--accept-licence", "garden-community")
        assert accepted.returncode == 0 and "verified" in accepted.stdout, accepted.stderr
        (home / "weights" / "garden" / "net.safetensors").unlink()
        again = play(home, hub.url, "--fetch", folder)
    assert again.returncode == 0 and "verified" in again.stdout and "Utopia" not in again.stdout
    kept = yaml.safe_load((home / "licences.yaml").read_text())["licences"]
    assert [(one["name"], one["dated"]) for one in kept] == [("garden-community", GARDEN["dated"])]


@pytest.mark.parametrize(("typed", "code"), [(b"yes\n", 0), (b"\x04", 2)])
def test_at_a_terminal_it_is_asked_once(garden, tmp_path, typed, code):
    pty = pytest.importorskip("pty", reason="this system has no pseudo terminals")
    folder, contents = garden
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed)
        with serving(Hub(dict(contents))) as hub:
            done = play(tmp_path / "home", hub.url, "--fetch", folder, stdin=theirs)
            assert (done.returncode, bool(hub.asked)) == (code, code == 0), done.stderr
            assert "type yes to accept" in done.stdout and "Utopia" in done.stdout
            if code == 0:
                again = play(tmp_path / "home", hub.url, "--fetch", folder, stdin=theirs)
                assert again.returncode == 0 and "type yes" not in again.stdout
    finally:
        os.close(ours)
        os.close(theirs)
