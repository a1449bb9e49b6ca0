"""WorldPlay's recorded cameras, labels and choices of context, run by bench/parity.py: that ours are those, that a
difference fails, and which other recordings are understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference import reference

from model.worldplay import overlap
from model.worldplay.cameras import view_matrices
from model.worldplay.overlap import MEMORY_8B

FAMILY = "worldplay"


def test_the_recorded_ones(capsys):
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    from bench import parity

    path = reference(FAMILY, "golden_camera.safetensors")
    assert parity.main([FAMILY, "camera", str(path)]) == 0
    out = capsys.readouterr().out
    assert "PASS" in out and "not produced" not in out
    for name in ("pose.0.actions", "motions.0.diagonals.viewmats", "selected_5b.played", "overlap.0 ", "invalid.0"):
        assert name in out


def replaced(notes: dict, *path, by) -> None:
    for key in path[:-1]:
        notes = notes[key]
    notes[path[-1]] = by(notes[path[-1]])


def one_more(value):
    return value + 1


CHANGES = {
    "label": (("motion_lists", 3, "actions", 4), one_more),
    "view": (("pose_strings", 1, "viewmats", 5, 0, 3), lambda value: value + 1e-3),
    "intrinsics": (("pose_strings", 0, "K", 0, 0), lambda value: value * 1.01),
    "length": (("pose_strings", 2, "actions"), lambda value: value[:-1]),
    "invalid": (("invalid_pose_strings", 0, "pose"), lambda value: "w-3"),
    "choice": (("retrieval", 0, "chunks", -1, "selected", 5), one_more),
    "choice_5b": (("retrieval", 0, "chunks", -1, "selected_5b", 0), one_more),
    "distance": (("retrieval", 0, "chunks", -1, "clip_distances", 0, 1), lambda value: value + 1e-4),
    "margin": (("retrieval", 0, "chunks", -1, "margin_to_next"), lambda value: value + 1e-4),
    "seed": (("retrieval", 0, "torch_manual_seed"), one_more),
    "overlap": (("overlap_samples", 0, "overlap"), lambda value: value + 5e-4),
    "sizes": (("resolution_480p", "n_buckets"), one_more),
    "size": (("resolution_480p", "examples", 0, "height_width"), lambda value: value[::-1]),
}


def parity_of(folder: Path, change: Callable[[dict, np.ndarray], None]) -> int:
    """What bench/parity.py returns for the fixture with one trajectory, whose overlap samples are then of that, as
    `change` leaves it, which is given the points, too."""
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    from safetensors.numpy import load_file, save_file

    from bench import parity

    source = reference(FAMILY, "golden_camera.safetensors")
    notes = json.loads(source.with_suffix(".json").read_text())
    notes["retrieval"] = [walk for walk in notes["retrieval"] if walk["name"] == "stand_still"]
    notes["overlap_samples"] = [{"trajectory": "stand_still", "query": 9, "history": 3, "overlap": 1.0}]
    name = notes["retrieval"][0]["points"]
    points = load_file(source)[name]
    change(notes, points)
    save_file({name: points}, folder / "one.safetensors")
    (folder / "one.json").write_text(json.dumps(notes))
    return parity.main([FAMILY, "camera", str(folder / "one.safetensors")])


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_recorded_otherwise_fails(tmp_path, capsys, change):
    path, by = CHANGES[change]
    assert parity_of(tmp_path, lambda notes, _: replaced(notes, *path, by=by)) == 1
    out = capsys.readouterr().out
    # A label or a choice is changed by 1, a number by more than the tolerance: and nothing else fails.
    assert out.count("above the tolerance") == (2 if change.startswith("choice") else 1)


def test_other_recordings_are_read(tmp_path, capsys):
    """A walk that ends within a chunk, the choices of one model, no seed, views that end nearer, another exception."""

    def change(notes: dict, points: np.ndarray) -> None:
        seen = overlap.in_view(points, MEMORY_8B)
        share = (np.linalg.norm(seen, axis=1) < 4).mean()
        notes["retrieval_settings"]["far_limit"], notes["overlap_samples"][0]["overlap"] = 4.0, share
        notes["invalid_pose_strings"].append({"pose": "w-inf", "raises": "OverflowError"})
        (walk,) = notes["retrieval"]
        del walk["torch_manual_seed"], walk["viewmats"][34:]
        for chunk in walk["chunks"]:
            del chunk["selected_5b"]
            chunk["clip_distances"] = [[clip, 1 - share] for clip, _ in chunk.get("clip_distances", ())]

    assert parity_of(tmp_path, change) == 0
    assert "distances.32 " in capsys.readouterr().out


def test_a_recording_of_json_alone(tmp_path, capsys):
    assert parity_of(tmp_path, lambda notes, _: None) == 0
    (tmp_path / "one.safetensors").unlink()
    from bench import parity

    argv = [FAMILY, "camera", str(tmp_path / "one.json")]
    assert parity.main(argv) == 2 and "no tensor 'points.seed3'" in capsys.readouterr().err
    notes = json.loads((tmp_path / "one.json").read_text())
    (tmp_path / "one.json").write_text(json.dumps(notes | {"retrieval": [], "overlap_samples": []}))
    assert parity.main(argv) == 0 and "pose.0.actions" in capsys.readouterr().out


@pytest.mark.parametrize("more, code", [(1, 0), (2, 1)])
def test_a_point_at_the_edge_of_a_view_may_count(tmp_path, capsys, more, code):
    """Single precision took in `more` points, one of which is farther by 8e-7 units than a camera behind sees."""

    def change(notes: dict, points: np.ndarray) -> None:
        seen = overlap.in_view(points, MEMORY_8B)
        point = next(point for point in seen if 4 < np.linalg.norm(point) < 6)
        other = np.eye(4)
        other[:3, 3] = point * (1 - (8 + 8e-7) / np.linalg.norm(point))
        notes["retrieval"][0]["viewmats"][3] = view_matrices(other).tolist()
        counted = overlap.seen(np.eye(4), other, seen, MEMORY_8B)
        notes["overlap_samples"][0]["overlap"] = (counted + more) / len(seen)

    assert parity_of(tmp_path, change) == code
    assert capsys.readouterr().out.count("above the tolerance") == code
