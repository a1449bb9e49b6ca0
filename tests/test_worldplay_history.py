"""WorldPlay's history: which latents are kept, where they lie, and going on from a state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worldplay_walks import NONE, SMALL, play, poses, random_walk

from model.worldplay import overlap
from model.worldplay.history import History
from model.worldplay.redundancy import Redundancy
from runtime.errors import UserError


def test_a_history_forgets_what_it_knows_twice():
    """A long stand at one place costs nothing of the way that led there; the first and the recent chunks stay."""
    way = [(0.0, 0.0, 0.3 * i, 0.0, 0.0) for i in range(80)]
    walk = poses(way + [way[-1]] * 400)
    history = History(SMALL["8b"], most=120)
    slots = [history.append(walk[start : start + 4], NONE + start) for start in range(0, len(walk), 4)]
    kept = set(history.numbers.tolist())
    assert len(kept) == history.capacity and set(range(1, 21)) <= kept and {117, 118, 119, 120} <= kept
    assert max(slots) < history.capacity
    latents = history.choose(476)
    assert latents[:4] == (0, 1, 2, 3) and latents[-12:] == tuple(range(464, 476))
    cameras, labels = history.conditions(latents)
    assert (cameras == walk[list(latents)]).all() and (labels == [latent // 4 * 4 for latent in latents]).all()
    assert (history.places(latents) // 4 == [slots[latent // 4] for latent in latents]).all()
    forgotten = next(number for number in range(1, 120) if number not in kept) - 1
    with pytest.raises(ValueError, match="not kept"):
        history.places([4 * forgotten])


@settings(max_examples=40)
@given(st.lists(st.integers(0, 6), min_size=14, max_size=40))
def test_neighbours_are_the_nearest_whatever_was_dropped(places):
    """With many ties, against all distances computed anew."""
    redundancy = Redundancy(12, 1)
    free = list(range(12))
    for number, place in enumerate(places, 1):
        redundancy.settle(free.pop() if free else redundancy.drop(), number, np.array([float(place)]))
        here = np.flatnonzero(redundancy.settled)
        for slot in here:
            away = [
                (abs(redundancy.poses[o, 0] - redundancy.poses[slot, 0]) ** 2, redundancy.numbers[o], o) for o in here
            ]
            nearest = min((entry for entry in away if entry[2] != slot), default=(np.inf, 0, -1))
            assert (redundancy.nearest[slot], redundancy.neighbour[slot]) == (nearest[0], nearest[2])
    assert 1 in redundancy.numbers and len(places) in redundancy.numbers


@pytest.mark.parametrize("chunks", [1, 5, 29, 30, 31, 60])
def test_a_walk_goes_on_from_a_state(chunks):
    """In the same places, with the same choices, in a history that has walked before, and in a new one."""
    memory = SMALL["8b"]
    c2w = random_walk(5, 4 * (chunks + 40), 0.2, 0.2, 0.0)
    history, other = History(memory, most=120), History(memory, most=120)
    play(history, c2w[: 4 * chunks])
    play(other, c2w[80 : 80 + 4 * 20])
    other.load_state(history.state(), "here")
    for start in range(4 * chunks, len(c2w), 4):
        slots = [each.append(c2w[start : start + 4], NONE) for each in (history, other)]
        assert slots[0] == slots[1] and history.choose(start) == other.choose(start)
    assert all((history.state()[name] == array).all() for name, array in other.state().items())


def forgotten(state: dict[str, np.ndarray]) -> int:
    """The number of a chunk that is not kept."""
    return min(set(range(1, int(state["chunks"]))) - set(state["numbers"].tolist()))


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda s: {k: v for k, v in s.items() if k != "labels"}, "lacks 'labels'"),
        (lambda s: s | {"cameras": s["cameras"][:-1]}, "'cameras'"),
        (lambda s: s | {"cameras": s["cameras"] * np.nan}, "'cameras'"),
        (lambda s: s | {"labels": s["labels"] + 81}, "'labels'"),
        (lambda s: s | {"numbers": s["numbers"] * 0 + 3}, "'numbers'"),
        (lambda s: s | {"numbers": np.where(s["numbers"] == 1, 0, s["numbers"])}, "'numbers'"),
        (lambda s: s | {"numbers": -s["numbers"]}, "'numbers'"),
        (lambda s: s | {"numbers": np.where(s["numbers"] == 40, 39, s["numbers"])}, "'numbers'"),
        (lambda s: s | {"numbers": np.where(s["numbers"] == 38, forgotten(s), s["numbers"])}, "'numbers'"),
        (lambda s: s | {"chunks": np.array(41)}, "'numbers'"),
        (lambda s: s | {"chunks": np.array(29), "numbers": np.minimum(s["numbers"], 29)}, "'numbers'"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(change, said):
    history = History(SMALL["8b"], most=120)
    play(history, random_walk(1, 160, 0.2, 0.2, 0.0))
    before = history.state()
    with pytest.raises(UserError, match=said):
        history.load_state(change(before), "here")
    assert all((history.state()[name] == array).all() for name, array in before.items())


def test_the_chunk_itself_must_be_known():
    history = History(SMALL["8b"])
    play(history, random_walk(1, 40, 0.2, 0.2, 0.0))
    for current in (40, 44, 38):
        with pytest.raises(ValueError, match="chunk"):
            history.choose(current)
    with pytest.raises(ValueError, match="no cameras"):
        overlap.choose(random_walk(1, 40, 0.2, 0.2, 0.0), 40, overlap.own_points(history.memory), history.memory)
