"""Engines: each runs the graphs of a contract over standing buffers, in its own way. The protocol, and who there is.

A module per engine, imported only when it is asked for, with
- `probe(place)`: raises Unavailable with the reason where the engine cannot run;
- `build(job, progress)`: gives an Engine; `progress(done, total, what)` is called now and then and may raise Cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from compile.buffers import Buffers
from model.graph import Seen
from model.progress import STEPS, Cancelled, Watcher

__all__ = ["Bound", "Cancelled", "Engine", "PassedOver", "Progress", "silent", "told"]

# Called with steps done, steps in all (0: not known) and what is being done.
Progress = Callable[[int, int, str], None]


class PassedOver(Exception):
    """Why an engine was not taken, in words."""


class Bound(Protocol):
    """Graphs over one set of buffers."""

    def run(self, graph: str, seen: Seen = ()) -> None:
        """Compute `graph` from the buffers into the buffers; on a GPU, on the current stream and without waiting."""


class Engine(Protocol):
    """What was built, without any state of a walk: it may be bound to several sets of buffers."""

    def bind(self, buffers: Buffers) -> Bound: ...


def told(watcher: Watcher, name: str) -> Progress:
    """A progress callback that tells a watcher of the engine `name`."""
    return lambda done, total, what: watcher.stage(what, total, STEPS, name, done)


def silent(done: int, total: int, what: str) -> None:
    """A progress callback for when nobody looks."""
