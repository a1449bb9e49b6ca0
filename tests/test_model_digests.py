"""Digests of big files: right, remembered, forgotten when a file changes, and never in the way."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from model import digests
from model.progress import Cancelled

CONTENT = b"dream" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """The memory's path; files of these tests are big ones."""
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(digests, "SMALL", 100)
    return tmp_path / "home" / "digests.json"


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big.safetensors"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were really read, in order."""
    names, hash_anew = [], digests.hash_anew

    def counted(path, told):
        names.append(path.name)
        return hash_anew(path, told)

    monkeypatch.setattr(digests, "hash_anew", counted)
    return names


def test_hashed_once_and_remembered_by_path_size_and_time(memory, big, hashed, monkeypatch):
    assert digests.sha256_of(big) == DIGEST
    monkeypatch.chdir(big.parent)
    assert digests.sha256_of(big.relative_to(big.parent)) == DIGEST  # the same file by another name
    assert hashed == [big.name]
    status = big.stat()
    assert json.loads(memory.read_text()) == {f"{big.resolve()}|{status.st_size}|{status.st_mtime_ns}": DIGEST}
    assert [path.name for path in memory.parent.iterdir()] == ["digests.json"]


@pytest.mark.parametrize("change", ["content", "size"])
def test_a_changed_file_is_hashed_again(memory, big, hashed, change):
    digests.sha256_of(big)
    before = big.stat()
    other = CONTENT[::-1] if change == "content" else CONTENT + b"!"
    big.write_bytes(other)
    os.utime(big, ns=(before.st_atime_ns, before.st_mtime_ns + (change == "content")))
    assert digests.sha256_of(big) == hashlib.sha256(other).hexdigest()
    assert len(hashed) == 2


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(memory, big, monkeypatch):
    def meanwhile(path, told):
        path.write_bytes(b"!" * 999)
        return DIGEST

    monkeypatch.setattr(digests, "hash_anew", meanwhile)
    digests.sha256_of(big)
    assert not memory.exists()


def test_small_files_leave_the_memory_alone(memory, tmp_path, hashed):
    path = tmp_path / "small.json"
    path.write_bytes(b"x" * 99)
    assert digests.sha256_of(path) == digests.sha256_of(path) == hashlib.sha256(b"x" * 99).hexdigest()
    digests.remember(path, "0" * 64)
    assert len(hashed) == 2 and not memory.exists()


def test_what_is_told_is_remembered(memory, big, hashed):
    digests.remember(big, "f" * 64)
    assert digests.sha256_of(big) == "f" * 64 and hashed == []


@pytest.mark.parametrize("broken", [b"{", b"\xff\xfe", b"[1]", b'{"a": 1}', b""])
def test_a_broken_memory_is_rebuilt(memory, big, hashed, broken):
    memory.parent.mkdir()
    memory.write_bytes(broken)
    assert digests.sha256_of(big) == digests.sha256_of(big) == DIGEST
    assert len(hashed) == 1 and list(json.loads(memory.read_text()).values()) == [DIGEST]


def test_only_the_newest_entries_are_kept(memory, big, hashed):
    memory.parent.mkdir()
    memory.write_text(json.dumps({f"old {index}": "0" * 64 for index in range(300)}))
    digests.sha256_of(big)
    kept = list(json.loads(memory.read_text()))
    assert len(kept) == 256 and kept[0] == "old 45" and kept[-1].startswith(str(big))


def test_a_home_that_cannot_be_written_is_no_error(big, hashed, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "file" / "home"))  # below a file: not even root can make it
    monkeypatch.setattr(digests, "SMALL", 100)
    assert digests.sha256_of(big) == digests.sha256_of(big) == DIGEST
    assert len(hashed) == 2


def test_an_interrupted_write_leaves_the_old_memory(memory, big, monkeypatch):
    memory.parent.mkdir()
    memory.write_text('{"old": "0"}')

    def full(*_paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert digests.sha256_of(big) == DIGEST
    assert memory.read_text() == '{"old": "0"}' and [path.name for path in memory.parent.iterdir()] == [memory.name]


def test_home_is_the_person_s_unless_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("REVERIE_HOME", raising=False)
    assert digests.home() == tmp_path / ".reverie"
    monkeypatch.setenv("REVERIE_HOME", "~/elsewhere")
    assert digests.home() == tmp_path / "elsewhere"


def test_a_missing_file_is_the_caller_s_to_tell(memory, tmp_path):
    with pytest.raises(FileNotFoundError):
        digests.sha256_of(tmp_path / "nothing")


def test_every_block_is_told_and_a_watcher_may_stop_it(memory, big, monkeypatch):
    monkeypatch.setattr(digests, "BLOCK", 200)
    assert digests.to_be_hashed(big) == len(CONTENT) and digests.to_be_hashed(big.with_name("nothing")) == 0
    blocks = []

    def stop(count):
        blocks.append(count)
        raise Cancelled

    with pytest.raises(Cancelled):
        digests.sha256_of(big, stop)
    assert blocks == [200] and not memory.exists()
    blocks.clear()
    assert digests.sha256_of(big, blocks.append) == DIGEST and blocks == [200, 200, 100]
    assert digests.to_be_hashed(big) == 0 and digests.sha256_of(big, stop) == DIGEST, "it is remembered"
