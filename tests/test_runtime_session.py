"""Session and replay: bit-exact round trips, logs that were cut, and differences that are found."""

import json
from functools import partial

import numpy as np
import pytest
from fake_world import FakeWorld

import play
from runtime.errors import UserError
from runtime.session import Chunk, Reset, SessionLog, digest, read_session


def write_log(path, chunks=6, reset_at=4, seed=7, **world):
    """A log of a world of random rows; returns the rows and the frames."""
    random, world, log, walked = np.random.default_rng(0), FakeWorld(**world), SessionLog(path), []
    log.loaded(world.info)
    log.begun(seed)
    world.reset(None, None, seed)
    for index in range(chunks):
        if index == reset_at:
            log.begun(seed + 1)
            world.reset(None, None, seed + 1)
        rows = random.normal(size=(4, world.info.control_columns)).astype(np.float32) * np.float32(1e-3)
        rows[0, 0] = [np.float32(-0.0), np.nextafter(np.float32(0), np.float32(1)), np.float32(0.1)][index % 3]
        frames = list(world.step(rows))
        log.dreamt(rows, frames)
        walked.append((rows, frames))
    log.close()
    return walked


@pytest.mark.parametrize("held_columns", [(), ("forward", "jump", "slide")])
def test_round_trip_is_bit_exact(tmp_path, held_columns):
    walked = write_log(tmp_path / "a.session.jsonl", held_columns=held_columns)
    session = read_session(tmp_path / "a.session.jsonl")
    header = session.header
    assert (header.world, header.seed, header.fps, header.size, header.chunk_frames) == (
        "cloister",
        7,
        20.0,
        (128, 72),
        4,
    )
    assert (header.backend, header.weights_sha256, header.image_sha256) == ("numpy", "0" * 64, "")
    assert session.events[4] == Reset(8) and session.chunks == 6
    chunks = [event for event in session.events if isinstance(event, Chunk)]
    for index, (chunk, (rows, frames)) in enumerate(zip(chunks, walked, strict=True)):
        assert chunk.index == index
        assert chunk.controls.dtype == np.float32 and chunk.controls.tobytes() == rows.tobytes()
        assert chunk.digests == tuple(digest(frame) for frame in frames)


def test_a_log_cut_anywhere_is_used_up_to_the_cut(tmp_path):
    path = tmp_path / "a.session.jsonl"
    write_log(path, chunks=3, reset_at=1)
    whole = path.read_bytes()
    header = whole.index(b"\n")
    for cut in [*range(header + 1, len(whole), 37), len(whole) - 1, len(whole)]:
        path.write_bytes(whole[:cut])
        session = read_session(path)
        # A line that lacks its newline only is whole.
        lines = [line for line in whole[:cut].split(b"\n")[1:] if line]
        whole_lines = whole.split(b"\n")
        assert len(session.events) == sum(line in whole_lines for line in lines)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"walk: 1", b'{"format": "other"}', b"\xff\xfe\x00", b"null"])
def test_what_is_no_session(tmp_path, content):
    path = tmp_path / "a.session.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a session"):
        read_session(path)


def test_a_later_format_and_a_damaged_middle(tmp_path):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].replace('"version": 1', '"version": 2'), *lines[1:]]))
    with pytest.raises(UserError, match="format 2"):
        read_session(path)
    path.write_text("\n".join([lines[0], lines[1][:50], *lines[2:]]))
    with pytest.raises(UserError, match="line 2"):
        read_session(path)


@pytest.mark.parametrize(
    "rows", [[[0, 0, 0]] * 4, [[0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1]], [[0, 0, 0, 0]] * 3, [0, 0, 0, 0], []]
)
def test_rows_that_fit_neither_each_other_nor_the_frames_are_damage(tmp_path, rows):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    lines = path.read_text().splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), "controls": rows})
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="line 3"):
        read_session(path)


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
    assert [event.seed for event in session.events if isinstance(event, Reset)] == [5, 6]
    assert session.header.image == str(tmp_path / "start.png")
    assert json.loads((tmp_path / "live.json").read_text())["recording_dropped_frames"] == 0
    code, line, _ = replay(tmp_path / "o.session.jsonl", capsys, tmp_path)
    assert code == 0 and line == [f"replay: {session.chunks} chunks, all frames bit-identical"]
    pygame.image.save(pygame.Surface((31, 18)), str(tmp_path / "start.png"))
    assert play.main(["--headless", "--replay", str(tmp_path / "o.session.jsonl")]) == 2
    assert "another picture" in capsys.readouterr().err
