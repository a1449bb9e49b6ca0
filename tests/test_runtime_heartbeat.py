"""The heartbeat: what one process writes another reads, whole, over restarts; and the watch that judges it."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from fake_world import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import heartbeat, watch
from runtime.errors import UserError
from runtime.heartbeat import LEAVING, LOADING, PLAYING, RESTING, STARTING, WAKING, Beat, Heart, NoBeat, Pulse
from runtime.watch import Limits


@pytest.fixture
def path(tmp_path):
    heartbeat.make(tmp_path / "beat")
    return tmp_path / "beat"


def test_what_is_written_is_read(path):
    beat, heart = Beat(path), Heart(path)
    assert heart.pulse().pid == os.getpid() and heart.pulse().phase == STARTING
    beat.period(0.05)
    beat.phase(WAKING)
    for number in range(3):
        beat.turn()
        beat.frame(10.0 + 0.05 * number)
    beat.chunk(4)
    beat.chunk(4)
    beat.kept(7, 20, 1)
    beat.kept(9, 24, 1)
    pulse = heart.pulse(intervals=True)
    assert (pulse.turns, pulse.chunks, pulse.frames, pulse.phase) == (3, 1, 3, PLAYING)
    assert (pulse.lines, pulse.recorded, pulse.dropped, pulse.period) == (9, 24, 1, 0.05)
    assert sum(pulse.intervals) == 2 and heartbeat.percentile_s(pulse.intervals, 0.99) == pytest.approx(0.05, abs=3e-4)
    beat.close()
    heart.close()


def test_counters_and_the_picture_outlive_a_player(path):
    program = (
        "import os, numpy as np\nfrom runtime import heartbeat\nbeat = heartbeat.from_environment()\n"
        "beat.phase(3)\nbeat.turn(); beat.frame(1.0); beat.frame(1.5); beat.kept(5, 0, 0)\n"
        "beat.picture(np.full((4, 6, 4), int(os.environ['SHADE']), np.uint8), 1.0)\nos.abort()"
    )
    heart = Heart(path)
    assert heart.still() is None
    for life, shade in ((1, 50), (2, 90)):
        environment = {**os.environ, heartbeat.VARIABLE: str(path), "SHADE": str(shade), "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
        assert done.returncode != 0
        pulse = heart.pulse(intervals=True)
        assert (pulse.starts, pulse.turns, pulse.frames, pulse.lines) == (life, life, 2 * life, 5 * life)
        assert sum(pulse.intervals) == life, "the gap between two players counts as a frame's"
        assert heart.still().shape == (4, 6, 4) and (heart.still() == shade).all()
    assert (Beat(path).still() == 90).all(), "the next player cannot show it while it loads"


def test_a_picture_half_written_is_never_seen(path, monkeypatch):
    monkeypatch.setattr(heartbeat, "PICTURE_EVERY_S", 0.0)
    beat, heart = Beat(path), Heart(path)
    ends = time.perf_counter() + 0.6

    def write():
        shade = 0
        while time.perf_counter() < ends:
            shade = (shade + 1) % 256
            beat.picture(np.full((200, 300, 4), shade, np.uint8), time.perf_counter())
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while time.perf_counter() < ends:
        picture = heart.still()
        if picture is not None:
            seen += 1
            assert picture.min() == picture.max()
    writer.join()
    assert seen > 20


def test_large_pictures_are_thinned_and_frequent_ones_left_out(path):
    beat, heart = Beat(path), Heart(path)
    beat.picture(np.full((2160, 3840, 4), 9, np.uint8), 1.0)
    assert heart.still().shape == (720, 1280, 4)
    beat.picture(np.full((2, 2, 4), 9, np.uint8), 1.5)
    assert heart.pulse().pictures == 1
    beat.picture(np.full((2, 2, 4), 9, np.uint8), 2.5)
    assert heart.still().shape == (2, 2, 4)


def test_a_beat_costs_next_to_nothing(path):
    beat, picture = Beat(path), np.zeros((352, 640, 4), np.uint8)
    times = []
    for number in range(2000):
        began = time.perf_counter()
        beat.turn()
        beat.chunk(number)
        beat.frame(number * 0.05)
        times.append(time.perf_counter() - began)
    assert np.median(times) < 50e-6
    beat.picture(picture, 0.0)
    copies = []
    for number in range(1, 20):
        began = time.perf_counter()
        beat.picture(picture, number * 2.0)
        copies.append(time.perf_counter() - began)
    assert np.median(copies) < 5e-3


def test_without_a_supervisor_there_is_no_file(monkeypatch):
    monkeypatch.delenv(heartbeat.VARIABLE, raising=False)
    beat = heartbeat.from_environment()
    assert type(beat) is NoBeat and beat.still() is None
    assert {name for name in dir(Beat) if not name.startswith("_")} == {n for n in dir(NoBeat) if not n.startswith("_")}


def test_what_is_no_heartbeat_is_refused(tmp_path):
    for content in (b"", b"x" * 100, b"\1" * heartbeat.SIZE):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(UserError, match="heartbeat"):
            Heart(tmp_path / "b")
    with pytest.raises(UserError, match="heartbeat"):
        heartbeat.make(tmp_path / "no" / "b")


# ---- the watch ----

LIMITS = Limits(turn_s=2.0, chunk_s=2.5, load_s=60.0)
PLAYS = Pulse(starts=1, phase=PLAYING)


def watched(pulses, step=0.5):
    """The watch over a player that gave these pulses, one every `step` seconds; and when that was."""
    seen, now = watch.begin(Pulse(), 0.0), 0.0
    for pulse in pulses:
        now += step
        seen = watch.look(seen, pulse, now)
    return seen, now


@pytest.mark.parametrize(
    ("phase", "silent", "wrong"),
    [
        (PLAYING, 1.9, ""),
        (PLAYING, 2.1, "the window has not answered for 2.1 s"),
        (RESTING, 2.1, "the window has not answered for 2.1 s"),
        (LOADING, 50.0, ""),
        (LOADING, 61.0, "it does not get ready for 61.5 s"),
        (LEAVING, 10.0, ""),
        (LEAVING, 16.0, "it does not end for 16.0 s"),
    ],
)
def test_a_loop_that_stands_still(phase, silent, wrong):
    seen, now = watched([replace(PLAYS, phase=phase, turns=1)])
    assert watch.judge(seen, now + silent, LIMITS) == wrong


def test_an_engine_that_stands_still_while_the_loop_turns():
    turning = [replace(PLAYS, turns=n, chunks=min(n, 4)) for n in range(1, 10)]
    seen, now = watched(turning)
    assert watch.judge(seen, now, LIMITS) == ""
    seen, now = watched([*turning, replace(PLAYS, turns=20, chunks=4)])
    assert watch.judge(seen, now, LIMITS) == "the engine has not finished a chunk for 3.0 s"
    for phase in (RESTING, WAKING):
        seen, now = watched([*turning, replace(PLAYS, phase=phase, turns=20, chunks=4)])
        assert watch.judge(seen, now, LIMITS) == ""


def test_a_slow_engine_is_borne_as_slow_as_it_is():
    pulses = [replace(PLAYS, turns=n, chunks=n // 6) for n in range(60)]
    seen, now = watched(pulses)
    assert seen.longest == pytest.approx(3.0)
    assert watch.judge(replace(seen, turn_at=now + 9), now + 9, LIMITS) == ""
    assert "chunk" in watch.judge(replace(seen, turn_at=now + 14), now + 14, LIMITS)


def test_a_watcher_that_slept_blames_nobody():
    seen, now = watched([replace(PLAYS, turns=5, chunks=5)])
    seen = watch.look(seen, replace(PLAYS, turns=5, chunks=5), now + 3600)
    assert watch.judge(seen, now + 3600, LIMITS) == ""
    assert watch.judge(seen, now + 3603, LIMITS) != ""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.9), st.booleans()), max_size=40))
def test_who_turns_and_dreams_is_never_killed(steps):
    seen, now, turns, silent = watch.begin(Pulse(), 0.0), 0.0, 0, 0.0
    for pause, turned in steps:
        now, silent = now + pause, 0.0 if turned else silent + pause
        turns += turned
        seen = watch.look(seen, replace(PLAYS, turns=turns, chunks=turns), now)
        wrong = watch.judge(seen, now, LIMITS)
        assert not wrong if silent <= LIMITS.turn_s - 1 else True
        assert wrong or silent <= LIMITS.turn_s + 1, "a player that hangs is left alone"


def test_waits_grow_and_end():
    delays = [watch.delay(deaths) for deaths in range(1, 12)]
    assert delays[:4] == [0.0, 1.0, 2.0, 4.0] and delays == sorted(delays) and delays[-1] == watch.LONGEST_DELAY_S
    assert watch.deaths_in_row(5, 3.0) == 6 and watch.deaths_in_row(5, watch.WELL_S) == 1
