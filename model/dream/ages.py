"""How old what the embedded world's network sees is: its stand-in for positions in time. Pure bookkeeping.

Its cache is a model.cache.Window whose latent frame is a whole chunk, and whose sink is chunk 0.
"""

from __future__ import annotations

import numpy as np

from model.cache import EMPTY, Window


def window(past: int) -> Window:
    """The sink, `past` chunks before the present one, and it."""
    return Window(sink=1, past=past, chunk=1)


def ages(chunk: int, past: int) -> np.ndarray:
    """The age of every slot's content as chunk number `chunk` sees it, int64 [1 + past + 1].

    0 is the present chunk itself, 1 .. past are chunks before it, past + 1 is the sink however long ago it was, and
    EMPTY marks a slot that holds nothing yet. Ages stand in for temporal positions: they never grow without bound.
    """
    held = window(past).held(chunk + 1)
    result = [EMPTY if seen == EMPTY else chunk - seen for seen in held]
    result[0] = 0 if chunk == 0 else past + 1
    return np.array(result, np.int64)


def visible(chunk: int, past: int) -> list[tuple[int, int]]:
    """The same as (chunk, age) pairs in order of chunk number: what a parallel training pass attends to."""
    held = window(past).held(chunk + 1)
    return sorted((seen, int(age)) for seen, age in zip(held, ages(chunk, past), strict=True) if seen != EMPTY)
