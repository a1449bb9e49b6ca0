"""--continue: to the end of a session, checked, and on from there as if it had never ended; with a new, whole log."""

import json
from functools import partial

import numpy as np
import pytest
from session_logs import Walked, Worded, continued, eventful, replayed

import play
from runtime.image import load_image
from runtime.logged import Chunk
from runtime.session import read_session
from runtime.session_log import digest

ON = "- {at: 0.0, down: w}\n- {at: 0.2, mouse: [40, 0]}\n- {at: 0.4, down: r}\n- {at: 0.6, down: n}\n"
AHEAD = "- {at: 0.0, down: w}\n- {at: 0.3, mouse: [60, 9]}\n"


def rows_and_digests(session):
    chunks = [event for event in session.events if isinstance(event, Chunk)]
    return [(chunk.controls.tobytes(), chunk.digests) for chunk in chunks]


def test_it_goes_on_bit_for_bit_as_if_it_had_never_ended(tmp_path, capsys):
    old = Walked(tmp_path / "a.session.jsonl", seed=5).steps(7).end()
    code, path = continued(old.path, tmp_path, AHEAD)
    assert code == 0 and capsys.readouterr().out.endswith("replay: 7 chunks, all frames bit-identical\n")
    new = read_session(path)
    assert new.chunks > 8 and rows_and_digests(new)[:7] == rows_and_digests(old)
    world = Worded()
    world.reset(None, None, 5)
    for event in new.events:
        assert tuple(digest(frame) for frame in world.step(event.controls)) == event.digests
    assert any(np.abs(event.controls).max() > 0 for event in new.events[8:])
    report = json.loads((tmp_path / "on.json").read_text())
    assert report["replay"] == {"chunks": 7, "identical": True, "first_difference": None}


def test_a_walk_in_which_everything_happened_leaves_a_log_that_stands_alone(tmp_path, capsys):
    old = eventful(tmp_path / "a.session.jsonl", tmp_path)
    code, path = continued(old.path, tmp_path, ON, 1.2)
    new = read_session(path)
    assert code == 0 and new.chunks > old.chunks
    assert [type(event) for event in new.events[: len(old.events)]] == [type(event) for event in old.events]
    assert rows_and_digests(new)[: old.chunks] == rows_and_digests(old)
    for left in tmp_path.glob("a.*"):
        left.unlink()
    capsys.readouterr()
    code, line, errors, _ = replayed(path, capsys, tmp_path)
    assert (code, line, errors) == (0, f"replay: {new.chunks} chunks, all frames bit-identical", "")


def test_from_a_picture_that_was_pasted_and_twice(tmp_path, capsys):
    from PIL import Image

    from runtime.image import StartImage

    Image.new("RGB", (40, 30), (1, 2, 3)).save(tmp_path / "p.png")
    walk = Walked(tmp_path / "a.session.jsonl").steps(1)
    walk.generator.image = StartImage("", "", load_image(tmp_path / "p.png").pixels)
    walk.generator.begin(9)
    walk.steps(2).end()
    assert continued(tmp_path / "a.session.jsonl", tmp_path, AHEAD, 0.5)[0] == 0
    assert continued(tmp_path / "on.session.jsonl", tmp_path, AHEAD, 0.5, name="further")[0] == 0
    for left in [*tmp_path.glob("a.*"), *tmp_path.glob("on.*"), tmp_path / "p.png"]:
        left.unlink()
    capsys.readouterr()
    code, line, errors, _ = replayed(tmp_path / "further.session.jsonl", capsys, tmp_path)
    assert (code, errors) == (0, "") and line.endswith("all frames bit-identical")


def test_what_comes_out_otherwise_is_said_and_gone_on_from(tmp_path, capsys):
    old = Walked(tmp_path / "a.session.jsonl").steps(5).end()
    code, path = continued(old.path, tmp_path, AHEAD, 0.6, partial(Worded, alter=9))
    assert code == 1 and "first difference at chunk 2 frame 1" in capsys.readouterr().out
    code, line, _, _ = replayed(path, capsys, tmp_path, world=partial(Worded, alter=9))
    assert code == 0, line


def test_a_person_is_told_of_a_difference_at_once_and_once(tmp_path):
    from input.controls import Controls
    from runtime.driver import Live, Resumed
    from runtime.generator import Generator
    from runtime.replay import Replay

    old = Walked(tmp_path / "a.session.jsonl").steps(3).end()
    replay = Replay(old)
    driver = Resumed(replay, Live(Controls(), 0))
    generator = Generator(lambda: Worded(alter=2), None, (replay,))
    generator.start()
    while generator.info is None:
        pass
    driver.begin(generator)
    while driver.hurries:
        if generator.idle and generator.ahead == 0:
            driver.submit(generator, 0.0)
        generator.take()
    assert [len(driver.news()) for _ in range(3)] == [1, 0, 0]
    assert generator.close()


@pytest.mark.parametrize("part", range(6))
def test_a_log_cut_anywhere_is_gone_on_with_from_the_cut(tmp_path, capsys, part):
    path = tmp_path / "a.session.jsonl"
    eventful(path, tmp_path)
    whole = path.read_bytes()
    first = whole.index(b"\n", whole.index(b"\n") + 1)
    cut = first + (len(whole) - first) * part // 6 + part * 7
    path.write_bytes(whole[:cut])
    old = read_session(path)
    code, new = continued(path, tmp_path, AHEAD, 0.3)
    assert code == 0 and f"replay: {old.chunks} chunks, all frames bit-identical" in capsys.readouterr().out
    assert rows_and_digests(read_session(new))[: old.chunks] == rows_and_digests(old)
    assert replayed(new, capsys, tmp_path)[0] == 0


def test_a_log_without_a_chunk_and_one_that_would_be_overwritten(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    Walked(path).steps(2).end()
    before = path.read_bytes()
    assert play.main(["--headless", "--continue", str(path), "--record", str(tmp_path / "a.mp4")]) == 2
    assert "would be written over" in capsys.readouterr().err and path.read_bytes() == before
    path.write_bytes(before[: before.index(b"\n") + 5])
    assert play.main(["--headless", "--continue", str(path)]) == 2
    assert "the session is empty" in (told := capsys.readouterr().err) and len(told.splitlines()) == 1


def test_a_walk_without_a_chunk_leaves_no_log_and_an_older_one_alone(tmp_path):
    path = tmp_path / "a.session.jsonl"
    path.write_text("dear")
    walk = Walked(path)
    walk.moment()
    assert walk.generator.close()
    walk.log.close()
    assert path.read_text() == "dear" and [p.name for p in tmp_path.iterdir()] == ["a.session.jsonl"]
