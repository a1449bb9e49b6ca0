"""The command line: what comes out, in which file, with which exit code; mistakes are one line each."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from fake_world import PLAYER, ROOT, FakeWorld

import play
from model.registry import WORLDS
from runtime.options import parse_options

KEYS = {
    *("world", "backend", "device", "size", "frames_presented", "seconds", "fps_presented", "fps_generated"),
    *("chunk_ms", "latency_ms", "startup_s", "rss_mb", "rss_mb_first", "rss_mb_last", "dropped_frames"),
    *("camera", "seed"),
}


def fake(*_):
    return FakeWorld(0.02)


def test_report_of_a_run_without_a_window(tmp_path, capsys):
    path = tmp_path / "r.json"
    argv = ["--headless", "--frames", "24", "--fps", "40", "--seed", "9", "--report", str(path)]
    assert play.main(argv, load_world=fake) == 0
    assert capsys.readouterr().out == "reverie: world cloister on numpy (CPU), 128x72 at 20 fps\n"
    report = json.loads(path.read_text())
    assert report.keys() >= KEYS
    assert (report["world"], report["seed"], report["size"]) == ("cloister", 9, [128, 72])
    assert report["frames_presented"] == 24
    assert report["fps_presented"] == pytest.approx(40, rel=0.08)
    assert report["fps_generated"] == pytest.approx(4 / 0.02, rel=0.25)
    assert report["chunk_ms"]["p50"] == pytest.approx(20, abs=8)
    assert 20 <= report["latency_ms"]["p50"] <= report["latency_ms"]["p95"] < 400
    assert len(report["camera"]) == 4 and report["rss_mb"] >= report["rss_mb_last"] > 10


def test_startup_counts_from_the_start_of_the_process(tmp_path):
    path = tmp_path / "r.json"
    started = time.perf_counter()
    command = [sys.executable, "-c", PLAYER, "0.02", "--headless", "--seconds", "1", "--report", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    startup = json.loads(path.read_text())["startup_s"]
    assert 0.05 < startup <= wall - 1.0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--size", "12"], "WIDTHxHEIGHT"),
        (["--size", "0x0"], "WIDTHxHEIGHT"),
        (["--fps", "0"], "above 0"),
        (["--fps", "nan"], "above 0"),
        (["--seed", "-1"], "--seed"),
        (["--frames", "0"], "whole number"),
        (["--seconds", "1", "--frames", "1"], "not allowed with"),
        (["--bogus"], "--bogus"),
        (["--world", "no-such-world"], "unknown world"),
        (["--image", "missing.png"], "cannot read the image"),
        (["--image", "{junk}"], "cannot read the image"),
        (["--script", "missing.yaml"], "cannot read missing.yaml"),
        (["--script", "{script}"], "entry 2"),
        (["--record", "no/such/dir/out.mp4"], "cannot write the recording"),
        (["--record", "out.avi"], ".mp4"),
        (["--report", "no/such/dir/r.json"], "cannot write the report"),
        (["--replay", "missing.jsonl"], "cannot read the session"),
        (["--replay", "{junk}"], "not a session"),
        (["--weights", "missing"], "no such folder (--weights missing)"),
        (["--weights", "{junk}"], "not a folder"),
        (["--fetch", "cloister", "--weights", "{junk}"], "not a folder"),
        (["--attention", "bogus"], "sdpa-cudnn"),
        (["--decoder", "huge"], "tiny"),
        (["--device", "GPU 1"], "not a torch device"),
        (["--device", "cuda:"], "not a torch device"),
    ],
)
def test_mistakes_are_one_line(tmp_path, argv, words):
    (tmp_path / "junk.png").write_text("this is no picture\n")
    (tmp_path / "script.yaml").write_text("- {at: 0, down: w}\n- {at: 1, down: nothing}\n")
    names = {"{junk}": str(tmp_path / "junk.png"), "{script}": str(tmp_path / "script.yaml")}
    argv = [names.get(argument, argument) for argument in argv]
    command = [sys.executable, str(ROOT / "play.py"), "--headless", *argv]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("reverie: ")
    assert words in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junk.png", "script.yaml"]


def test_options_of_worlds_with_weights(tmp_path):
    given = parse_options([])
    assert (given.weights, given.fetch, given.offline) == (None, None, False)
    assert (given.attention, given.decoder, given.device) == ("auto", "full", "auto")
    argv = ["--weights", str(tmp_path), "--offline", "--attention", "sage", "--decoder", "tiny", "--device", "cuda:1"]
    given = parse_options(argv)
    assert (given.weights, given.offline) == (tmp_path, True)
    assert (given.attention, given.decoder, given.device) == ("sage", "tiny", "cuda:1")
    new = tmp_path / "new"
    given = parse_options(["--fetch", "harbour", "--weights", str(new)])
    assert (given.fetch, given.weights) == ("harbour", new) and not new.exists()


def test_no_display_is_told_with_its_remedy(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert play.main([], load_world=fake) == 2
    assert "no display" in (told := capsys.readouterr().err) and "--headless" in told


def test_a_failed_start_leaves_an_old_recording_alone(tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"dear")
    (tmp_path / "o.session.jsonl").write_bytes(b"old")
    assert play.main(["--headless", "--world", "nowhere", "--record", str(tmp_path / "o.mp4")]) == 2
    assert (tmp_path / "o.mp4").read_bytes() == b"dear" and (tmp_path / "o.session.jsonl").read_bytes() == b"old"


def test_list_worlds(capsys):
    assert play.main(["--list-worlds"]) == 0
    listed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert listed.keys() == {path.parent.name for path in WORLDS.glob("*/world.yaml")}
    assert (
        listed["worldplay-5b"].startswith("WorldPlay 5B. HY-World 1.5")
        and "--fetch worldplay-5b" in listed["worldplay-5b"]
    )


def test_an_error_of_the_world_s_own_is_not_hidden():
    with pytest.raises(RuntimeError, match="told to fail"):
        play.main(["--headless", "--seconds", "2"], load_world=lambda *_: FakeWorld(fail_at=1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_cleanly_with_a_report(tmp_path, number):
    path, video = tmp_path / "r.json", tmp_path / "o.mp4"
    arguments = ["0.02", "--headless", "--report", str(path), "--record", str(video)]
    player = subprocess.Popen(
        [sys.executable, "-c", PLAYER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert player.stdout.readline().startswith("reverie: world cloister")
    time.sleep(0.6)
    player.send_signal(number)
    _, errors = player.communicate(timeout=20)
    assert player.returncode == 128 + number and errors == ""
    assert json.loads(path.read_text())["frames_presented"] > 5
    assert video.stat().st_size > 1000


def test_a_window_that_draws_nowhere_plays_too(tmp_path, capsys):
    # SDL's own dummy driver: the whole window path, without a display.
    assert os.environ["SDL_VIDEODRIVER"] == "dummy"
    path = tmp_path / "r.json"
    assert play.main(["--frames", "10", "--size", "640x480", "--report", str(path)], load_world=fake) == 0
    assert json.loads(path.read_text())["frames_presented"] == 10
