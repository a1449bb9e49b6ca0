"""Replays of whatever can happen in a walk: the same pictures, or the place where they differ and why."""

import json
from dataclasses import replace
from functools import partial

import pytest
from fake_world import FakeWorld
from session_logs import Walked, Worded, eventful, of_another_run, replayed

import play
from runtime.logged import Again, Back, Engine, Loaded
from runtime.logged import Worded as WordedEvent
from runtime.session import read_session


def test_everything_that_can_happen_comes_back(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    session = eventful(path, tmp_path)
    kinds = [type(event) for event in session.events]
    assert kinds.count(Again) == 2 and kinds.count(Back) == 2 and kinds.count(WordedEvent) == 1
    assert kinds.count(Loaded) == 1 and session.chunks == 16
    assert (tmp_path / "a.0.reverie").is_file()
    assert [e.prompt for e in session.events if isinstance(e, WordedEvent)] == ["snow at dusk, naïve"]
    code, line, errors, part = replayed(path, capsys, tmp_path)
    assert (code, line, errors) == (0, "replay: 16 chunks, all frames bit-identical", "")
    assert part == {"chunks": 16, "identical": True, "first_difference": None}


@pytest.mark.parametrize("alter", range(2, 64, 9))
def test_one_bit_is_found_wherever_it_is(tmp_path, capsys, alter):
    path = tmp_path / "a.session.jsonl"
    eventful(path, tmp_path)
    code, line, _, _ = replayed(path, capsys, tmp_path, world=partial(Worded, alter=alter))
    assert code == 1 and line.startswith(f"replay: first difference at chunk {alter // 4} frame {alter % 4} ")


def test_a_world_with_a_first_chunk_of_its_own(tmp_path, capsys):
    world = partial(Worded, first_frames=1, frames=3, held_columns=("jump",))
    session = eventful(tmp_path / "a.session.jsonl", tmp_path, world())
    code, line, _, _ = replayed(tmp_path / "a.session.jsonl", capsys, tmp_path, world=world)
    assert (code, line) == (0, f"replay: {session.chunks} chunks, all frames bit-identical")


def test_a_walk_from_a_saved_world_brings_it_along(tmp_path, capsys):
    before = Walked(tmp_path / "a.session.jsonl").steps(3)
    moment = before.moment()
    before.end()
    session = Walked(tmp_path / "b.session.jsonl", start=of_another_run(moment), rows=2).steps(4).end()
    assert session.header.start == "b.0.reverie" and (tmp_path / "b.0.reverie").is_file()
    (tmp_path / "elsewhere").mkdir()
    for name in ("b.0.reverie", "b.session.jsonl"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    code, line, _, _ = replayed(tmp_path / "elsewhere" / "b.session.jsonl", capsys, tmp_path)
    assert (code, line) == (0, "replay: 4 chunks, all frames bit-identical")
    (tmp_path / "elsewhere" / "b.0.reverie").unlink()
    code, _, errors, _ = replayed(tmp_path / "elsewhere" / "b.session.jsonl", capsys, tmp_path)
    assert code == 2 and "cannot read the saved world" in errors and len(errors.splitlines()) == 1


def test_two_saved_worlds_without_a_chunk_between_do_not_share_a_file(tmp_path, capsys):
    other = Walked(tmp_path / "o.session.jsonl", seed=2)
    moments = [of_another_run(other.steps(1).moment()) for _ in range(3)]
    other.end()
    walk = Walked(tmp_path / "a.session.jsonl", start=moments[0])
    walk.moment()  # waits until it is there
    walk.generator.restore(moments[1])
    landed = walk.moment()
    walk.generator.restore(moments[2])
    walk.steps(1)
    walk.generator.restore(landed)
    session = walk.steps(2).end()
    assert [type(event) for event in session.events][:2] == [Loaded, Loaded]
    code, line, _, _ = replayed(tmp_path / "a.session.jsonl", capsys, tmp_path)
    assert (code, line) == (0, "replay: 3 chunks, all frames bit-identical")


def test_the_verdict_names_an_engine_that_took_over(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    Walked(path).steps(6).end()
    lines = path.read_text().splitlines()
    lines.insert(4, json.dumps({"engine": "trt fp8, 8 bits"}))
    path.write_text("\n".join(lines) + "\n")
    assert isinstance(read_session(path).events[3], Engine)
    code, line, _, _ = replayed(path, capsys, tmp_path)
    assert (code, line) == (0, "replay: 6 chunks, all frames bit-identical")
    code, line, _, _ = replayed(path, capsys, tmp_path, world=partial(Worded, alter=17))
    assert code == 1 and "chunk 4 frame 1" in line and "trt fp8, 8 bits had taken over before it" in line
    code, line, _, _ = replayed(path, capsys, tmp_path, world=partial(Worded, alter=3))
    assert code == 1 and "chunk 0 frame 3" in line and "taken over" not in line


def test_a_picture_that_moved_with_its_log_or_is_given(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    eventful(path, tmp_path)
    (tmp_path / "start1.png").rename(tmp_path / "moved.png")
    code, _, errors, _ = replayed(path, capsys, tmp_path)
    assert code == 2 and "start1.png" in errors
    code, line, _, _ = replayed(path, capsys, tmp_path, "--image", str(tmp_path / "moved.png"))
    assert code == 0, line
    folder = tmp_path / "all"
    folder.mkdir()
    (tmp_path / "moved.png").rename(folder / "start1.png")
    for name in ("start2.png", "a.session.jsonl", "a.0.reverie"):
        (tmp_path / name).rename(folder / name)
    code, line, _, _ = replayed(folder / "a.session.jsonl", capsys, tmp_path)
    assert (code, line) == (0, "replay: 16 chunks, all frames bit-identical")
    (folder / "start2.png").unlink()  # the later one is missed at the start too
    code, _, errors, _ = replayed(folder / "a.session.jsonl", capsys, tmp_path)
    assert code == 2 and "start2.png" in errors


def test_a_picture_for_a_session_that_had_none(tmp_path, capsys):
    Walked(tmp_path / "a.session.jsonl").steps(1).end()
    code, _, errors, _ = replayed(tmp_path / "a.session.jsonl", capsys, tmp_path, "--image", "x.png")
    assert code == 2 and "started without a picture" in errors and len(errors.splitlines()) == 1


def test_words_for_a_world_that_takes_none(tmp_path, capsys):
    eventful(tmp_path / "a.session.jsonl", tmp_path)
    code, _, errors, _ = replayed(tmp_path / "a.session.jsonl", capsys, tmp_path, world=FakeWorld)
    assert code == 2 and "takes none" in errors and len(errors.splitlines()) == 1


def test_a_log_cut_anywhere_is_replayed_up_to_the_cut(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    eventful(path, tmp_path)
    whole = path.read_bytes()
    header, first = whole.index(b"\n"), whole.index(b"\n", whole.index(b"\n") + 1)
    for cut in [*range(first, len(whole), len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        chunks = read_session(path).chunks
        code, line, errors, _ = replayed(path, capsys, tmp_path)
        assert (code, line, errors) == (0, f"replay: {chunks} chunks, all frames bit-identical", "")
    for cut in (0, 1, header // 2, header - 1, header, header + 40, first - 1):
        path.write_bytes(whole[:cut])
        code, _, errors, _ = replayed(path, capsys, tmp_path)
        assert code == 2 and len(errors.splitlines()) == 1


def test_a_pipe_is_no_session(tmp_path, capsys):
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "a.session.jsonl")
    assert play.main(["--headless", "--replay", str(tmp_path / "a.session.jsonl")]) == 2
    assert "is no file" in capsys.readouterr().err


def overlapping():
    """A world that takes the next chunk while the frames of the last one are still on their way."""
    world = Worded(0.02)
    world.info = replace(world.info, overlaps=True)
    return world


@pytest.mark.parametrize("how", [["--replay"], ["--replay", "--fps", "60"], ["--continue", "--frames", "8"]])
def test_a_world_that_overlaps_finishes_a_chunk_before_it_begins_again(tmp_path, capsys, how):
    session = eventful(tmp_path / "a.session.jsonl", tmp_path, overlapping())
    how, *arguments = how
    code, line, errors, part = replayed(
        tmp_path / "a.session.jsonl", capsys, tmp_path, *arguments, world=overlapping, how=how
    )
    assert (code, line, errors) == (0, f"replay: {session.chunks} chunks, all frames bit-identical", "")
    assert part["chunks"] == session.chunks == 16
