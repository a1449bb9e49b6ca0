"""Encoders whose files are missing, damaged, or another network's: each is told in one line that names them."""

from __future__ import annotations

import json
import shutil

import pytest

from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
pytest.importorskip("transformers", reason="transformers is not installed: make test installs it")

from encoder_fixtures import (  # noqa: E402
    ENCODERS,
    GLYPH,
    PICTURE,
    PROMPT,
    QWEN,
    SIGLIP,
    UMT5,
    encode,
    write_all,
    written,
)

from model.encoders import loading  # noqa: E402
from model.encoders.base import fingerprint, missing  # noqa: E402
from model.encoders.glyph import GlyphByT5  # noqa: E402
from model.encoders.qwen import Qwen  # noqa: E402
from model.encoders.siglip import Siglip  # noqa: E402
from model.encoders.umt5 import Umt5  # noqa: E402


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The folder of weights."""
    weights = tmp_path_factory.mktemp("weights")
    write_all(weights)
    return weights


@pytest.fixture
def own(official, tmp_path):
    """A copy of the folder of weights, to be damaged."""
    return shutil.copytree(official, tmp_path / "weights")


def refused(name, weights):
    with pytest.raises(UserError) as caught:
        encode(name, weights)
    said = str(caught.value)
    assert said.isprintable() and "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ENCODERS)
def test_every_file_is_needed(own, name):
    encoder = ENCODERS[name]
    assert missing(encoder, own) == [] and len(encoder.files(own)) >= 3
    for file in encoder.files(own):
        content = (own / file).read_bytes()
        mark = fingerprint(encoder, own)
        (own / file).unlink()
        lacks = missing(encoder, own)
        if not file.endswith(".index.json"):  # without it the weights are another file, which is not there either
            assert lacks == [file]
        assert lacks and "missing" in refused(name, own)
        (own / file).write_bytes(content[: len(content) // 2])
        refused(name, own)
        (own / file).write_bytes(content)
        assert fingerprint(encoder, own) == mark


@pytest.mark.parametrize(
    "encoder, said",
    [(Qwen(width=48), "32 wide"), (GlyphByT5(), "32 wide"), (Umt5(), "32 wide"), (Siglip(width=32), "28 pixels")],
    ids=ENCODERS,
)
def test_another_encoder_is_refused(official, encoder, said):
    with pytest.raises(UserError, match=said):
        encoder.encode([PICTURE if encoder.name == "siglip" else PROMPT], official)


@pytest.mark.parametrize(
    "name, file, change, said",
    [
        ("qwen", QWEN.config, {"num_hidden_layers": 2}, "2 layers"),
        ("qwen", QWEN.config, {"num_hidden_layers": 4}, "unexpected: layers.4"),
        ("qwen", QWEN.config, {"num_hidden_layers": 8}, "missing: layers.5"),
        ("qwen", QWEN.config, {"num_attention_heads": "two"}, "does not fit"),
        ("qwen", QWEN.config, {"intermediate_size": 49}, "misshapen"),
        ("qwen", f"{QWEN.folder}/model.safetensors.index.json", {"weight_map": {"a": "../x.safetensors"}}, "names no"),
        ("glyph", GLYPH.fonts, {"en-Third": "x"}, "not numbered"),
        ("glyph", GLYPH.colors, {"red": 2}, "misshapen: embed_tokens"),
        ("umt5", UMT5.config, {"num_heads": "two"}, "does not fit"),
        ("siglip", SIGLIP.extractor, {"image_std": [0.5, 0, 0.5]}, "not three"),
        ("siglip", SIGLIP.extractor, {"resample": "soft"}, "no settings"),
    ],
)
def test_settings_that_do_not_fit_are_named(own, name, file, change, said):
    written(own / file, json.loads((own / file).read_text()) | change)
    assert said in refused(name, own)


def test_states_that_are_no_numbers_are_refused(own):
    from safetensors.torch import load_file, save_file

    path = own / UMT5.folder / "model.safetensors"
    tensors = load_file(path)
    tensors["encoder.block.0.layer.1.layer_norm.weight"][0] = float("nan")
    save_file(tensors, path)
    assert "no number" in refused("umt5", own)


def test_without_the_packages_it_is_one_line(official, monkeypatch):
    monkeypatch.setattr(loading, "PACKAGES", ("transformers", "no_such_package"))
    for name in ENCODERS:
        assert "needs what is not installed: no_such_package" in refused(name, official)
