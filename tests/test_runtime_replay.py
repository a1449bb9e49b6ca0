"""Replay: differences that are found, and sessions that are refused, of walks that the player recorded."""

import json
from functools import partial

import numpy as np
from fake_world import FakeWorld
from session_logs import write_log

import play
from runtime.logged import Again
from runtime.session import read_session


def replay(path, capsys, tmp_path, *arguments, **world):
    """(exit code, last line of stdout, the report's part) of replaying a log."""
    report = tmp_path / "replay.json"
    argv = ["--headless", "--replay", str(path), "--report", str(report), *arguments]
    code = play.main(argv, load_world=lambda *_: FakeWorld(**world))
    part = json.loads(report.read_text())["replay"] if report.exists() else None
    return code, capsys.readouterr().out.strip().splitlines()[-1:], part


def test_replay_is_identical(tmp_path, capsys):
    write_log(tmp_path / "a.session.jsonl", chunks=20)
    code, line, part = replay(tmp_path / "a.session.jsonl", capsys, tmp_path)
    assert (code, line) == (0, ["replay: 20 chunks, all frames bit-identical"])
    assert part == {"chunks": 20, "identical": True, "first_difference": None}


def test_replay_finds_one_altered_bit(tmp_path, capsys):
    write_log(tmp_path / "a.session.jsonl")
    code, line, part = replay(tmp_path / "a.session.jsonl", capsys, tmp_path, alter=18)
    assert code == 1 and line[0].startswith("replay: first difference at chunk 4 frame 2 (expected ")
    assert part["first_difference"]["chunk"] == 4 and part["chunks"] == 6 and not part["identical"]


def test_replay_finds_an_altered_control(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    lines = path.read_text().splitlines()
    fields = json.loads(lines[3])
    fields["controls"][1][2] += 0.5
    lines[3] = json.dumps(fields)
    path.write_text("\n".join(lines))
    code, line, _ = replay(path, capsys, tmp_path)
    assert code == 1 and line[0].startswith("replay: first difference at chunk 2 frame 1")


def test_replay_of_a_cut_log(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    path.write_bytes(path.read_bytes()[:-100])
    code, line, _ = replay(path, capsys, tmp_path)
    assert (code, line) == (0, ["replay: 5 chunks, all frames bit-identical"])


def test_replay_that_is_stopped_early_says_so(tmp_path, capsys):
    write_log(tmp_path / "a.session.jsonl", chunks=30, reset_at=-1)
    code, line, part = replay(tmp_path / "a.session.jsonl", capsys, tmp_path, "--frames", "9", "--fps", "100")
    assert code == 0 and "all frames bit-identical (stopped before the end" in line[0]
    assert part["chunks"] < 30


def test_replay_refuses_other_weights(tmp_path, capsys):
    write_log(tmp_path / "a.session.jsonl")
    argv = ["--headless", "--replay", str(tmp_path / "a.session.jsonl")]
    assert play.main(argv, load_world=lambda *_: FakeWorld(weights="1" * 64)) == 2
    assert "other weights" in capsys.readouterr().err


def test_replay_refuses_a_world_that_wants_other_columns(tmp_path, capsys):
    write_log(tmp_path / "a.session.jsonl")
    argv = ["--headless", "--replay", str(tmp_path / "a.session.jsonl")]
    assert play.main(argv, load_world=lambda *_: FakeWorld(held_columns=("jump",))) == 2
    assert "4 columns in the session, 5 in 'cloister'" in capsys.readouterr().err


def test_keys_that_a_world_asks_for_are_recorded_and_replayed(tmp_path, capsys):
    script = tmp_path / "jump.yaml"
    script.write_text("- {at: 0.1, down: w}\n- {at: 0.3, down: jump}\n- {at: 0.31, up: jump}\n- {at: 0.6, up: w}\n")
    world = partial(FakeWorld, held_columns=("forward", "jump", "slide"))
    argv = ["--headless", "--record", str(tmp_path / "o.mp4"), "--script", str(script), "--seconds", "1"]
    assert play.main(argv, load_world=lambda *_: world(0.03)) == 0
    session = read_session(tmp_path / "o.session.jsonl")
    held = np.concatenate([event.controls for event in session.events])[:, 4:]
    assert 4 <= held[:, 0].sum() <= 16 and held[:, 1:].sum(0).tolist() == [1, 0]
    capsys.readouterr()
    argv = ["--headless", "--replay", str(tmp_path / "o.session.jsonl")]
    assert play.main(argv, load_world=lambda *_: world()) == 0
    assert capsys.readouterr().out.endswith(f"replay: {session.chunks} chunks, all frames bit-identical\n")


def test_record_then_replay_with_resets_and_a_picture(tmp_path, capsys):
    import pygame

    pygame.image.save(pygame.Surface((31, 17)), str(tmp_path / "start.png"))
    script = tmp_path / "walk.yaml"
    keys = [(0.1, "down: w"), (0.3, "mouse: [50, 5]"), (0.5, "down: r"), (0.8, "down: n"), (1.1, "up: w")]
    script.write_text("".join(f"- {{at: {at}, {what}}}\n" for at, what in keys))
    argv = ["--headless", "--record", str(tmp_path / "o.mp4"), "--script", str(script), "--seconds", "1.4"]
    argv += ["--image", str(tmp_path / "start.png"), "--seed", "5", "--report", str(tmp_path / "live.json")]
    assert play.main(argv, load_world=lambda *_: FakeWorld(0.03)) == 0
    session = read_session(tmp_path / "o.session.jsonl")
    assert [event.seed for event in session.events if isinstance(event, Again)] == [5, 6]
    assert session.header.image == str(tmp_path / "start.png")
    assert json.loads((tmp_path / "live.json").read_text())["recording_dropped_frames"] == 0
    code, line, _ = replay(tmp_path / "o.session.jsonl", capsys, tmp_path)
    assert code == 0 and line == [f"replay: {session.chunks} chunks, all frames bit-identical"]
    pygame.image.save(pygame.Surface((31, 18)), str(tmp_path / "start.png"))
    assert play.main(["--headless", "--replay", str(tmp_path / "o.session.jsonl")]) == 2
    assert "another picture" in capsys.readouterr().err
