"""The kiosk's log: lines with their time, in files of bounded size; a full disk delays lines and ends nothing."""

import re
import threading

import pytest

from runtime import kiosk_log
from runtime.errors import UserError
from runtime.kiosk_log import KioskLog

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \S.*")


def test_lines_have_a_time_and_are_one_line_each(tmp_path):
    log = KioskLog(tmp_path / "logs" / "k.log", 1.0, 3)
    log.say("the kiosk begins")
    log.say("Traceback:\n  File\n%s {x} 触碰")
    log.close()
    lines = (tmp_path / "logs" / "k.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["the kiosk begins", "Traceback: File %s {x} 触碰"]
    assert all(LINE.fullmatch(line) for line in lines)


def test_files_are_bounded_in_size_and_number(tmp_path):
    log = KioskLog(tmp_path / "k.log", 0.01, 3)
    for number in range(2000):
        log.say(f"line {number}")
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["k.log", "k.log.1", "k.log.2"]
    assert all(file.stat().st_size <= 0.01 * 2**20 for file in files)
    assert "line 1999" in files[0].read_text()


class Full:
    """A stream on a disk that is full: nothing gets through."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        raise OSError(28, "No space left on device")

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.fixture
def disk(monkeypatch):
    """A disk that can be filled: `disk(True)` lets no log write, `disk(False)` makes room again."""
    opened, state = KioskLog._open, {"full": False}
    monkeypatch.setattr(KioskLog, "_open", lambda log: Full(opened(log)) if state["full"] else opened(log))

    def fill(log, full):
        state["full"] = full
        if full and log.stream is not None:
            log.stream = Full(log.stream)

    return fill


def test_lines_wait_for_a_full_disk_and_come_in_order(tmp_path, disk, capsys):
    log = KioskLog(tmp_path / "k.log", 1.0, 2)
    log.say("before")
    disk(log, True)
    for number in range(3):
        log.say(f"meanwhile {number}")
    disk(log, False)
    log.say("after")
    log.close()
    words = [line.partition(" ")[2] for line in (tmp_path / "k.log").read_text().splitlines()]
    assert words == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "after"]
    assert capsys.readouterr().err == "", "logging tells its own trouble to the exhibit"


def test_what_found_no_room_in_memory_either_is_counted(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(kiosk_log, "LINES_WAITING", 4)
    log = KioskLog(tmp_path / "k.log", 1.0, 2)
    disk(log, True)
    for number in range(10):
        log.say(f"meanwhile {number}")
    disk(log, False)
    log.say("after")
    log.close()
    text = (tmp_path / "k.log").read_text()
    assert "meanwhile 6" not in text and "meanwhile 7" in text and "7 lines before this one had no room" in text


def test_threads_do_not_mix_their_lines(tmp_path):
    log = KioskLog(tmp_path / "k.log", 1.0, 2)
    threads = [threading.Thread(target=lambda n=n: [log.say(f"{n} " * 20) for _ in range(50)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    lines = (tmp_path / "k.log").read_text().splitlines()
    assert len(lines) == 200 and all(len(set(line.split()[1:])) == 1 for line in lines)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the log"):
        KioskLog(tmp_path / "file" / "k.log", 1.0, 2)
