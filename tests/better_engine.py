"""What tests of choosing an engine share: an engine that a test spoils, and worlds to play on it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dream_fixtures import TINY

from compile import manager, upgrade
from compile.engines import ort
from compile.plan import Job, Place
from compile.store import Store
from model.graph import Unavailable
from model.registry import load_world
from model.world import LoadOptions

ROWS = np.full((TINY.frames, 4), 0.02, np.float32)


class Better:
    """An engine for tests: ONNX Runtime, but for what a test changes."""

    QUICK = True

    def __init__(self) -> None:
        self.built = 0
        self.spoil = 0.0
        self.cost_s = 0.0
        self.fails: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()

    def probe(self, place: Place, precision: str) -> None:
        if precision != "fp32":
            raise Unavailable(f"does not compute in {precision}")

    def build(self, job: Job, progress=lambda *_: None):
        progress(0, 2, "beginning")
        self.gate.wait(20)
        progress(1, 2, "going on")
        if self.fails:
            raise self.fails
        self.built += not job.cached
        if not job.cached:
            (job.folder / "engine.bin").write_bytes(b"made of " + job.engine.encode())
        inner = ort.build(replace(job, engine="ort"))
        return SimpleNamespace(bind=lambda buffers: self._bound(inner.bind(buffers), buffers))

    def _bound(self, bound, buffers):
        def run(graph, seen=()):
            bound.run(graph, seen)
            time.sleep(self.cost_s)
            if graph == "denoise" and self.spoil:
                buffers.put("x0", buffers["x0"] * (1 + self.spoil))

        return SimpleNamespace(run=run)


@pytest.fixture(name="better")
def better_fixture(monkeypatch):
    """`Better` as the best engine of a CPU, under the name openvino; others run as ever but much slower."""
    engine = Better()
    real = manager.engine_module
    monkeypatch.setattr(manager, "engine_module", lambda name: engine if name == "openvino" else real(name))
    monkeypatch.setattr(upgrade, "FASTER", 0.0)
    return engine


@pytest.fixture(name="opened")
def opened_fixture(tiny_world, tmp_path):
    """Opens the tiny world; gives it and the lines that were said."""
    lines = []

    def open_(**options):
        return load_world(str(tiny_world), LoadOptions(threads=1, engines=tmp_path / "e", say=lines.append, **options))

    return SimpleNamespace(open=open_, lines=lines, store=Store(tmp_path / "e"))


def play(world, chunks: int) -> np.ndarray:
    return np.stack([frame for _ in range(chunks) for frame in world.step(ROWS)])


def until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
