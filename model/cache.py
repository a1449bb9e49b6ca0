"""Which slot of a fixed-size key-value cache a chunk is written to, and what each slot holds. Pure bookkeeping.

The buffers themselves belong to whoever runs the network. A cache has 1 + past + 1 slots of one chunk each: slot 0 is
the **sink** (chunk 0, never overwritten), the others a **rolling window** in which the present chunk takes the place of
the oldest one. Slots are overwritten whole, so no write ever wraps around; memory and time per chunk are constant.
Attention sinks: Xiao et al. 2023, "Efficient Streaming Language Models"; rolling window: Self-Forcing, Huang et al.
2025.
"""

from __future__ import annotations

import numpy as np

EMPTY = -1


def slot_of(chunk: int, past: int) -> int:
    """The slot that chunk number `chunk` (from 0) is written to."""
    return 0 if chunk == 0 else 1 + (chunk - 1) % (past + 1)


def ages(chunk: int, past: int) -> np.ndarray:
    """The age of every slot's content as chunk number `chunk` sees it, int64 [1 + past + 1].

    0 is the present chunk itself, 1 .. past are chunks before it, past + 1 is the sink however long ago it was, and
    EMPTY marks a slot that holds nothing yet. Ages stand in for temporal positions: they never grow without bound.
    """
    result = np.full(past + 2, EMPTY, dtype=np.int64)
    for seen in range(max(1, chunk - past), chunk + 1):
        result[slot_of(seen, past)] = chunk - seen
    result[0] = 0 if chunk == 0 else past + 1
    return result


def visible(chunk: int, past: int) -> list[tuple[int, int]]:
    """The same as (chunk, age) pairs in order of chunk number: what a parallel training pass attends to."""
    if chunk == 0:
        return [(0, 0)]
    window = range(max(1, chunk - past), chunk + 1)
    return [(0, past + 1), *((seen, chunk - seen) for seen in window)]
