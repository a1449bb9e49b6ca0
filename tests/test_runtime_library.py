"""The library: what it says of worlds, of sessions whole and damaged, of saved worlds, without reading them whole."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_fixtures import found, machine_fixture, own_home, put_weights  # noqa: F401
from session_logs import write_log

from model import registry
from model.fetch import weights_folder
from model.worldfile import read_world_file
from runtime import library
from runtime.errors import UserError
from runtime.library import DAMAGED, NEEDS_GPU, NEEDS_WEIGHTS, READY

CLOISTER, OFFICIAL = registry.WORLDS / "cloister", "matrix-game-2"


def test_the_bundled_world_is_first_ready_and_has_a_picture(machine):
    machine(gpu=False)
    entry = library.worlds()[0]
    assert (entry.name, entry.state, entry.detail, entry.playable) == ("cloister", READY, "ready", True)
    assert entry.picture.dtype == np.uint8 and entry.picture.shape == (72, 128, 3)


def test_official_worlds_say_what_they_need(machine):
    machine(gpu=True)
    entry = found(OFFICIAL)
    assert (entry.state, entry.detail, entry.playable) == (NEEDS_WEIGHTS, "11.8 GB to download", False)
    assert max(entry.picture.shape) <= 320
    machine(gpu=False)
    assert (found(OFFICIAL).state, found(OFFICIAL).detail) == (NEEDS_GPU, "needs a GPU, 11.8 GB to download")
    put_weights(OFFICIAL)
    entry = found(OFFICIAL)
    assert (entry.detail, entry.playable, entry.slow) == ("needs a GPU", True, True)
    machine(gpu=True)
    assert (found(OFFICIAL).state, found(OFFICIAL).playable, found(OFFICIAL).slow) == (READY, True, False)
    machine(gpu=True, torch=False)
    assert (found(OFFICIAL).state, found(OFFICIAL).playable) == (NEEDS_GPU, False)
    assert "torch" in found(OFFICIAL).problem


def test_what_was_fetched_already_is_not_counted_again(machine):
    described = read_world_file(registry.WORLDS / OFFICIAL)
    folder = weights_folder(OFFICIAL)
    first = next(iter(described.files))
    put_weights(OFFICIAL, leave_out=[first])
    missing = folder / first
    missing.parent.mkdir(parents=True, exist_ok=True)
    with missing.with_name(f"{missing.name}.abc.partial").open("wb") as file:
        file.truncate(2_000_000_000)  # sparse
    assert library.missing_bytes(described, folder) == 11_800_000_000 - 2_000_000_000 - 2000
    assert library.missing_bytes(read_world_file(CLOISTER), folder) is None
    least = replace(described, download_gb=0.0, least_gb=3.0)
    assert library.missing_bytes(least, folder) == 3_000_000_000 - 2_000_000_000 - 2000
    assert library.missing_bytes(replace(least, least_gb=2.0), folder) is None, "there is more, and who knows how much"


def test_damaged_worlds_are_shown_as_such(tmp_path, monkeypatch, machine):
    machine(gpu=False)
    monkeypatch.setattr(registry, "WORLDS", tmp_path)
    for name in ("cut", "wrong", "lacking"):
        shutil.copytree(CLOISTER, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors", "*.onnx"))
    starts = tmp_path / "cut" / "starts.npz"
    starts.write_bytes(starts.read_bytes()[:5000])
    (tmp_path / "wrong" / "world.yaml").write_text("titel: no\n")
    entries = {entry.name: entry for entry in library.worlds()}
    assert {entry.state for entry in entries.values()} == {DAMAGED}
    assert not any(entry.playable for entry in entries.values())
    assert "starts.npz" in entries["cut"].detail and "titel" in entries["wrong"].detail
    assert "missing" in entries["lacking"].detail


def test_start_pictures_are_checked(tmp_path):
    described = read_world_file(CLOISTER)
    assert len(registry.starts_of(CLOISTER, described)) == 16
    for content in ({"rgb": np.zeros((2, 8, 8), np.uint8)}, {"other": np.zeros(3)}, {"rgb": np.array([None])}):
        np.savez(tmp_path / "starts.npz", **content)
        with pytest.raises(UserError, match="starts.npz"):
            registry.starts_of(tmp_path, described)


def write_session(path, chunks: int, when: float) -> None:
    """A log as a walk leaves it."""
    write_log(path, chunks=chunks, reset_at=-1)
    os.utime(path, (when, when))


def test_sessions_come_newest_first_and_damaged_ones_say_so(tmp_path):
    for number in range(4):
        write_session(tmp_path / f"{number}.session.jsonl", 5 * (number + 1), 1000.0 + number)
    whole = (tmp_path / "3.session.jsonl").read_bytes()
    (tmp_path / "cut.session.jsonl").write_bytes(whole[:-100])
    (tmp_path / "bad.session.jsonl").write_bytes(b"\xff\xfe{")
    (tmp_path / "other.session.jsonl").write_text(json.dumps({"format": "else"}))
    (tmp_path / "list.session.jsonl").write_text("[1]")
    (tmp_path / "folder.session.jsonl").mkdir()
    (tmp_path / "note.txt").write_text("no session")
    entries = {entry.path.name: entry for entry in library.sessions(20, tmp_path)}
    assert len(entries) == 8
    assert [entries[f"{number}.session.jsonl"].seconds for number in range(4)] == [1.0, 2.0, 3.0, 4.0]
    assert entries["cut.session.jsonl"].seconds == 3.8 and entries["cut.session.jsonl"].world == "cloister"
    damaged = {name for name, entry in entries.items() if entry.problem}
    assert damaged == {"bad.session.jsonl", "other.session.jsonl", "list.session.jsonl"}
    newest = [entry.path.name for entry in library.sessions(20, tmp_path)]
    assert newest[-4:] == [f"{number}.session.jsonl" for number in (3, 2, 1, 0)]
    assert len(library.sessions(2, tmp_path)) == 2 and library.sessions(5, tmp_path / "none") == []


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.sampled_from([b"x", b"ab", b"abab", b"\n", b"aab"]), max_size=60), block=st.integers(1, 7))
def test_marks_are_counted_across_blocks(pieces, block):
    content = b"".join(pieces).replace(b"abab", b"abxab")
    before, library.BLOCK = library.BLOCK, block
    try:
        assert library.count_lines(io.BytesIO(content), b"aab") == content.count(b"aab")
    finally:
        library.BLOCK = before


@pytest.mark.parametrize(("answer", "count", "there"), [(0, 2, True), (0, 0, False), (100, 1, False), (None, 1, False)])
def test_a_gpu_is_what_the_driver_finds(monkeypatch, answer, count, there):
    def tell(into):
        into._obj.value = count
        return 0

    def driver(name):
        if answer is None:
            raise OSError(f"{name} is not here")
        return SimpleNamespace(cuInit=lambda flags: answer, cuDeviceGetCount=tell)

    monkeypatch.setattr(library.ctypes, "CDLL", driver)
    assert library.has_gpu.__wrapped__() is there


def test_no_torch_is_imported_to_look():
    look = "import sys; from runtime import library; library.worlds(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", look], cwd=registry.WORLDS.parent.parent, check=True, timeout=60)
