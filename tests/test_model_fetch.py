"""Fetching weights from a hub of our own on this machine: what is asked for, what is kept, and what people are told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_hub import REPO, REVISION, Hub, sha256
from hub_fixtures import (
    BIG,
    FILES,
    MODEL,
    SOURCE,
    hub_fixture,  # noqa: F401
    names,
    own_home_and_no_proxy,  # noqa: F401
    partial_of,
    point_fixture,  # noqa: F401
    serve_fixture,  # noqa: F401
)

from model.fetch import fetch, weights_folder
from model.progress import size_in_words

ROOT = Path(__file__).resolve().parent.parent


def test_two_files_come_verified_and_are_not_asked_for_again(hub, tmp_path, monkeypatch):
    said = []
    folder = tmp_path / "new" / "weights"
    assert fetch(SOURCE, FILES, folder, say=said.append) == folder
    whole = "1.0 MB in 2 files"
    assert said == [whole, "config.json: 2 bytes, verified", "parts/model.safetensors: 1.0 MB, verified"]
    assert names(folder) == sorted(FILES) and (folder / "parts/model.safetensors").read_bytes() == BIG
    paths = [f"/{REPO}/resolve/{REVISION}/{name}" for name in FILES]
    assert [(method, path) for method, path, _, _ in hub.asked] == [
        *(("HEAD", path) for path in paths),
        *(("GET", path) for path in paths),
    ]
    said.clear()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # not even imported
    fetch(SOURCE, FILES, folder, offline=True, say=said.append)
    fetch(SOURCE, FILES, folder, say=said.append)
    assert said == 2 * ["config.json: 2 bytes, already there", "parts/model.safetensors: 1.0 MB, already there"]
    assert len(hub.asked) == 4


def test_files_without_a_digest_are_checked_by_the_hub_s_where_it_has_one(hub, serve, tmp_path):
    said = []
    fetch(SOURCE, {"config.json": ""}, tmp_path / "w", say=said.append)
    assert said == ["2 bytes in 1 file", "config.json: 2 bytes, no digest to verify it by"]
    hub.store = serve(Hub(hub.files)).url.replace("127.0.0.1", "localhost")
    fetch(SOURCE, {"config.json": "", "parts/model.safetensors": ""}, tmp_path / "w", say=said.append)
    whole = "1.0 MB in 2 files, 2 bytes there already"
    assert said[2:] == ["config.json: 2 bytes, already there", whole, "parts/model.safetensors: 1.0 MB, verified"]


def test_a_store_elsewhere_gets_the_request_but_not_the_token(hub, serve, tmp_path, monkeypatch):
    import huggingface_hub

    store = serve(Hub(hub.files))
    hub.store = store.url.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    fetch(SOURCE, MODEL, tmp_path / "w", say=str)
    assert {token for _, _, _, token in hub.asked} == {"Bearer hf_none"}
    assert [(path, token) for _, path, _, token in store.asked] == [("/store/parts/model.safetensors", None)]


@pytest.mark.parametrize("stored", [False, True])
def test_a_download_that_breaks_off_goes_on_by_itself(hub, serve, tmp_path, stored):
    giver = serve(Hub(hub.files)) if stored else hub
    hub.store = giver.url.replace("127.0.0.1", "localhost") if stored else ""
    giver.cuts["parts/model.safetensors"] = 2
    fetch(SOURCE, MODEL, tmp_path / "w", say=str)
    assert (tmp_path / "w/parts/model.safetensors").read_bytes() == BIG
    half, quarter = len(BIG) // 2, len(BIG) // 4
    spans = [None, f"bytes={half}-", f"bytes={half + quarter}-"]
    assert giver.gets() == [("model.safetensors", span) for span in spans]
    assert len(hub.gets()) == 3  # led there anew each time


def test_what_a_broken_run_left_is_continued(hub, tmp_path):
    partial = partial_of(tmp_path)
    partial.parent.mkdir()
    partial.write_bytes(BIG[:1000])
    fetch(SOURCE, MODEL, tmp_path, say=str)
    assert hub.gets() == [("model.safetensors", "bytes=1000-")]
    assert names(tmp_path) == list(MODEL) and (tmp_path / "parts/model.safetensors").read_bytes() == BIG


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (BIG, []),  # killed between the last byte and the name
        (BIG + b"!", [("model.safetensors", None)]),
    ],
)
def test_a_partial_file_that_is_whole_or_too_long(hub, tmp_path, left, asked):
    partial_of(tmp_path).parent.mkdir()
    partial_of(tmp_path).write_bytes(left)
    fetch(SOURCE, MODEL, tmp_path, say=str)
    assert hub.gets() == asked and (tmp_path / "parts/model.safetensors").read_bytes() == BIG


def test_the_part_of_another_revision_is_not_continued(hub, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/model.safetensors.fedcba987654.partial").write_bytes(b"other")
    fetch(SOURCE, MODEL, tmp_path, say=str)
    assert hub.gets() == [("model.safetensors", None)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_a_part_that_the_next_one_continues(serve, tmp_path, number):
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    content = os.urandom(2**20) * 24  # more than two of the blocks in which the hub's client writes
    hub = serve(Hub({"model.safetensors": content}, held={"model.safetensors"}))
    program = f"""
import sys
from pathlib import Path
from model.fetch import Source, fetch
fetch(Source({REPO!r}, {REVISION!r}), {{"model.safetensors": {sha256(content)!r}}}, Path(sys.argv[1]))
"""
    # Without HF_HUB_DISABLE_TELEMETRY: fetch sees to that itself, and what the hub was asked for shows it.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DISABLE_T", "DO_NOT_T"))}
    environment = {**own, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    command = [sys.executable, "-c", program, str(tmp_path / "w")]
    partial = tmp_path / "w" / f"model.safetensors.{REVISION[:12]}.partial"
    first = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(number)
    _, errors = first.communicate(timeout=30)
    assert first.returncode == -number, errors
    kept = partial.stat().st_size
    assert 0 < kept < len(content) and names(tmp_path / "w") == [partial.name]
    hub.held.clear()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    whole = f"25.2 MB in 1 file, {size_in_words(kept)} there already"
    assert done.stdout == f"{whole}\nmodel.safetensors: 25.2 MB, verified\n"
    assert (tmp_path / "w" / "model.safetensors").read_bytes() == content
    path = f"/{REPO}/resolve/{REVISION}/model.safetensors"
    spans = [("HEAD", None), ("GET", None), ("HEAD", None), ("GET", f"bytes={kept}-")]
    assert hub.asked == [(method, path, span, None) for method, span in spans]


def test_weights_lie_in_reverie_s_home(tmp_path):
    assert weights_folder("harbour") == tmp_path / "home" / "weights" / "harbour"
