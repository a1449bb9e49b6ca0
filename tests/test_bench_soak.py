"""The soak: it injects what it says, sees what was survived and what was lost, and its exit code says so."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from fake_world import ROOT

from bench import soak
from bench.faults import FullDisk, Kill, Site, Stall, Trial, Unfit, Unplug, limit_files
from bench.hands import write_script
from bench.memory import Memory
from bench.records import read_records
from input.script import load_script
from runtime.heartbeat import PLAYING, RESTING, Pulse

SOAKED = str(ROOT / "tests" / "fake_soaked.py")
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="faults are made by signals of POSIX")


def run(capsys, monkeypatch, seconds, *arguments, more=()):
    """(the exit code, what was printed) of a soak over a fake player."""
    monkeypatch.setattr("bench.hands.possible", lambda: False)
    argv = ["--minutes", str(seconds / 60), "--every", "2.5", *arguments]
    code = soak.main(argv, [sys.executable, SOAKED, *more])
    return code, json.loads(capsys.readouterr().out)


def test_every_fault_is_injected_and_survived_under_the_supervisor(capsys, monkeypatch):
    # A machine that is busy with other tests is no reason to fail.
    monkeypatch.setattr("bench.faults.GAP_S", 20.0)
    monkeypatch.setattr("bench.faults.AFTER_S", 1.5)
    # Those that take as long as the machine is slow come last; what is begun before the end is seen to its end.
    order = [FullDisk(0.5), Unplug(0.5), Kill(), Stall(True)]
    monkeypatch.setattr(soak.Soak, "_faults", lambda self: iter(order * 9))
    code, found = run(capsys, monkeypatch, 16, "--faults", "--kiosk", "--every", "1.5", "--within", "60")
    assert found["faults_skipped"] == {} and found["ended_early"] == ""
    assert {fault["fault"] for fault in found["faults"]} == {
        *("killed engine", "stalled engine", "full disk", "unplugged gamepad")
    }
    assert found["faults_survived"] == found["faults_injected"] >= 4
    asked = sum(fault["restart_s"] is not None for fault in found["faults"])
    assert (found["restarts"], found["restarts_unasked"]) == (asked, 0) and 0 < found["worst_restart_s"] < 60
    assert found["frames"] > 100 and found["period_ms"] == 20.0 and found["p99_ms"] > 15
    assert found["lost_records"] == 0 < found["records"]["lines_said"] <= found["records"]["lines_read"]
    assert (code, found["ok"]) == (0, True)


def test_a_lost_record_fails_the_soak(capsys, monkeypatch):
    code, found = run(capsys, monkeypatch, 1.5, more=["--lies"])
    assert found["faults_injected"] == 0 and found["frames"] > 10 and not found["kiosk"]
    assert 40 <= found["lost_records"] <= 50 and (code, found["ok"]) == (1, False)


def test_a_player_that_ends_of_a_fault_fails_the_soak(capsys, monkeypatch):
    monkeypatch.setattr(soak.Soak, "_faults", lambda self: iter([FullDisk(1.0)]))
    code, found = run(capsys, monkeypatch, 8, "--faults", more=["--frail"])
    assert "session log ends here" in found["ended_early"]
    assert found["faults_survived"] == 0 == code - 1


def test_a_player_that_never_plays_fails_the_soak(capsys):
    code = soak.main(["--minutes", "0.01"], [sys.executable, "-c", "print('no such world')"])
    found = json.loads(capsys.readouterr().out)
    assert code == 1 and "no such world" in found["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_soak_that_is_interrupted_says_what_it_has(number, tmp_path):
    program = "import sys; from bench import hands, soak; hands.possible = lambda: False; "
    program += f"soak.SAY_S = 0.5; sys.exit(soak.main(['--minutes', '5'], [sys.executable, {SOAKED!r}]))"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        while "frames" not in (said := process.stderr.readline()):
            assert said, "it never said how it goes"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    found = json.loads(out)
    assert process.returncode == 1 and found["interrupted"] and found["frames"] > 0 == found["lost_records"]


def test_restarts_in_time_are_told_from_late_ones():
    before = Pulse(starts=1, pid=1, frames=50)
    for at, survived in ((4.0, True), (6.0, False)):
        trial = Trial(Kill(), before, 0.0, 5.0)
        assert not trial.look(before, 1.0) and not trial.look(replace(before, starts=2, pid=2), 2.0)
        assert trial.look(Pulse(starts=2, pid=2, frames=51), at)
        assert (trial.survived, trial.restart_s) == (survived, at)
    trial = Trial(Kill(), before, 0.0, 5.0)
    assert trial.look(before, 61.0) and trial.survived is False


@pytest.mark.parametrize(("stops_at", "starts", "survived"), [(99.0, 1, True), (2.0, 1, False), (99.0, 2, False)])
def test_pictures_that_stop_or_another_player_are_no_survival(stops_at, starts, survived):
    trial = Trial(FullDisk(6.0), Pulse(starts=1, frames=0), 0.0, 5.0)
    now = 0.0
    while not trial.look(Pulse(starts=starts, frames=1 + int(20 * min(now, stops_at))), now):
        now += 0.5
        trial.mended = now >= trial.fault.lasts_s
    assert trial.survived is survived


def test_a_pause_is_no_gap_but_has_to_end():
    for end, survived in ((8.0, True), (99.0, False)):
        trial, now = Trial(Unplug(6.0), Pulse(starts=1, frames=0), 0.0, 5.0), 0.0
        while not trial.look(
            Pulse(starts=1, phase=RESTING if now < end else PLAYING, frames=1 + int(20 * max(0.0, now - end))), now
        ):
            now += 0.5
            trial.mended = now >= trial.fault.lasts_s
        assert trial.survived is survived and trial.gap_s < 1.0


def test_what_cannot_be_done_here_is_said(tmp_path):
    site = Site(tmp_path, tmp_path / "pad", kiosk=False)
    with pytest.raises(Unfit, match="--kiosk"):
        Kill().inject(site, Pulse(pid=os.getpid()))
    assert Stall(False).lasts_s > 0 == Stall(True).lasts_s


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits another process")
def test_a_limit_of_files_is_a_full_disk_for_one_process(tmp_path):
    program = (
        "import sys\nfor line in sys.stdin:\n  try:\n    open(sys.argv[1], 'a').write('x' * 9999); said = 'written'\n"
        "  except OSError as error:\n    said = error.errno\n  print(said, flush=True)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "f")], **pipes) as process:

        def write():
            process.stdin.write("\n")
            return process.stdout.readline().strip()

        answers = [write()]
        limit_files(process.pid, 0)
        answers.append(write())
        limit_files(process.pid, None)
        answers.append(write())
        process.stdin.close()
    assert answers == ["written", "27", "written"]


def test_memory_is_compared_over_the_second_half_of_a_life():
    memory = Memory()
    for second in range(1831):
        memory.add(1, float(second), 900.0 if second < 25 else 300.0 + second * 10 / 3600)
    for second in range(50):
        memory.add(2, 5000.0 + second, 100.0)
    summary = memory.summary()
    assert summary["drift_mb_per_hour"] == pytest.approx(10.0, abs=0.2) and summary["most_mb"] == 900.0
    assert Memory().summary()["drift_mb_per_hour"] is None


def test_records_that_cannot_be_read_are_lost(tmp_path):
    (tmp_path / "a.session.jsonl").write_text("nonsense\n")
    (tmp_path / "b.mp4").write_bytes(b"\0" * 9000)
    (tmp_path / "c.mp4").write_bytes(b"\0" * 100)
    records = read_records(tmp_path, Pulse(lines=3))
    assert (len(records.unreadable), records.recordings_empty, records.lost) == (2, 1, 5)


def test_the_script_for_where_there_are_no_hands_is_a_script(tmp_path):
    entries = load_script(write_script(tmp_path / "s.yaml", 60.0))
    assert len(entries) > 30 and entries[-1].at > 50


def test_the_program_explains_itself():
    command = [sys.executable, "bench/soak.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and {"--minutes", "--faults", "--kiosk"} <= set(done.stdout.split())


def test_hands_need_a_display(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    from bench import hands

    assert not hands.possible()
