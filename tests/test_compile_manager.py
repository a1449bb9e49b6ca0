"""Who decides on the engine: what is begun on, what takes over, and that play goes on whatever goes wrong."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from better_engine import better_fixture, opened_fixture, play, until  # noqa: F401
from dream_fixtures import TINY

from compile import upgrade
from compile.engines import Cancelled
from compile.plan import Place, candidates, defaults, require_precision
from compile.rehearsal import CHUNKS
from model.graph import Unavailable
from model.progress import LEAST_S, in_words
from model.world import LoadOptions
from runtime.errors import UserError


def test_what_is_tried_and_in_which_order():
    cpu, gpu = Place(), Place("cuda", "cuda")
    assert candidates(cpu, "auto") == ("openvino", "ort", "eager")
    assert candidates(gpu, "auto") == ("trt", "graph", "eager"), "graphs are of compiled blocks where that can be"
    assert candidates(gpu, "graph") == ("graph", "compile", "eager")
    assert candidates(cpu, "trt") == ("trt", "openvino", "ort", "eager"), (
        "what cannot be here falls back on all that can"
    )
    assert defaults("eager", "bf16") == ("bf16",) and defaults("openvino", "fp32") == ("bf16", "fp32")
    for engine, precision, own in [("eager", "fp8", "bf16"), ("ort", "int8", "fp32"), ("openvino", "bf16", "fp32")]:
        require_precision(engine, precision, own)
    for engine, precision, own in [("eager", "bf16", "fp32"), ("ort", "fp32", "bf16"), ("trt", "fp16", "bf16")]:
        with pytest.raises(Unavailable, match="these are"):
            require_precision(engine, precision, own)


def test_play_begins_at_once_and_the_better_engine_takes_over_between_chunks(better, opened):
    better.gate.clear()
    world = opened.open()
    assert world.backend.startswith("ort fp32") and "openvino fp32 is made ready" in world.info.notes[0]
    world.reset(None, None, 3)
    before = play(world, CHUNKS + 1)
    assert world.backend.startswith("ort"), "the faster one is still being built"
    better.gate.set()
    until(lambda: world.runner._offered)
    after = play(world, 4)
    assert world.backend.startswith("openvino fp32") and "from now on" in opened.lines[-1]
    assert better.built == 1
    plain = opened.open(engine="ort")
    plain.reset(None, None, 3)
    assert np.array_equal(np.concatenate([before, after]), play(plain, CHUNKS + 5)), "the walk goes on as it would have"


def test_a_settled_world_is_on_its_engine_from_the_first_chunk_and_finds_it_stored_the_next_time(better, opened):
    world = opened.open(settled=True)
    assert world.backend.startswith("openvino fp32") and world.info.backend.startswith("openvino fp32")
    again = opened.open(settled=True)
    assert again.backend.startswith("openvino fp32") and better.built == 1
    for each in (world, again):
        each.reset(None, None, 3)
    assert np.array_equal(play(world, 3), play(again, 3))


def test_an_engine_that_is_wrong_is_refused_and_remembered(better, opened):
    better.spoil = 0.5
    world = opened.open(settled=True)
    assert world.backend.startswith("ort")
    assert "refused, for the error of denoise's x0" in opened.lines[0] and "going on with ort fp32" in opened.lines[0]
    opened.open(settled=True)
    assert better.built == 1, "it is not built again to be refused again"


def test_an_engine_that_is_no_faster_is_passed_over(better, opened, monkeypatch):
    monkeypatch.setattr(upgrade, "FASTER", 1.05)
    better.cost_s = 0.05
    assert opened.open(settled=True).backend.startswith("ort")
    assert "is no faster here" in opened.lines[0]
    better.cost_s = 0.0
    monkeypatch.setattr(upgrade, "FASTER", 0.0)
    assert opened.open(settled=True).backend.startswith("ort"), "it is remembered"
    assert opened.open(settled=True, engine="openvino").backend.startswith("openvino"), "but what is asked for is done"
    monkeypatch.setattr(upgrade, "SLOW_FOR_S", 0.0)
    assert opened.open(settled=True).backend.startswith("openvino"), "and not for ever"
    assert better.built == 1


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (Unavailable("has no such operation"), "openvino fp32: has no such operation"),
        (UserError("the graph does not load", "a.onnx", "restore it"), "the graph does not load"),
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA error: out of memory"), "openvino fp32 failed: CUDA error: out of memory"),
        (ImportError("libsomething.so is missing"), "libsomething.so is missing"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_build_that_fails_is_one_line_and_play_goes_on(better, opened, failure, says):
    better.fails = failure
    world = opened.open(settled=True)
    world.reset(None, None, 1)
    assert len(play(world, 2)) == 2 * TINY.frames and world.backend.startswith("ort")
    assert len(opened.lines) == 1 and says in opened.lines[0] and opened.lines[0].endswith("going on with ort fp32")
    assert not opened.store.entries(), "nothing half built is kept"


def test_a_cancelled_build_ends_and_leaves_nothing(better, opened):
    before = set(threading.enumerate())
    better.gate.clear()
    world = opened.open()
    world.runner.upgrade.cancel()
    better.gate.set()
    world.reset(None, None, 1)
    play(world, CHUNKS + 2)
    until(lambda: not set(threading.enumerate()) - before)
    assert world.backend.startswith("ort") and better.built == 0 and not opened.store.entries()


def test_what_was_asked_for_and_cannot_be_is_said(opened):
    world = opened.open(engine="trt")
    assert world.info.notes[0].startswith("engine: ") and "trt " in world.info.notes[0]
    world.reset(None, None, 1)
    assert len(play(world, 1)) == TINY.frames


def test_progress_tells_what_is_left_and_cancels():
    job = SimpleNamespace(engine="openvino", precision="fp32")
    made = upgrade.Upgrade(None, None, [job], None, LoadOptions(), None)
    told = made._progress(job)
    told(0, 4, "layers")
    time.sleep(LEAST_S)
    told(1, 4, "other layers")
    reading = made.reading()
    assert (reading.stage, reading.name, reading.done, reading.total) == ("other layers", "openvino fp32", 1, 4)
    assert 2 * LEAST_S < reading.seconds_left < 30 * LEAST_S
    assert in_words(reading).startswith("openvino fp32: other layers, 2 of 4, about ")
    made.cancel()
    with pytest.raises(Cancelled):
        told(2, 4, "layers")
