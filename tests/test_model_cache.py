"""Cache bookkeeping: slots against a list that is shifted as the official caches are, over many sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from model.cache import DROPPED, EMPTY, Window

SIZES = [(0, 3, 3), (0, 1, 3), (1, 3, 3), (3, 3, 3), (3, 6, 3), (1, 6, 3), (0, 0, 4), (1, 3, 1), (2, 5, 3)]


class Shifted:
    """The official way: append, and when full drop the oldest after the sink by moving the rest to the left."""

    def __init__(self, window: Window) -> None:
        self.window, self.frames = window, []

    def append(self, frames: list[int]) -> None:
        over = len(self.frames) + len(frames) - self.window.capacity
        if over > 0:
            del self.frames[self.window.sink : self.window.sink + over]
        self.frames += frames


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("first", [None, 1], ids=["whole", "one first"])
def test_slots_hold_what_a_shifted_cache_holds(sizes, first):
    window, end = Window(*sizes), 0
    if first and first > window.past + window.chunk:
        pytest.skip("does not fit")
    reference = Shifted(window)
    while end < 60:
        count = first if first and end == 0 else window.chunk
        place = window.stage(end, count)
        frames = list(range(end, end + count))
        reference.append(frames)
        end += count
        held = window.held(end)
        assert sorted(frame for frame in held if frame != EMPTY) == reference.frames
        assert [held[slot] for slot in place.slots] == frames, "every frame lies where it was written"
        assert place.filled == len(reference.frames)
        assert EMPTY not in held[: place.filled], "what is filled is a prefix"
        assert place.queries == tuple(frames) and place.keys is None


def test_the_sink_is_never_overwritten_and_the_oldest_goes_first():
    window = Window(1, 3, 1)
    slots = [window.slot_of(frame) for frame in range(12)]
    assert slots[0] == 0 and 0 not in slots[1:]
    assert all(slots[frame] == slots[frame - 4] for frame in range(5, 12))


def test_positions_and_slots_do_not_drift():
    window, near, far = Window(0, 3, 3), 6, 3 * 10**9
    assert window.stage(far, 3).slots == window.stage(near, 3).slots
    assert window.stage(far, 3).queries == (far, far + 1, far + 2)


def test_relative_positions_count_from_the_oldest_frame():
    window = Window(3, 3, 3, relative=True)
    first = window.stage(0, 3)
    assert first.queries == (0, 1, 2) == first.keys
    rolled = window.stage(15, 3)  # holds the sink 0..2, then 12..17
    assert rolled.queries == (6, 7, 8)
    order = [frame for _, frame in sorted(zip(rolled.keys, window.held(18), strict=True))]
    assert order == [0, 1, 2, 12, 13, 14, 15, 16, 17] and sorted(rolled.keys) == list(range(9))


def test_recache_spares_the_sink_and_what_is_gone():
    window = Window(3, 6, 3)
    span = window.recache(15, 12)  # frames 3..14; the window holds 0..2 and 6..14
    held = window.held(15)
    assert span.slots[:3] == (DROPPED,) * 3, "what the window no longer holds only looks"
    assert [held[slot] for slot in span.slots[3:]] == list(range(6, 15))
    early = window.recache(13, 12)  # frames 1..12: the sink's 1 and 2 keep what they have
    assert early.slots[:2] == (DROPPED, DROPPED)
    whole = window.recache(6, 6)  # from the very first frame on: all of it, the sink too
    assert DROPPED not in whole.slots and set(whole.slots) == set(range(6))


def test_recache_of_the_last_chunk_is_its_own_place():
    for end in (6, 9, 30):
        window = Window(0, 3, 3)
        assert window.recache(end, 3) == window.stage(end - 3, 3)


@pytest.mark.parametrize("sizes", [(-1, 3, 3), (0, -1, 3), (0, 3, 0)], ids=str)
def test_impossible_windows(sizes):
    with pytest.raises(ValueError, match="cannot be"):
        Window(*sizes)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        Window(1, 3, 3).stage(0, 7)
    with pytest.raises(ValueError, match="recached"):
        Window(0, 3, 3).recache(3, 4)


def test_slots_repeat_after_a_period():
    """So that an engine needs a fixed number of graphs, and a ring a fixed number of index tensors."""
    window = Window(0, 1, 3)
    seen = [window.stage(end, 3).slots for end in range(3, 300, 3)]
    assert len(set(seen)) == 4 and all(a != b for a, b in pairwise(seen))
