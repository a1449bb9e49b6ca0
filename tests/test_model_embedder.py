"""Where states of prompts and pictures come from, and the command that stores them."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from fake_encoders import PICTURE, SIGN, half, same, stored_in, wanted_by_a_family, write_files  # noqa: E402

from model import registry  # noqa: E402
from model.encoders import loading  # noqa: E402
from model.encoders.base import EMPTY, pixels_digest  # noqa: E402
from model.prompts.embedder import KEPT, Embedder  # noqa: E402


@pytest.fixture
def wanted():
    return wanted_by_a_family()


@pytest.fixture
def weights(tmp_path, wanted):
    """A folder in which every encoder's files are."""
    return write_files(wanted, tmp_path / "weights")


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """These encoders need no packages."""
    monkeypatch.setattr(loading, "PACKAGES", ())


def test_what_is_stored_needs_no_encoder(tmp_path, wanted, weights, monkeypatch):
    made = stored_in(tmp_path / "world", wanted, weights)
    monkeypatch.setattr(loading, "PACKAGES", ("no_such_package",))
    embedder = Embedder(wanted, tmp_path / "nowhere", [tmp_path / "world"])
    assert same(embedder.embed(SIGN)["long"], made.texts[SIGN]["long"])
    assert embedder.embed("")["loud"] is None and same(embedder.embed("")["long"], made.texts[EMPTY]["long"])
    assert same(embedder.see(PICTURE), made.pictures[pixels_digest(PICTURE)])
    with pytest.raises(UserError) as caught:
        embedder.embed("rain")
    said = str(caught.value)
    assert "'rain' is not stored" in said and "no_such_package is not installed" in said and "OPEN" in said
    with pytest.raises(UserError, match="start picture is not stored"):
        embedder.see(PICTURE[::-1])
    assert not any(encoder.calls for encoder in wanted.encoders)


def test_only_the_encoders_that_read_a_prompt_are_needed(wanted, weights):
    (weights / "loud/model.safetensors").unlink()
    embedder = Embedder(wanted, weights)
    assert embedder.embed("rain")["loud"] is None and embedder.embed("rain")["long"].shape == (4, 5)
    with pytest.raises(UserError, match="has no loud/model.safetensors"):
        embedder.embed("Rain")
    assert wanted.texts[1].calls == []


def test_what_was_made_stays_in_memory_for_a_while(wanted, weights):
    embedder, calls = Embedder(wanted, weights), wanted.texts[0].calls
    first = embedder.embed("0")
    for number in range(KEPT - 1):
        embedder.embed(str(number))
        embedder.see(PICTURE[: 2 + number % 4])
    assert calls.count(["3"]) == 1 and embedder.embed("14") is embedder.embed("14")
    assert calls.count(["14"]) == 1 and len(embedder._kept) == KEPT
    again = embedder.embed("0")  # the pictures and the later prompts had pushed it out
    assert again is not first and same(again["long"], first["long"]) and calls.count(["0"]) == 2


def test_encoders_are_read_once_for_many_prompts(wanted, weights):
    made = Embedder(wanted, weights).encode_texts(["a", "B", "", "a"])
    assert list(made) == ["a", "B", EMPTY]
    assert [encoder.calls for encoder in wanted.texts] == [[["a", "B", EMPTY]], [["B"]]]


def test_states_of_another_encoder_are_refused(tmp_path, wanted, weights):
    stored_in(tmp_path / "world", wanted, weights)
    Embedder(wanted, weights, [tmp_path / "world"])
    model = weights / "long/model.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"!")  # of the same name and size
    with pytest.raises(UserError, match="made by another long than the one in"):
        Embedder(wanted, weights, [tmp_path / "world"])
    model.unlink()  # nothing to compare with
    assert Embedder(wanted, weights, [tmp_path / "world"]).embed(SIGN)


def test_two_files_lie_over_each_other_where_one_encoder_made_them(tmp_path, wanted, weights):
    stored_in(tmp_path / "world", wanted, weights, [EMPTY, SIGN])
    stored_in(tmp_path / "more", wanted, weights, [EMPTY, "Rain"], [PICTURE[::-1]])
    embedder = Embedder(wanted, tmp_path, [tmp_path / "world", tmp_path / "none", tmp_path / "more"])
    assert set(embedder.stored.texts) == {EMPTY, SIGN, "Rain"} and len(embedder.stored.pictures) == 2
    wanted.texts[0].recipe = "letters 2"
    stored_in(tmp_path / "more", wanted, weights, [EMPTY, "Rain"])
    with pytest.raises(UserError, match="two different long"):
        Embedder(wanted, tmp_path, [tmp_path / "world", tmp_path / "more"])


# The command


@pytest.fixture
def world(tmp_path, wanted, monkeypatch):
    """A world of a family that is told of text; the family's module is `wanted`."""
    folder = tmp_path / "world"
    folder.mkdir()
    Image.fromarray(np.tile(PICTURE, (4, 4, 1))).save(folder / "start.png")
    (folder / "world.yaml").write_text("family: told\nstarts: [start.png]\n", encoding="utf-8")
    family = SimpleNamespace(conditioning=lambda folder, described: wanted)
    monkeypatch.setattr(registry, "family_of", lambda described, folder: family)
    return folder


def run(*argv):
    return importlib.import_module("model.prompts.__main__").main([str(word) for word in argv])


def test_the_command_stores_what_it_is_told_and_what_is_always_needed(tmp_path, world, wanted, weights, capsys):
    Image.fromarray(np.full((32, 32, 3), 9, np.uint8)).save(tmp_path / "mine.png")
    assert run(world, SIGN, "rain", "--weights", weights, "--image", tmp_path / "mine.png", "--device", "cpu") == 0
    assert "4 texts and 2 pictures" in capsys.readouterr().out
    calls = [encoder.calls for encoder in wanted.encoders]
    assert calls == [[[EMPTY, "calm", SIGN, "rain"]], [[SIGN]], [[(12, 16, 3), (16, 16, 3)]]]
    embedder = Embedder(wanted, tmp_path, [world])
    assert set(embedder.stored.texts) == {EMPTY, "calm", SIGN, "rain"}
    start = registry.starts_of(world, SimpleNamespace(starts=("start.png",)))[0]
    assert embedder.see(half(start)).shape == (4, 7)
    assert run(world, "snow", "--weights", weights, "--device", "cpu") == 0
    assert set(Embedder(wanted, tmp_path, [world]).stored.texts) == {EMPTY, "calm", SIGN, "rain", "snow"}


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, world, wanted, weights, capsys, monkeypatch):
    def said(*argv):
        assert run(*argv) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("reverie: ") and captured.err.count("\n") == 1 and not captured.out
        return captured.err

    assert "encoder long is not there" in said(world, "rain", "--weights", tmp_path)
    assert "unknown world" in said("nowhere")
    assert "is not a torch device" in said(world, "--device", "?")
    assert "cannot read the image" in said(world, "--image", tmp_path / "none.png", "--weights", weights)
    stored_in(world, wanted, weights)
    wanted.texts[0].recipe = "letters 2"
    assert "made by another long" in said(world, "rain", "--weights", weights, "--device", "cpu")
    monkeypatch.setattr(registry, "family_of", lambda described, folder: SimpleNamespace())
    assert "not told of any text" in said(world, "rain", "--weights", weights)
    monkeypatch.setattr(loading, "PACKAGES", ("no_such_package",))
    assert "no_such_package" in said(world, "rain", "--weights", weights)
