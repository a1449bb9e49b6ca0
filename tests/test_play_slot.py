"""--slot: a walk goes on from a saved world as if it had never ended, or is refused in one line."""

from dataclasses import replace
from functools import partial

import pytest
from fake_world import FakeWorld
from session_logs import Walked, replayed

import play
from runtime import folders
from runtime.logged import Chunk
from runtime.saving import slot_of
from runtime.session import read_session
from runtime.session_log import digest
from runtime.shelf import slot_path
from runtime.slots import write_slot

SCRIPT = "- {at: 0.0, down: w}\n- {at: 0.2, mouse: [40, 0]}\n"


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A home with the slot `hill`: its path, and the world as it was saved."""
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    walk = Walked(tmp_path / "before.session.jsonl", FakeWorld(), seed=4).steps(3)
    moment = walk.moment()
    slot = slot_of(moment, walk.world.info, walk.generator.camera, walk.generator.backend)
    walk.end()
    path = slot_path(folders.slots_folder(), "hill")
    path.parent.mkdir(parents=True)
    write_slot(path, slot)
    (tmp_path / "walk.yaml").write_text(SCRIPT)
    return path, walk.world


def start(tmp_path, *arguments, world=FakeWorld):
    argv = ["--headless", "--seconds", "0.6", *arguments]
    return play.main(argv, load_world=lambda *_: world())


def test_it_goes_on_bit_for_bit(tmp_path, capsys, saved):
    _, world = saved
    argv = ["--slot", "hill", "--record", str(tmp_path / "o.mp4"), "--script", str(tmp_path / "walk.yaml")]
    assert start(tmp_path, *argv) == 0
    session = read_session(tmp_path / "o.session.jsonl")
    chunks = [event for event in session.events if isinstance(event, Chunk)]
    assert session.header.start and session.header.seed == 4 and len(chunks) > 1
    for chunk in chunks:
        assert tuple(digest(frame) for frame in world.step(chunk.controls)) == chunk.digests
    saved[0].unlink()
    capsys.readouterr()
    code, line, _, _ = replayed(tmp_path / "o.session.jsonl", capsys, tmp_path, world=FakeWorld)
    assert (code, line) == (0, f"replay: {session.chunks} chunks, all frames bit-identical")


@pytest.mark.parametrize(
    ("name", "world", "words"),
    [
        ("valley", FakeWorld, "there is no saved world 'valley'"),
        ("a/b", FakeWorld, "a slot's name cannot have"),
        ("", FakeWorld, "must not be empty"),
        ("hill", partial(FakeWorld, weights="1" * 64), "with other weights"),
        ("hill", partial(FakeWorld, size=(64, 64)), "pictures of another size"),
        ("hill", partial(FakeWorld, held_columns=("jump",)), "other controls"),
    ],
)
def test_what_cannot_be_gone_on_from_is_one_line(tmp_path, capsys, saved, name, world, words):
    before = saved[0].read_bytes()
    assert start(tmp_path, "--slot", name, "--record", str(tmp_path / "o.mp4"), world=world) == 2
    told = capsys.readouterr().err
    assert words in told and len(told.splitlines()) == 1
    assert saved[0].read_bytes() == before and not list(tmp_path.glob("o.*"))


def test_another_world_is_refused(tmp_path, capsys, saved):
    class Other(FakeWorld):
        def __init__(self):
            super().__init__()
            self.info = replace(self.info, name="harbour")

    assert start(tmp_path, "--slot", "hill", "--world", "matrix-game-2", world=Other) == 2
    assert "saved in the world 'cloister', and this is 'harbour'" in capsys.readouterr().err


@pytest.mark.parametrize("at", [3, 400, -200, None])
def test_a_damaged_slot_is_refused(tmp_path, capsys, saved, at):
    path, _ = saved
    content = bytearray(path.read_bytes())
    if at is None:
        del content[len(content) // 2 :]
    else:
        content[at] ^= 0x10
    path.write_bytes(content)
    assert start(tmp_path, "--slot", "hill") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and path.read_bytes() == bytes(content)


def test_beginning_again_without_the_picture_that_a_world_needs_is_told_and_not_the_end(tmp_path, capsys, saved):
    (tmp_path / "again.yaml").write_text("- {at: 0.1, down: r}\n")
    argv = ["--slot", "hill", "--script", str(tmp_path / "again.yaml")]
    assert start(tmp_path, *argv, world=partial(FakeWorld, needs_image=True)) == 0
    assert capsys.readouterr().err == ""
