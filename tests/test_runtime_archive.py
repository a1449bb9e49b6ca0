"""Archive: automatic logs are named so that none is overwritten, and only such are ever deleted."""

import os
from datetime import datetime

import pytest
from fake_world import FakeWorld

import play
from runtime.archive import KEPT, new_log, tidy

WHEN = datetime(2026, 3, 4, 5, 6, 7)


def logs(folder, count, first=0):
    """That many automatic logs with a picture and a saved world beside each, the oldest first."""
    made = []
    for number in range(first, first + count):
        path = new_log(folder, "worlds/cloister", WHEN.replace(minute=number), 77)
        stem = path.name.removesuffix(".session.jsonl")
        for name in (path.name, f"{stem}.0.reverie", f"{stem}.{'ab' * 6}.png"):
            (folder / name).write_text("x")
            os.utime(folder / name, (1000 + number, 1000 + number))
        made.append(path)
    return made


def test_no_log_is_overwritten(tmp_path):
    made = []
    for _ in range(3):
        made.append(new_log(tmp_path, "cloister", WHEN, 5))
        made[-1].touch()
    assert [path.name for path in made] == [
        "20260304-050607-5-cloister.session.jsonl",
        "20260304-050607-5.2-cloister.session.jsonl",
        "20260304-050607-5.3-cloister.session.jsonl",
    ]
    assert len(tidy(tmp_path, keep=0)) == 3


def test_the_oldest_go_with_what_lies_beside_them(tmp_path):
    made = logs(tmp_path, 6)
    gone = tidy(tmp_path, keep=4)
    assert {path.name for path in gone if path.suffix == ".jsonl"} == {path.name for path in made[:2]}
    assert len(gone) == 6 and len(list(tmp_path.iterdir())) == 12
    assert tidy(tmp_path, keep=4) == []


def test_what_was_written_to_last_counts_and_what_is_in_use_stays(tmp_path):
    made = logs(tmp_path, 4)
    os.utime(made[0], (9999, 9999))
    assert made[1] not in tidy(tmp_path, spare=[made[1]], keep=2)
    assert [path.exists() for path in made] == [True, True, False, True]


@pytest.mark.parametrize(
    "name",
    [
        "walk.session.jsonl",
        "20260304-050607-cloister.session.jsonl",
        "20260304-050607-5-cloister.session.jsonl.bak",
        "copy of 20260304-050607-5-cloister.session.jsonl",
        "20260304-050607-5-cloister.mp4",
        "20260304-050607-5-cloister.note.png",
        "0.reverie",
    ],
)
def test_what_a_person_named_stays(tmp_path, name):
    (tmp_path / name).write_text("dear")
    (tmp_path / "20260304-050607-5-folder.session.jsonl").mkdir()
    assert tidy(tmp_path, keep=0) == [] and (tmp_path / name).read_text() == "dear"


def test_there_may_be_no_folder(tmp_path):
    assert tidy(tmp_path / "nowhere") == []


def test_a_walk_in_a_window_tidies_and_one_without_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path))
    folder = tmp_path / "sessions"
    folder.mkdir()
    logs(folder, KEPT + 5)
    argv = ["--frames", "4", "--world", "cloister"]
    assert play.main(["--headless", *argv], load_world=lambda *_: FakeWorld()) == 0
    assert len(list(folder.glob("*.session.jsonl"))) == KEPT + 5
    assert play.main(argv, load_world=lambda *_: FakeWorld()) == 0
    assert len(list(folder.glob("*.session.jsonl"))) == KEPT + 1 and len(list(folder.iterdir())) == 3 * KEPT + 1
