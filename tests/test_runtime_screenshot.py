"""Screenshots: the picture and what it says of itself come back; nothing is overwritten, nothing ends the walk."""

import errno
import io
import json
import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fake_world import FakeWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runtime import screenshot
from runtime.errors import UserError
from runtime.provenance import provenance, title_of
from runtime.screenshot import MOST_WAITING, Screenshots, encode_png, read_metadata, write_new

WHEN = datetime(2026, 3, 4, 5, 6, 7)
CAMERA = np.arange(16.0).reshape(4, 4)
FACTS = provenance(FakeWorld().info, 7, "numpy fp32", chunk=12, prompt="a façade, 世界", camera=CAMERA)


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("screenshot")] == []


@pytest.fixture
def stuck(monkeypatch):
    """Nothing is written until this is set."""
    gate, write = threading.Event(), screenshot.write_new
    monkeypatch.setattr(screenshot, "write_new", lambda *where: gate.wait(20) and write(*where))
    return gate


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (72, 128, 4), np.uint8)


def test_a_picture_of_the_world_s_own_size_comes_back_exactly(tmp_path):
    shots, pixels = Screenshots(tmp_path / "new" / "folder"), noise()
    shots.take(pixels, None, FACTS, WHEN)
    (shot,) = shots.close()
    assert (shot.path.name, shot.error) == ("reverie-20260304-050607.png", "")
    assert np.array_equal(np.asarray(Image.open(shot.path)), pixels[..., 2::-1])


def test_it_says_where_it_comes_from(tmp_path):
    path = write_new(encode_png(noise(), None, FACTS), tmp_path, "a")
    said = read_metadata(path)
    assert {name: said[name] for name in FACTS} == FACTS
    assert (said["world"], said["seed"], said["chunk"]) == ("cloister", "7", "12")
    assert (said["backend"], said["weights"], said["prompt"]) == ("numpy fp32", "0" * 64, "a façade, 世界")
    assert said["Title"] == "Reverie - Fake world" and said["Software"] == "Reverie"
    assert np.array_equal(np.array(json.loads(said["camera"])), CAMERA)


@given(words=st.dictionaries(st.sampled_from(["prompt", "session", "world"]), st.text(max_size=60)))
@settings(max_examples=50, deadline=None)
def test_words_of_any_kind_come_back(tmp_path_factory, words):
    path = write_new(encode_png(noise()[:8, :8], None, words), tmp_path_factory.mktemp("w"), "a")
    said = read_metadata(path)
    assert all(said[name] == text.encode("utf-8", "replace").decode() for name, text in words.items())


def test_no_text_of_a_picture_that_knows_nothing(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", dpi=(72, 72))
    assert read_metadata(tmp_path / "a.png") == {}
    assert title_of({}) == "Reverie" and title_of({"world": "cloister"}) == "Reverie - cloister"


def test_it_is_as_large_as_it_was_shown(tmp_path):
    half = np.zeros((72, 128, 4), np.uint8)
    half[:, 64:] = 255
    path = write_new(encode_png(half, (1138, 640), {}), tmp_path, "a")
    shown = np.asarray(Image.open(path))
    assert shown.shape == (640, 1138, 3)
    assert shown[:, :540].max() <= 2 and shown[:, 600:].min() >= 253


def test_nothing_is_overwritten(tmp_path):
    shots = Screenshots(tmp_path)
    for seed in range(4):
        shots.take(noise(seed), None, {}, WHEN)
    names = [shot.path.name for shot in shots.close()]
    assert names == [f"reverie-20260304-050607{end}.png" for end in ("", "-2", "-3", "-4")]
    assert np.array_equal(np.asarray(Image.open(tmp_path / names[0])), noise(0)[..., 2::-1])


def test_the_walk_does_not_wait_and_what_is_too_much_is_told(tmp_path, stuck):
    shots = Screenshots(tmp_path)
    started = time.perf_counter()
    for _ in range(MOST_WAITING + 2):
        shots.take(noise(), None, {}, WHEN)
    assert time.perf_counter() - started < 1
    told = shots.results()
    assert len(told) == 2 and all("still being written" in shot.error for shot in told)
    stuck.set()
    assert [shot.error for shot in shots.close()] == [""] * MOST_WAITING
    assert len(list(tmp_path.iterdir())) == MOST_WAITING and shots.results() == shots.close() == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path, mode))
    shots = Screenshots(tmp_path)
    shots.take(noise(), None, {}, WHEN)
    (shot,) = shots.close()
    assert shot.error == "the disk is full" and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    shots = Screenshots(tmp_path / "file")
    shots.take(noise(), None, {}, WHEN)
    (shot,) = shots.close()
    assert "exists" in shot.error or "directory" in shot.error


def test_damaged_screenshots_are_told_in_a_line(tmp_path):
    whole = np.frombuffer(encode_png(noise(), None, FACTS), np.uint8)
    path, random = tmp_path / "a.png", np.random.default_rng(2)
    with pytest.raises(UserError, match="cannot read the screenshot"):
        read_metadata(tmp_path / "none.png")
    for _ in range(100):
        damaged = whole[: random.integers(0, 2000)].copy()
        spots = random.integers(0, 1200, 6)
        damaged[spots[spots < len(damaged)]] = random.integers(0, 256)
        path.write_bytes(damaged.tobytes())
        try:
            assert all(isinstance(words, str) for words in read_metadata(path).values())
        except UserError as error:
            assert "cannot read the screenshot" in str(error) and "\n" not in str(error)
