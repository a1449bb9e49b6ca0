"""Session log: what it does when it can no longer be written, and what lies beside it."""

import contextlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_world import PLAYER, FakeWorld
from session_logs import Walked, of_another_run
from stage import Run

import play
from runtime.image import StartImage
from runtime.logged import Chunk
from runtime.session import read_session
from runtime.session_log import SessionLog

no_full_disk = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@pytest.fixture
def full(tmp_path):
    """The path of a log on a full disk."""
    path = tmp_path / "a.session.jsonl"
    path.symlink_to("/dev/full")
    return path


@no_full_disk
def test_a_walk_goes_on_when_the_log_cannot(full):
    walk = Walked(full).steps(4)
    assert walk.generator.chunks_dreamt == 4 and walk.log.chunks == walk.log.lines == 0
    assert walk.log.ended == f"the session log ends here: the disk is full ({full})"
    assert [len(walk.log.news()) for _ in range(3)] == [1, 0, 0]
    assert walk.generator.close()
    walk.log.close()
    assert walk.log.ended.startswith("the session log ends here")


@no_full_disk
def test_the_player_says_so_at_the_end_once(full, tmp_path, capsys):
    argv = ["--headless", "--seconds", "1", "--record", str(tmp_path / "a.mp4")]
    assert play.main(argv, load_world=lambda *_: FakeWorld(0.01)) == 0
    assert capsys.readouterr().err == f"reverie: the session log ends here: the disk is full ({full})\n"
    assert (tmp_path / "a.mp4").stat().st_size > 1000


@pytest.mark.skipif(os.name == "nt", reason="no limit on a file's size there")
def test_a_disk_that_fills_up_leaves_a_log_that_is_good_up_to_there(tmp_path, capsys):
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n{PLAYER}"
    home = tmp_path / "home"
    environment = {**os.environ, "REVERIE_HOME": str(home), "SDL_VIDEODRIVER": "dummy"}
    command = [sys.executable, "-c", limited, "0.01", "--seconds", "3"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the session log ends here") == 1 and "Traceback" not in done.stderr
    (path,) = (home / "sessions").iterdir()
    session = read_session(path)
    assert 1 <= session.chunks < 15
    assert play.main(["--headless", "--replay", str(path)], load_world=lambda *_: FakeWorld()) == 0
    assert capsys.readouterr().out.endswith(f"replay: {session.chunks} chunks, all frames bit-identical\n")


def test_a_person_is_told_once_in_a_toast():
    class Ended:
        def __init__(self):
            self.asked = 0

        def news(self):
            self.asked += 1
            return ["This session is no longer written down: the disk is full"] if self.asked == 1 else []

    ended, said = Ended(), []

    class Told(Run):
        def _walk(self):
            self.player.hands.heralds = (ended.news,)
            self.player.hands.looks.say = said.append
            super()._walk()

    Told(FakeWorld(0.01), seconds=1.0)
    assert said == ["This session is no longer written down: the disk is full"] and ended.asked > 1


def test_an_older_log_stays_when_what_a_new_one_starts_from_cannot_be_kept(tmp_path):
    before = Walked(tmp_path / "b.session.jsonl").steps(1)
    moment = of_another_run(before.moment())
    before.end()
    (tmp_path / "a.session.jsonl").write_text("dear")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    log, world = SessionLog(tmp_path / "a.session.jsonl", refuse), FakeWorld()
    log.loaded(world.info)
    log.restored(moment)
    log.reworded("anything")
    assert "the disk is full" in log.ended and (tmp_path / "a.session.jsonl").read_text() == "dear"


def test_a_pasted_picture_is_kept_beside_the_log(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    walk = Walked(tmp_path / "a.session.jsonl")
    walk.generator.image = StartImage("", "", pixels)
    walk.generator.begin(3)
    session = walk.steps(1).end()
    (picture,) = tmp_path.glob("a.*.png")
    named = [getattr(event, "image", None) for event in session.events] + [session.header.image]
    assert str(picture) in named


def test_a_killed_player_leaves_a_log_to_its_last_chunk(tmp_path):
    arguments = ["0.01", "--headless", "--record", str(tmp_path / "o.mp4")]
    player = subprocess.Popen([sys.executable, "-c", PLAYER, *arguments], stdout=subprocess.PIPE, text=True)
    log, lines, deadline = tmp_path / "o.session.jsonl", 0, time.monotonic() + 60
    with contextlib.closing(player.stdout):
        while lines < 5 and time.monotonic() < deadline:
            assert player.poll() is None
            with contextlib.suppress(FileNotFoundError):  # tried for and removed again, at the start
                lines = log.read_bytes().count(b"\n")
        player.kill()
        player.wait(20)
    session = read_session(log)
    assert session.chunks >= 4 and all(isinstance(event, Chunk) for event in session.events)
