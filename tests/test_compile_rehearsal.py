"""A rehearsal that is recorded after a saved state was loaded tries other engines from that state, not from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from dream_fixtures import TINY

from compile.rehearsal import CHUNKS, try_on
from model.registry import load_world
from model.world import LoadOptions

ROWS = np.tile(np.array([0.01, 0.05, 0.03, 0.002], np.float32), (TINY.frames, 1))


def walk(world, chunks: int) -> None:
    for _ in range(chunks):
        list(world.step(ROWS))


@pytest.fixture
def world(tiny_world):
    return load_world(str(tiny_world), LoadOptions(threads=1, engine="ort"))


@pytest.mark.parametrize("walked", [0, 1, 2])
def test_a_walk_from_a_state_is_a_rehearsal_as_good_as_any(world, walked):
    """Recording begins anew with the load, whatever had been recorded before."""
    runner = world.runner
    world.reset(None, None, 1)
    walk(world, 6)
    state = world.state()
    rehearsal = runner.listen()
    world.reset(None, None, 2)
    walk(world, walked)
    world.load_state(state)
    assert not rehearsal.runs and not runner.rehearsed.is_set()
    walk(world, CHUNKS)
    runner.settle()
    assert runner.rehearsed.is_set() and rehearsal.runs
    for _ in range(2):  # and a second try begins where the first did
        verdict = try_on(rehearsal, runner._bound, world.runner.buffers)
        assert verdict.error == 0, verdict
    caches = {port.name for port in runner.buffers.ports.values() if port.role}
    for run in rehearsal.runs:
        for name in caches & run.inputs.keys():
            run.inputs[name][:] = 0
    assert try_on(rehearsal, runner._bound, world.runner.buffers).error > 1e-3


def test_a_walk_from_a_reset_keeps_no_caches(world):
    rehearsal = world.runner.listen()
    world.reset(None, None, 2)
    walk(world, CHUNKS)
    caches = {port.name for port in world.runner.buffers.ports.values() if port.role}
    assert rehearsal.runs and not any(caches & run.inputs.keys() for run in rehearsal.runs)
