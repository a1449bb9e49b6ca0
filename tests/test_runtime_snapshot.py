"""States in memory: pages that are shared, copies that are exact, and books that are true."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_runtime_rewind import frames, rewind
from test_runtime_slots import states

from runtime import snapshot
from runtime.slots import state_digest
from runtime.snapshot import PAGE, Ledger, bytes_alone, take


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(walk=st.lists(states, min_size=1, max_size=3))
def test_a_state_comes_back_to_the_bit(walk):
    """Also where its arrays come, go and change their shapes; and dropping all in any order leaves nothing counted."""
    kept, ledger = [], Ledger()
    for state in walk:
        kept.append(take(state, kept[-1] if kept else None))
        ledger.add(kept[-1])
    for state, one in zip(walk, kept, strict=True):
        assert state_digest(one.state()) == state_digest(state)
    for one in kept[::2] + kept[1::2]:
        ledger.drop(one)
    assert ledger.bytes == 0


def test_large_arrays_have_large_pages(monkeypatch):
    monkeypatch.setattr(snapshot, "LARGE", 10 * PAGE)
    state = {"a": np.arange(11 * PAGE, dtype=np.uint8), "b": np.arange(9 * PAGE, dtype=np.uint8)}
    one = take(state)
    assert len(one.arrays["a"].pages) == 1 and len(one.arrays["b"].pages) == 9
    assert state_digest(one.state()) == state_digest(state)


def test_pages_that_did_not_change_are_shared():
    array = np.zeros((4, PAGE), np.uint8)
    first = take({"a": array, "b": np.arange(3), "none": np.zeros((0, 3)), "flag": np.array(True)})
    array[1] = 7
    second = take({"a": array, "c": np.arange(3)}, first)
    shared = [one is two for one, two in zip(first.arrays["a"].pages, second.arrays["a"].pages, strict=True)]
    assert shared == [True, False, True, True]
    ledger = Ledger()
    ledger.add(first)
    alone = ledger.bytes
    ledger.add(second)
    assert PAGE < ledger.bytes - alone < PAGE + 500
    ledger.drop(first)
    assert ledger.bytes == bytes_alone(second)
    ledger.drop(second)
    assert ledger.bytes == 0
    back = first.state()
    assert (back["a"] == 0).all() and back["none"].shape == (0, 3) and back["flag"].shape == () and back["flag"]
    back["a"][:] = 1  # the caller's own
    assert (first.state()["a"] == 0).all()


def test_the_count_is_what_memory_says():
    kept, unit = rewind(), np.arange(200_000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for chunk in range(30):
        unit[chunk * 100 : chunk * 100 + 50] = -chunk
        kept.dreamt(chunk, frames(chunk, size=(64, 48)), lambda: {"unit": unit.copy()})
    measured = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept.bytes == pytest.approx(measured, rel=0.15) and kept.bytes < 30 * unit.nbytes / 5
