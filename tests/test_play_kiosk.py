"""A kiosk in a real window: it plays by itself, hands over at a touch, lets out by the chord alone, and comes back."""

import os
import signal
import time

import numpy as np
import pytest

from runtime.heartbeat import PLAYING, Heart
from runtime.session import read_session

NETLESS = """
import socket

def refuse(*_, **__):
    with open({told!r}, "a") as file:
        file.write("asked\\n")
    raise OSError("the network is cut off")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
"""


@pytest.fixture
def kiosk(desk, tmp_path):
    """Starts `play.py --kiosk`, with no network in reach; gives (the process, its heart) once it plays."""
    started = []

    def start(more):
        own = tmp_path / "site"
        own.mkdir()
        (own / "sitecustomize.py").write_text(NETLESS.format(told=str(tmp_path / "network")))
        desk.environment["PYTHONPATH"] = os.pathsep.join([str(own), os.environ.get("PYTHONPATH", "")])
        (tmp_path / "kiosk.yaml").write_text(f"log: kiosk.log\nbeat: beat\n{more}")
        process = desk.play("--kiosk", str(tmp_path / "kiosk.yaml"))
        started.append(process)
        return process, wait_for_life(tmp_path / "beat", 1)

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=40)


def wait_for_life(path, number, seconds=60.0):
    """The heart of that life of the player, once it plays."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if path.exists():
            heart = Heart(path)
            pulse = heart.pulse()
            if pulse.starts >= number and pulse.phase == PLAYING:
                return heart
            heart.close()
        time.sleep(0.05)
    raise AssertionError("the kiosk does not play")


def moves(desk, seconds=1.5):
    """Whether the picture changes within that time."""
    first = desk.look()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if (np.abs(desk.look() - first).max(-1) > 8).mean() > 0.02:
            return True
    return False


def chord(desk):
    desk.do("keydown", "Control_L", "keydown", "Shift_L", "keydown", "q")
    time.sleep(0.3)
    desk.do("keyup", "q", "keyup", "Shift_L", "keyup", "Control_L")


def test_nobody_gets_out_but_by_the_chord_and_nothing_asks_for_the_network(kiosk, desk, tmp_path):
    process, heart = kiosk("idle_s: 4\ncountdown_s: 2\n")
    assert moves(desk, 5.0), "nothing attracts"
    left, right = desk.look()[:, :20], desk.look()[:, -20:]
    assert max(left.std(), right.std()) > 1, "it does not fill the screen"
    pid = heart.pulse().pid
    for key in ("Escape", "F10", "alt+F4", "ctrl+q", "F11", "F5", "p", "Return"):
        desk.do("key", key)
    desk.do("mousemove", "640", "400", "click", "1", "click", "3")
    time.sleep(1.0)
    assert process.poll() is None and wait_for_life(tmp_path / "beat", 1).pulse().pid == pid
    assert moves(desk, 5.0), "somebody could pause it or open a menu"
    chord(desk)
    assert process.wait(20) == 0
    assert not (tmp_path / "network").exists()
    assert list(tmp_path.rglob("*.mp4")) == [], "it records without being told to"


def stands(desk, seconds):
    """Whether the picture stands still for a moment within that time; a dream at rest may shimmer."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        first = desk.look()
        time.sleep(0.7)
        if (np.abs(desk.look() - first).max(-1) > 24).mean() < 0.1:
            return True
    return False


def line_shown(desk):
    """Whether a line stands over the lower part of the picture: bright words on a dark shade."""
    place = desk.look()[676:700, 560:720]
    dark, bright = (place.max(-1) < 70).mean(), (place.min(-1) > 200).mean()
    return dark > 0.5 and bright > 0.02


def wait_for_line(desk, shown, seconds):
    end = time.perf_counter() + seconds
    while line_shown(desk) != shown:
        assert time.perf_counter() < end, "no line is there" if shown else "the line stays"
        time.sleep(0.1)


def test_a_touch_begins_a_fresh_world_and_idling_another(kiosk, desk, tmp_path):
    process, _ = kiosk("idle_s: 12\ncountdown_s: 3\nattract_s: 600\nrecord: rec\n")
    wait_for_line(desk, True, 10.0)
    attracted = desk.look()
    desk.do("keydown", "w")
    time.sleep(1.0)
    desk.do("keyup", "w")
    wait_for_line(desk, False, 5.0)
    assert (np.abs(desk.look() - attracted).max(-1) > 8).mean() > 0.05
    assert stands(desk, 7.0), "it walks on while a person stands still"
    wait_for_line(desk, True, 15.0)
    time.sleep(4.0)
    assert moves(desk, 10.0), "it does not go back to the attract loop"
    chord(desk)
    assert process.wait(20) == 0
    first, *_ = sorted((tmp_path / "rec").glob("*.session.jsonl"))
    assert read_session(first).chunks > 10 and first.with_name(first.name.replace(".session.jsonl", ".mp4")).exists()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_a_player_that_is_killed_or_hangs_is_back_while_a_still_is_shown(kiosk, desk, tmp_path):
    process, heart = kiosk("idle_s: 4\n")
    time.sleep(1.5)  # a picture is kept
    for life, number in ((2, signal.SIGKILL), (3, signal.SIGSTOP)):
        os.kill(heart.pulse().pid, number)
        looks = []
        while heart.pulse().starts < life or heart.pulse().phase != PLAYING:
            looks.append(desk.look().std())
            time.sleep(0.1)
            assert len(looks) < 300, "it does not come back"
        assert min(looks) > 8, "the screen was blank meanwhile"
        time.sleep(1.5)
    log = (tmp_path / "kiosk.log").read_text()
    assert "signal SIGKILL" in log and "the window has not answered" in log
    chord(desk)
    assert process.wait(20) == 0
