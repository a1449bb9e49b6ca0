"""--export: a session or a script as a video, of any size, without a window; whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import av
import numpy as np
import pytest
from fake_world import PLAYER, FakeWorld
from session_logs import Walked, Worded, eventful

import play
from runtime import folders
from runtime.saving import slot_of
from runtime.shelf import slot_path
from runtime.slots import write_slot
from runtime.video import read_metadata


def export(path, *arguments, world=Worded):
    return play.main(["--headless", "--export", str(path), *arguments], load_world=lambda *_: world())


def pictures(path):
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], rate


@pytest.mark.parametrize("size", [None, (64, 64), (640, 360), (131, 77)])
def test_a_session_at_any_size(tmp_path, capsys, size):
    session = eventful(tmp_path / "a.session.jsonl", tmp_path)
    arguments = ["--size", f"{size[0]}x{size[1]}"] if size else []
    assert export(tmp_path / "o.mp4", "--replay", str(tmp_path / "a.session.jsonl"), *arguments) == 0
    assert capsys.readouterr().out.endswith("replay: 16 chunks, all frames bit-identical\n")
    frames, rate = pictures(tmp_path / "o.mp4")
    wanted = (size[1] // 2 * 2, size[0] // 2 * 2) if size else (360, 640)
    assert len(frames) == 4 * session.chunks and rate == 20 and frames[0].shape[:2] == wanted
    facts = read_metadata(tmp_path / "o.mp4")
    assert facts["session"] == "a.session.jsonl" and facts["world"] == "cloister" and facts["seed"] == "7"
    assert not list(tmp_path.glob("*.part.mp4"))


def test_a_session_that_comes_out_otherwise(tmp_path, capsys):
    Walked(tmp_path / "a.session.jsonl").steps(3).end()
    world = partial(Worded, alter=5)
    assert export(tmp_path / "o.mp4", "--replay", str(tmp_path / "a.session.jsonl"), world=world) == 1
    assert (
        "first difference at chunk 1 frame 1" in capsys.readouterr().out and len(pictures(tmp_path / "o.mp4")[0]) == 12
    )


def script_of(tmp_path, text):
    (tmp_path / "walk.yaml").write_text(text)
    return ["--script", str(tmp_path / "walk.yaml")]


def test_a_script_in_the_world_s_own_time_with_its_resets(tmp_path):
    worlds = []

    def world():
        worlds.append(FakeWorld())
        return worlds[-1]

    script = script_of(tmp_path, "- {at: 0.2, down: w}\n- {at: 0.8, down: n}\n- {at: 1.2, up: w}\n")
    assert export(tmp_path / "o.mp4", "--seconds", "1.6", "--seed", "3", *script, world=world) == 0
    assert len(pictures(tmp_path / "o.mp4")[0]) == 32 and worlds[0].seeds == [3, 4]
    walked = np.array(worlds[0].rows)[:, 1] > 0
    assert not walked[:4].any() and walked[4:24].all()
    assert export(tmp_path / "p.mp4", "--frames", "7", *script) == 0
    assert len(pictures(tmp_path / "p.mp4")[0]) == 7


def test_from_a_saved_world(tmp_path, monkeypatch):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    walk = Walked(tmp_path / "before.session.jsonl", FakeWorld(), seed=4).steps(3)
    slot = slot_of(walk.moment(), walk.world.info, walk.generator.camera, "numpy")
    walk.end()
    path = slot_path(folders.slots_folder(), "hill")
    path.parent.mkdir(parents=True)
    write_slot(path, slot)
    worlds = [FakeWorld()]
    assert export(tmp_path / "o.mp4", "--slot", "hill", "--frames", "8", world=lambda: worlds[0]) == 0
    assert worlds[0].seeds == [] and len(pictures(tmp_path / "o.mp4")[0]) == 8
    assert export(tmp_path / "p.mp4", "--slot", "dale", "--frames", "8") == 2
    assert not (tmp_path / "p.mp4").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_interrupted_leaves_nothing(tmp_path, number):
    arguments = ["0.05", "--headless", "--seconds", "3000", "--export", str(tmp_path / "o.mp4")]
    player = subprocess.Popen([sys.executable, "-c", PLAYER, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    part = tmp_path / "o.part.mp4"
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
        assert player.poll() is None
    player.send_signal(number)
    _, errors = player.communicate(timeout=30)
    assert (player.returncode, errors) == (130, "") and list(tmp_path.iterdir()) == []


def test_what_the_world_raises_leaves_an_older_video_alone(tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"dear")
    with pytest.raises(RuntimeError, match="told to fail"):
        export(tmp_path / "o.mp4", "--seconds", "2", world=partial(FakeWorld, fail_at=2))
    assert (tmp_path / "o.mp4").read_bytes() == b"dear" and len(list(tmp_path.iterdir())) == 1
