"""The terminal: lines whose reader is gone end nothing, neither a listing nor a walk, and leave no traceback."""

import errno
import json
import os
import subprocess
import sys

import pytest
from fake_world import PLAYER, ROOT

from runtime import terminal

posix = pytest.mark.skipif(os.name == "nt", reason="pipes are broken otherwise there")


@pytest.fixture
def unread():
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def ran(*arguments, program=(str(ROOT / "play.py"),), **streams):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT, "text": True, "timeout": 120}
    return subprocess.run([sys.executable, *program, *arguments], **(options | streams))


@posix
@pytest.mark.parametrize("option", ["--list-worlds", "--help"])
def test_a_listing_that_nobody_reads_to_its_end_ends_quietly(unread, option):
    done = ran(option, stdout=unread)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_an_error_that_nobody_reads_has_its_exit_code(unread):
    done = ran("--world", "nowhere", "--headless", stderr=unread)
    assert (done.returncode, done.stdout) == (2, "")


@posix
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_walk_goes_on_when_its_terminal_is_gone(unread, tmp_path, name):
    """What is said at the start goes nowhere, and what is said at the end: the report is written all the same."""
    path = tmp_path / "r.json"
    walk = ("0.01", "--headless", "--frames", "8", "--report", str(path))
    done = ran(*walk, program=("-c", PLAYER), **{name: unread})
    assert done.returncode == 0 and not done.stderr and json.loads(path.read_text())["frames_presented"] == 8


@pytest.mark.parametrize(("encoding", "seen"), [("ascii", r"t\xefny \u4e16 \udcff"), ("utf-8", r"tïny 世 \udcff")])
def test_letters_that_a_stream_cannot_have_end_nothing(tmp_path, encoding, seen):
    path = tmp_path / "said.txt"
    with path.open("w", encoding=encoding) as stream:
        terminal.write("tïny 世 \udcff", stream)
    assert path.read_text(encoding) == f"{seen}\n"


@posix
def test_nothing_is_written_after_the_first_line_that_failed(unread):
    with os.fdopen(os.dup(unread), "w") as stream:
        for _ in range(3):
            terminal.write("one", stream)
        assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))


class Full:
    """A stream on a disk that is full."""

    def __init__(self, path):
        self.file, self.tries = path.open("w"), 0

    def write(self, _):
        self.tries += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self):
        return self.file.fileno()


def test_what_is_lost_for_want_of_room_is_told_elsewhere(tmp_path, monkeypatch, capsys):
    full = Full(tmp_path / "out")
    monkeypatch.setattr(sys, "stdout", full)
    terminal.say("one")
    monkeypatch.undo()
    full.file.close()
    told = capsys.readouterr().err
    assert full.tries == 1 and told.count("\n") == 1 and "No space left" in told


def test_lines_are_whole_and_say_who_speaks(capsys):
    terminal.say("one")
    terminal.complain("two")
    assert capsys.readouterr() == ("reverie: one\n", "reverie: two\n")
