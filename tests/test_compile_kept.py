"""Engines that are kept: found again, made ahead of time elsewhere, refused where damaged or of another world."""

from __future__ import annotations

import json

import pytest
from better_engine import better_fixture, opened_fixture  # noqa: F401

from compile.store import FACTS, digest_of


def test_a_damaged_engine_is_built_anew(better, opened):
    opened.open(settled=True)
    (entry,) = opened.store.entries()
    (entry.folder / "engine.bin").write_bytes(b"altered")
    assert opened.open(settled=True).backend.startswith("openvino")
    assert better.built == 2 and "damaged (engine.bin is altered)" in opened.lines[-2]
    (entry.folder / FACTS).write_text("{not json")
    assert opened.open(settled=True).backend.startswith("openvino") and better.built == 3


def made_ahead(folder, weights: str, **changes):
    """What `python -m compile build` leaves, of one file."""
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny" / "engine.bin").write_bytes(b"ahead")
    facts = {"engine": "openvino", "precision": "fp32", "weights": weights, "graphs": {"tiny": {}}}
    facts["files"] = {"tiny/engine.bin": digest_of(folder / "tiny" / "engine.bin")}
    (folder / FACTS).write_text(json.dumps(facts | changes))
    return folder


def test_engines_made_ahead_of_time_are_taken_over(better, opened, tmp_path):
    weights = opened.open(engine="ort").info.weights_sha256
    world = opened.open(settled=True, engine_dir=made_ahead(tmp_path / "a", weights))
    assert world.backend.startswith("openvino") and better.built == 0, "nothing was built"
    assert (opened.store.entries()[0].folder / "engine.bin").read_bytes() == b"ahead"


@pytest.mark.parametrize("wrong", ["weights", "file", "json", "precision"])
def test_engines_made_ahead_of_time_that_do_not_fit(better, opened, tmp_path, wrong):
    weights = "others" if wrong == "weights" else opened.open(engine="ort").info.weights_sha256
    changes = {"precision": "fp16"} if wrong == "precision" else {}
    folder = made_ahead(tmp_path / "a", weights, **changes)
    if wrong == "file":
        (folder / "tiny" / "engine.bin").write_bytes(b"altered")
    if wrong == "json":
        (folder / FACTS).write_text("{")
    world = opened.open(settled=True, engine_dir=folder)
    if wrong == "precision":
        assert world.backend.startswith("openvino") and better.built == 1, "there is none of that kind: it is built"
        return
    assert world.backend.startswith("ort") and better.built == 0
    says = {"weights": "made of other weights", "file": "missing or altered", "json": "there are no engines"}
    assert says[wrong] in opened.lines[0] and "going on with ort fp32" in opened.lines[0]


def test_other_weights_or_code_are_another_engine(better, opened, monkeypatch):
    opened.open(settled=True)
    monkeypatch.setattr("compile.facts.code", lambda: "changed")
    opened.open(settled=True)
    assert better.built == 2 and len(opened.store.entries()) == 2
    assert opened.store.clear() > 0 and not opened.store.entries()
