"""Stored states of prompts and pictures: the file comes back to the bit, and is refused in whatever way it is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mutate import mutated

from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from fake_encoders import PICTURE, SIGN, same, stored_in, wanted_by_a_family, write_files  # noqa: E402

from model.encoders.base import EMPTY, fingerprint, pixels_digest  # noqa: E402
from model.prompts.listed import FILE  # noqa: E402
from model.prompts.stored import Stored, read_stored, write_stored  # noqa: E402

MUTATIONS = 200


@pytest.fixture
def wanted():
    return wanted_by_a_family()


@pytest.fixture
def weights(tmp_path, wanted):
    """A folder in which every encoder's files are."""
    return write_files(wanted, tmp_path / "weights")


def test_what_is_stored_comes_back_to_the_bit(tmp_path, wanted, weights):
    made = stored_in(tmp_path / "world", wanted, weights)
    found = read_stored(tmp_path / "world" / FILE, wanted)
    assert found.texts.keys() == {EMPTY, SIGN} and found.made_by == made.made_by
    assert set(found.made_by) == {"long", "loud", "eye"}
    for prompt, states in made.texts.items():
        assert all(same(states[name], found.texts[prompt][name]) for name in ("long", "loud"))
    assert found.texts[EMPTY]["loud"] is None and found.texts[SIGN]["loud"].shape == (4, 3)
    assert same(found.pictures[pixels_digest(PICTURE)], made.pictures[pixels_digest(PICTURE)])
    assert [path.name for path in (tmp_path / "world").iterdir()] == [FILE]
    (tmp_path / "plain").touch()
    modes = [path.stat().st_mode for path in (tmp_path / "world" / FILE, tmp_path / "plain")]
    assert modes[0] == modes[1], "whoever plays the world may not read it"


@pytest.mark.parametrize("part", range(4))
def test_every_mutation_is_one_line(tmp_path, wanted, weights, part):
    stored_in(tmp_path, wanted, weights)
    path = tmp_path / FILE
    content = path.read_bytes()
    for seed in range(part, MUTATIONS, 4):
        path.write_bytes(mutated(content, seed))
        with pytest.raises(UserError) as caught:
            read_stored(path, wanted)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 2500, seed
    path.write_bytes(content)
    assert read_stored(path, wanted).texts


def rewritten(path, wanted, **changes):
    """The stored file with fields replaced by what cannot be, its digest right."""
    write_stored(path, replace(read_stored(path, wanted), **changes))


def with_states(texts, name, states):
    return {prompt: {**mine, **({name: states} if prompt == SIGN else {})} for prompt, mine in texts.items()}


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda s: {"texts": with_states(s.texts, "long", torch.ones(2, 6))}, r"\[2, 6\], where at most 9 of width 5"),
        (lambda s: {"texts": with_states(s.texts, "long", torch.ones(10, 5))}, r"\[10, 5\]"),
        (lambda s: {"texts": with_states(s.texts, "long", torch.ones(0, 5))}, r"\[0, 5\]"),
        (lambda s: {"texts": with_states(s.texts, "long", torch.full((2, 5), torch.nan))}, "no numbers"),
        (lambda s: {"texts": with_states(s.texts, "long", torch.ones(2, 5, dtype=torch.int64))}, "other things"),
        (lambda s: {"texts": with_states(s.texts, "loud", None)}, "has not what loud makes of it"),
        (lambda s: {"texts": {**s.texts, EMPTY: s.texts[SIGN]}}, "has not what loud"),
        (lambda s: {"texts": with_states(s.texts, "other", torch.ones(1, 1))}, "an encoder that this world has not"),
        (lambda s: {"texts": {**s.texts, "": s.texts[EMPTY]}}, "cannot be"),
        (lambda s: {"pictures": {"0" * 64: torch.ones(3, 7)}}, r"\[3, 7\], where 4 of width 7"),
        (lambda s: {"pictures": {"x": torch.ones(4, 7)}}, "this world has not"),
        (lambda s: {"made_by": {}}, "do not say what made them"),
        (lambda s: {"made_by": {**s.made_by, "long": "abc"}}, "cannot be"),
        (lambda s: {"made_by": {**s.made_by, "other": "0" * 64}}, "do not say what made them"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, wanted, weights, change, said):
    stored_in(tmp_path, wanted, weights)
    rewritten(tmp_path / FILE, wanted, **change(read_stored(tmp_path / FILE, wanted)))
    with pytest.raises(UserError, match=said):
        read_stored(tmp_path / FILE, wanted)


@pytest.mark.parametrize("field, value", [("format", "x"), ("version", "2"), ("prompts", "[1]"), ("prompts", "[")])
def test_metadata_that_cannot_be_is_refused(tmp_path, wanted, weights, field, value):
    from safetensors.torch import load_file, save_file

    from model.prompts.stored import _content, _digest

    stored_in(tmp_path, wanted, weights)
    metadata, tensors = _content(tmp_path / FILE)
    metadata = {**metadata, field: value}
    del metadata["sha256"]
    save_file(tensors, tmp_path / FILE, {**metadata, "sha256": _digest(metadata, tensors)})
    assert load_file(tmp_path / FILE)
    with pytest.raises(UserError):
        read_stored(tmp_path / FILE, wanted)


def test_other_places_are_refused(tmp_path, wanted):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "nothing"):
        with pytest.raises(UserError):
            read_stored(path, wanted)
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(UserError, match="cannot store the prompts"):
        write_stored(tmp_path / "taken" / FILE, Stored())


def test_a_fingerprint_is_of_recipe_names_sizes_and_pieces(wanted, weights):
    encoder = wanted.texts[0]
    before = fingerprint(encoder, weights)
    encoder.recipe = "letters 2"
    marks = {before, fingerprint(encoder, weights)}
    encoder.recipe = "letters 1"
    assert fingerprint(encoder, weights) == before
    path = weights / "long/config.json"
    content = path.read_bytes()
    for other in (content + b"x", b"x" + content[1:], content[:-1] + b"x", b""):
        path.write_bytes(other)
        marks.add(fingerprint(encoder, weights))
    assert len(marks) == 6
