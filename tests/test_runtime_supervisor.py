"""The supervisor with a player that dies in every way: back within five seconds, a still meanwhile, no orphan."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_world import ROOT

from runtime.heartbeat import Heart
from runtime.supervisor import RESERVE_AFTER_S, how_it_ended

PROGRAM = """
import sys
from pathlib import Path
from runtime.errors import UserError
from runtime.kiosk_config import read_kiosk
from runtime.supervisor import supervise
player = [sys.executable, {player!r}, *sys.argv[2:]]
sys.exit(supervise(read_kiosk(Path(sys.argv[1])), player))
"""
WITHIN_S = 5.0


class Exhibit:
    """A supervisor in a process of its own, over a fake player."""

    def __init__(self, folder, deeds, *, more="", display=None, window=False):
        self.log, self.beat = folder / "kiosk.log", folder / "beat"
        config = folder / "kiosk.yaml"
        config.write_text(f"log: kiosk.log\nbeat: beat\nrestart: {{turn_s: 1, chunk_s: 1, load_s: 20}}\n{more}")
        program = PROGRAM.format(player=str(ROOT / "tests" / "fake_player.py"))
        command = [sys.executable, "-c", program, str(config), deeds, *(["--window"] if window else [])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"DISPLAY": display} if display else {})
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=30)

    def pulse(self):
        if not self.beat.exists():
            return None
        heart = Heart(self.beat)
        pulse = heart.pulse()
        heart.close()
        return pulse

    def wait_for_life(self, number, seconds=20.0):
        """Until that life's player has shown a frame; gives its pulse."""
        return wait(lambda: (p := self.pulse()) and p.starts >= number and p.phase == 3 and p, seconds)

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


def wait(truth, seconds=20.0):
    end = time.perf_counter() + seconds
    while not (found := truth()):
        assert time.perf_counter() < end, "it does not come to pass"
        time.sleep(0.02)
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("crash", "exit code 3"),
        ("kill", "signal SIGKILL"),
        ("hang", "killed: the window has not answered for"),
        ("stall", "killed: the engine has not finished a chunk for"),
    ],
)
def test_a_player_that_died_is_back_in_time(tmp_path, deed, told):
    started = time.perf_counter()
    with Exhibit(tmp_path, f"{deed},play") as exhibit:
        first = exhibit.wait_for_life(1, 60)
        began = time.perf_counter()
        second = exhibit.wait_for_life(2, 60)
        # It plays for half a second before it dies. Where two processes take long to start, one does too.
        assert time.perf_counter() - began < max(WITHIN_S + 0.5, 1.5 + 2 * (began - started))
        assert second.pid != first.pid and not alive(first.pid)
        log = "\n".join(exhibit.lines())
        assert told in log and "player 2 started" in log
        wait(lambda: re.search(r"player 2 plays .* after the one before ended", "\n".join(exhibit.lines())))
        assert exhibit.pulse().frames > first.frames, "counters begin anew"


def test_early_deaths_are_answered_later_and_later_and_never_given_up(tmp_path):
    with Exhibit(tmp_path, "crash") as exhibit:
        exhibit.wait_for_life(4, 30)
        log = "\n".join(exhibit.lines())
        assert "2 players in a row ended early: the next one starts in 1 s" in log
        assert "3 players in a row ended early: the next one starts in 2 s" in log
        assert "player: it fails: crash" in log, "what a player says last is not in the log"


@pytest.mark.parametrize(("deeds", "code"), [("leave", 0), ("crash,leave", 0)])
def test_a_player_that_leaves_ends_the_kiosk(tmp_path, deeds, code):
    with Exhibit(tmp_path, deeds) as exhibit:
        assert exhibit.process.wait(20) == code


def test_a_first_player_that_cannot_be_used_ends_the_kiosk_with_its_line(tmp_path):
    player = tmp_path / "player.py"
    player.write_text("import sys\nprint('reverie: no such world', file=sys.stderr)\nsys.exit(2)\n")
    config = tmp_path / "kiosk.yaml"
    config.write_text("log: kiosk.log\n")
    command = [sys.executable, "-c", PROGRAM.format(player=str(player)), str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "reverie: no such world" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both(tmp_path, number):
    with Exhibit(tmp_path, "play") as exhibit:
        pid = exhibit.wait_for_life(1).pid
        exhibit.process.send_signal(number)
        assert exhibit.process.wait(20) == 128 + number
        assert not alive(pid)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_no_player_is_left_over_when_the_supervisor_is_killed(tmp_path):
    with Exhibit(tmp_path, "play") as exhibit:
        pid = exhibit.wait_for_life(1).pid
        exhibit.process.kill()
        exhibit.process.wait(20)
        wait(lambda: not alive(pid), 10)


def centre(desk):
    """The colour in the middle of the display, red, green and blue."""
    return desk.look()[380:420, 620:660].reshape(-1, 3).mean(0)


def test_the_last_picture_is_on_the_screen_until_the_player_is_back_and_the_chord_ends_it(desk, tmp_path):
    with Exhibit(tmp_path, "crash", display=desk.environment["DISPLAY"], window=True) as exhibit:
        exhibit.wait_for_life(1)
        wait(lambda: np.abs(centre(desk) - (200, 30, 30)).max() < 12, 10)  # the player's own window
        wait(lambda: "starts in 4 s" in "\n".join(exhibit.lines()), 40)
        time.sleep(0.2)
        shown = desk.look()
        assert np.abs(shown[380:420, 620:660].reshape(-1, 3).mean(0) - (40, 200, 40)).max() < 12, "no still"
        assert np.abs(shown[60:740, 10:1270] - (40, 200, 40)).max() < 12, "the still does not fill the screen"
        desk.do("key", "Escape", "key", "q", "key", "alt+F4", "key", "ctrl+q")
        time.sleep(0.3)
        assert exhibit.process.poll() is None, "something but the chord ends it"
        desk.do("keydown", "Control_L", "keydown", "Shift_L", "keydown", "q")
        try:
            assert exhibit.process.wait(10) == 0
        finally:
            desk.do("keyup", "q", "keyup", "Shift_L", "keyup", "Control_L")


def test_the_still_of_the_yaml_comes_first(desk, tmp_path):
    from PIL import Image

    if shutil.which("import") is None:
        pytest.skip("import is not installed")
    Image.new("RGB", (160, 100), (30, 60, 220)).save(tmp_path / "still.png")
    with Exhibit(tmp_path, "play", more="still: still.png\n", display=desk.environment["DISPLAY"]) as exhibit:
        exhibit.wait_for_life(1)
        wait(lambda: np.abs(centre(desk) - (30, 60, 220)).max() < 12, 10)


def test_the_next_player_waits_for_its_turn_and_is_not_left_over(tmp_path):
    with Exhibit(tmp_path, "play") as exhibit:
        first = exhibit.wait_for_life(1)
        time.sleep(RESERVE_AFTER_S + 1.5)
        assert exhibit.pulse().starts == 1, "it plays before its turn"
        os.kill(first.pid, signal.SIGTERM)
        second = exhibit.wait_for_life(2)
        assert any(f"player 2 takes over (pid {second.pid})" in line for line in exhibit.lines())
        time.sleep(RESERVE_AFTER_S + 1.5)
        exhibit.process.terminate()
        assert exhibit.process.wait(20) == 128 + signal.SIGTERM
    assert not alive(second.pid)


def test_ends_are_named():
    assert how_it_ended(3) == "exit code 3" and how_it_ended(-9) == "signal SIGKILL"
