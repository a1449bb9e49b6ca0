"""Captured graphs are kept for the fills that are in use: the bookkeeping, which needs no GPU."""

from __future__ import annotations

import random
import weakref

import pytest

from compile.engines import cuda_graph
from compile.engines.cuda_graph import MOST, Recent


class Graph:
    replays = 0

    def replay(self) -> None:
        self.replays += 1


def test_what_is_in_use_stays_and_the_rest_is_let_go_before_anything_is_made():
    released, refs = [], {}

    def obtain(*key):
        return recent.obtain(key, lambda: make(key))

    def make(key):
        assert sum(ref() is not None for ref in refs.values()) < 3, "there was no room for it"
        made = Graph()
        refs[key] = weakref.ref(made)
        return made

    recent = Recent(3, lambda: released.append(len(recent)))
    first = id(obtain("denoise", (1,)))
    for text in range(2, 20):
        assert id(obtain("denoise", (1,))) == first, "it was used all the time"
        obtain("context", (text, 4))
        obtain("denoise", (text,))
    assert len(recent) == 3 and released == [3] * (1 + 2 * 18 - 3)
    assert {key for key, ref in refs.items() if ref() is not None} == {
        ("denoise", (1,)),
        ("context", (19, 4)),
        ("denoise", (19,)),
    }


def test_a_person_who_types_for_hours_fills_no_gpu(monkeypatch):
    """What is run is what was asked for, each captured once while it is in use, under any mix of prompts."""
    torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    captured, alive = [], weakref.WeakValueDictionary()

    def capture(self, graph, seen):
        captured.append((graph, seen))
        alive[graph, seen] = made = Graph()
        return made

    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(cuda_graph.CudaGraphBound, "_capture", capture)
    bound, draws = cuda_graph.CudaGraph(type("Inner", (), {"bind": lambda self, buffers: None})()).bind(None), random
    draws.seed(1)
    for _ in range(300):
        text = draws.randrange(800, 2000)
        for _ in range(draws.randrange(1, 5)):
            for graph, seen in (("context", (text + 31200, 20)), ("denoise", (text + 37440,))):
                before = alive[graph, seen].replays if (graph, seen) in alive else 0
                bound.run(graph, seen)
                assert alive[graph, seen].replays == before + 1
        assert len(alive) <= MOST
    assert len(alive) == MOST and 550 < len(captured) <= 600
