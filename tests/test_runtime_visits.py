"""Visits: a log for each visitor of an exhibit, none of the attract loop; a full disk ends one log, not the next."""

import numpy as np
import pytest
from fake_world import FakeWorld

from runtime.errors import UserError
from runtime.kiosk_config import KioskConfig
from runtime.messages import Dreamt, Moment, Reset
from runtime.session import Back, read_session
from runtime.visits import Visits, visits_of

ROWS = np.zeros((4, 4), np.float32)
FRAMES = [np.zeros((2, 2, 4), np.uint8)] * 4


@pytest.fixture
def visits(tmp_path):
    made = Visits(tmp_path, "fake", say=lines.append)
    lines.clear()
    made.loaded(FakeWorld().info)
    yield made
    made.close()


lines = []


def walk(visits, chunks):
    for chunk in range(chunks):
        visits.dreamt(Dreamt(chunk, ROWS, FRAMES, "numpy", lambda: None))


def logs(folder):
    return [read_session(path) for path in sorted(folder.glob("*.session.jsonl"))]


def test_each_visitor_has_a_log_and_the_attract_loop_has_none(visits, tmp_path):
    counted = []
    for epoch, (visitor, chunks) in enumerate([(False, 5), (True, 2), (False, 4), (True, 3), (True, 1)], 1):
        visits.hand(epoch, visitor)
        assert (visits.stem is not None) == visitor
        visits.begun(Reset(epoch, 10 + epoch))
        walk(visits, chunks)
        counted.append(visits.chunks)
    assert counted == [0, 2, 2, 5, 6]
    assert [(log.header.seed, log.chunks) for log in logs(tmp_path)] == [(12, 2), (14, 3), (15, 1)]


def test_a_visit_begins_with_its_own_reset_and_holds_those_the_visitor_wants(visits, tmp_path):
    visits.hand(1, False)
    visits.begun(Reset(1, 1))
    visits.hand(2, True)
    walk(visits, 1)  # it was under way
    visits.hand(3, False)
    visits.hand(4, True)
    visits.begun(Reset(4, 40))
    visits.begun(Reset(5, 41))
    walk(visits, 2)
    (log,) = logs(tmp_path)
    assert (log.header.seed, log.chunks, log.events[0].seed) == (40, 2, 41)


def test_going_back_counts_from_the_beginning_of_the_visit(visits, tmp_path):
    visits.hand(1, False)
    visits.begun(Reset(1, 1))
    walk(visits, 3)
    visits.hand(2, True)
    visits.begun(Reset(2, 2))  # the fifth deed of all
    walk(visits, 2)
    visits.restored(Moment({}, 1, 2, logged=6))
    walk(visits, 1)
    (log,) = logs(tmp_path)
    assert [event.deeds for event in log.events if isinstance(event, Back)] == [2]


def test_a_log_that_cannot_be_written_ends_and_the_next_visitor_has_a_new_one(visits, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    visits.hand(1, True)
    visits.begun(Reset(1, 1))
    walk(visits, 1)
    with monkeypatch.context() as patch:
        patch.setattr(visits._log._file, "write", full, raising=False)
        walk(visits, 2)
    walk(visits, 2)
    assert visits.ended and len(lines) == 1 and "the disk is full" in lines[0] and visits.chunks == 1
    visits.hand(2, True)
    visits.begun(Reset(2, 2))
    walk(visits, 3)
    assert visits.chunks == 4 and not visits.ended and sum(log.chunks for log in logs(tmp_path)) == 4


def test_nobody_is_recorded_unless_the_exhibitor_wants_it(tmp_path):
    assert visits_of(KioskConfig(), "fake", None, print) is None
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot record there"):
        visits_of(KioskConfig(record=str(tmp_path / "file" / "below")), "fake", None, print)
