"""Fetching that cannot be: wrong files, hubs that refuse or are none, no room, no network. One line, nothing spoilt."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace

import pytest
from hub_fixtures import (
    BIG,
    FILES,
    MODEL,
    PROXIES,
    SOURCE,
    hub_fixture,  # noqa: F401
    names,
    own_home_and_no_proxy,  # noqa: F401
    point_fixture,  # noqa: F401
    serve_fixture,  # noqa: F401
)

from model import fetch as fetching
from model.fetch import fetch, weights_folder
from runtime.errors import UserError


def test_a_wrong_digest_leaves_nothing(hub, tmp_path):
    with pytest.raises(UserError, match=r"SHA-256 differs \(somebody/world/config\.json at 0123"):
        fetch(SOURCE, {"config.json": "0" * 64}, tmp_path, say=str)
    assert names(tmp_path) == []


def test_an_altered_file_stays_until_the_right_one_is_whole(hub, tmp_path):
    said = []
    (tmp_path / "config.json").write_bytes(b"{...")
    hub.status["config.json"] = (500, "")
    with pytest.raises(UserError, match="status 500"):
        fetch(SOURCE, FILES, tmp_path, say=said.append)
    assert (tmp_path / "config.json").read_bytes() == b"{..." and said == []
    hub.status.clear()
    fetch(SOURCE, FILES, tmp_path, say=said.append)
    assert (tmp_path / "config.json").read_bytes() == b"{}" and said[1] == "config.json: 2 bytes, verified"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ((404, "EntryNotFound"), "does not have http.*config.json"),
        ((404, "RevisionNotFound"), "does not have http.*config.json"),
        ((404, ""), "does not have http.*config.json"),
        ((401, "RepoNotFound"), "refuses with status 401.*HF_TOKEN"),
        ((403, "GatedRepo"), "refuses with status 403.*HF_TOKEN"),
        ((503, ""), "status 503.*run it again"),
    ],
)
def test_what_a_hub_refuses_is_one_line_before_anything_is_downloaded(hub, tmp_path, status, words):
    hub.status["config.json"] = status
    with pytest.raises(UserError, match=words) as caught:
        fetch(SOURCE, dict(reversed(FILES.items())), tmp_path, say=str)
    assert "\n" not in str(caught.value) and names(tmp_path) == [] and hub.gets() == []


def test_an_endpoint_that_is_no_hub(hub, tmp_path):
    hub.commit = None
    with pytest.raises(UserError, match="is no hub"):
        fetch(SOURCE, FILES, tmp_path, say=str)
    assert hub.gets() == []


def test_nobody_answers(point, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        point(f"http://127.0.0.1:{free.getsockname()[1]}")  # bound and not listening
        with pytest.raises(UserError, match=r"cannot be reached.*HF_ENDPOINT"):
            fetch(SOURCE, FILES, tmp_path, say=str)


def test_a_full_disk_is_told_before_the_download_and_in_it(hub, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fetching.shutil, "disk_usage", lambda _path: SimpleNamespace(free=len(BIG)))
        with pytest.raises(UserError, match="1.0 MB are needed and 1.0 MB free"):
            fetch(SOURCE, FILES, tmp_path, say=str)
        assert hub.gets() == []
    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(UserError, match=r"cannot be written: No space left.*--weights.*goes on where it stopped"):
        fetch(SOURCE, MODEL, tmp_path, say=str)


def full(_url, file, **_more):
    file.write(b"part")
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_made(hub, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="weights cannot be written"):
        fetch(SOURCE, FILES, tmp_path / "file" / "w", say=str)
    assert hub.asked == []


def test_two_fetches_do_not_write_into_one_folder(hub, tmp_path):
    from huggingface_hub.utils import WeakFileLock

    with WeakFileLock(tmp_path / ".fetch.lock"), pytest.raises(UserError, match="another process fetches"):
        fetch(SOURCE, FILES, tmp_path, say=str)
    assert hub.asked == []


def test_offline_nobody_is_asked_and_all_that_is_missing_is_named(hub, tmp_path, monkeypatch):
    def no_network(*_arguments, **_more):
        raise AssertionError("a socket was opened")

    for name in (*PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (tmp_path / "config.json").write_bytes(b"{...")
    with pytest.raises(UserError) as caught:
        fetch(SOURCE, {**FILES, "vae.pth": ""}, tmp_path, offline=True, say=str)
    told = str(caught.value)
    assert "config.json (altered), parts/model.safetensors (missing), vae.pth (missing)" in told
    assert f"`python play.py --fetch WORLD --weights {tmp_path}` online" in told
    with pytest.raises(UserError, match="`python play.py --fetch harbour` online"):
        fetch(SOURCE, FILES, weights_folder("harbour"), offline=True, say=str)
    assert hub.asked == []


def test_without_huggingface_hub_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"needs huggingface_hub.*pip install -e '\.\[gpu\]'"):
        fetch(SOURCE, FILES, tmp_path, say=str)
