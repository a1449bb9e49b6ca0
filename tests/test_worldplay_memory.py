"""WorldPlay's memory: the recorded choices, play's against the exact form, what is forgotten, going on from a state."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference

from input.camera import c2w_from_arrays
from model.worldplay import overlap
from model.worldplay.history import FEW, LONGLIST, History
from model.worldplay.overlap import MEMORY_5B, MEMORY_8B, Memory
from model.worldplay.redundancy import Redundancy
from model.worldplay.views import Views
from runtime.errors import UserError

# With fewer points than play has, for speed, and so with more ties.
SMALL = {
    "8b": Memory(points=6000),
    "5b": Memory(points=6000, budget=16, keep_first=False),
    "two clips": Memory(points=6000, budget=24),
}
PLACES = st.floats(-6, 6)
NONE = np.zeros(4, np.int64)


def poses(rows) -> np.ndarray:
    """Cameras of rows (x, y, z, yaw, pitch)."""
    rows = np.asarray(rows, np.float64)
    return c2w_from_arrays(rows[:, :3], rows[:, 3], rows[:, 4])


def random_walk(seed: int, latents: int, step: float, turn: float, grid: float) -> np.ndarray:
    """A walk that turns and moves at random; `grid`: what its numbers are multiples of, so that they return."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, 1, (latents, 5)) * (step, step / 4, step, turn, turn / 4)
    rows = np.cumsum(moves * np.repeat(random.random((latents // 4 + 1, 1)) < 0.7, 4, 0)[:latents], 0)
    rows[:, 4] = np.clip(rows[:, 4], -1.5, 1.5)
    return poses(np.round(rows / grid) * grid if grid else rows)


def play(history: History, c2w: np.ndarray) -> list[tuple[int, ...]]:
    """Every chunk's choice."""
    choices = []
    for start in range(0, len(c2w), 4):
        history.append(c2w[start : start + 4], NONE)
        choices.append(history.choose(start))
    return choices


@pytest.mark.parametrize(
    "name, group, memory",
    [("transformer", "b", MEMORY_8B), ("transformer", "c", MEMORY_8B), ("wan", "b", MEMORY_5B)],
)
def test_the_choices_of_recorded_rollouts(name, group, memory):
    safetensors = pytest.importorskip("safetensors.numpy")
    path = reference("worldplay", f"golden_{name}.safetensors")
    notes = json.loads(path.with_suffix(".json").read_text())
    rollout = notes["rollout"] if "rollout" in notes else notes["rollouts"][group]
    tensors = safetensors.load_file(path)
    c2w = np.linalg.inv(tensors[f"in.{group}.viewmats"].astype(np.float64)[0])
    points = overlap.in_view(tensors[f"in.{group}.points"], memory)
    played = play(History(memory, points=points), c2w)
    for current, selected in rollout["selected"]:
        assert overlap.choose(c2w, current, points, memory) == tuple(selected) == played[current // 4]


@settings(max_examples=30)
@given(
    st.sampled_from(sorted(SMALL)),
    st.integers(0, 2**32),
    st.integers(6, 18),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 0.25]),
)
def test_play_chooses_what_the_exact_form_chooses(kind, seed, chunks, step, turn, grid):
    memory = SMALL[kind]
    c2w = random_walk(seed, 4 * chunks, step, turn, grid)
    points = overlap.own_points(memory)
    choices = play(History(memory), c2w)
    assert len(overlap.candidates(4 * (chunks - 1), memory)) <= FEW
    for current in range(4 * (chunks - 3), 4 * chunks, 4):
        assert choices[current // 4] == overlap.choose(c2w, current, points, memory)


@settings(max_examples=50)
@given(st.tuples(PLACES, PLACES, PLACES, st.floats(-7, 7), st.floats(-1.57, 1.57)), st.integers(0, 2**32))
def test_counts_in_bulk_are_those_point_by_point(query, seed):
    memory = SMALL["8b"]
    points = overlap.own_points(memory)
    spread = np.random.default_rng(seed).normal(0, (2, 1, 2, 1.5, 0.7), (10, 5))
    queries, others = (
        poses([query, np.zeros(5)]),
        poses(np.concatenate([[query], query + spread]))[1:].reshape(5, 2, 4, 4),
    )
    counts = Views(memory, points).counts(queries, others[..., :3, 3], others[..., :3, 2])
    exact = [[[overlap.seen(q, other, points, memory) for other in clip] for q in queries] for clip in others]
    assert (counts == exact).all()


def test_guesses_are_near_the_shares():
    memory = MEMORY_8B
    views = Views(memory, overlap.own_points(memory))
    spread = np.random.default_rng(1).normal(0, (0.6, 0.2, 0.6, 0.4, 0.2), (400, 5))
    others = poses(spread).reshape(200, 2, 4, 4)
    scored = others[..., :3, 3], others[..., :3, 2]
    shares = views.counts(np.eye(4)[None], *scored).mean((1, 2)) / views.points
    guesses = views.guess(np.eye(4)[None], *scored)
    assert np.corrcoef(shares, guesses)[0, 1] > 0.97 and np.abs(shares - guesses).mean() < 0.06
    own = np.eye(4)[None, None]
    assert views.guess(own[0], own[..., :3, 3], own[..., :3, 2])[0] > 0.97
    far = poses([(0, 0, 17, 0, 0)])[None]
    assert views.guess(own[0], far[..., :3, 3], far[..., :3, 2])[0] == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step, turn", [(0.1, 0.1), (0.0, 0.1), (0.4, 0.3)])
def test_a_shortlist_loses_next_to_nothing(seed, step, turn):
    """Far beyond FEW clips: what is chosen is as near as the nearest, within a hundredth of the view."""
    memory = SMALL["8b"]
    c2w = random_walk(seed, 400, step, turn, 0.0)
    history = History(memory, most=400)
    choices = play(history, c2w)
    for current in (360, 396):
        distances = dict(overlap.clip_distances(c2w, current, history_points(history), memory))
        assert len(distances) > 3 * FEW
        (clip,) = {latent // 4 * 4 for latent in choices[current // 4]} & set(distances)
        assert distances[clip] <= min(distances.values()) + 0.01


def history_points(history: History) -> np.ndarray:
    return overlap.own_points(history.memory)


def test_what_is_counted_is_bounded(monkeypatch):
    """However long the walk, and of clips that are all the same the first is chosen."""
    counted, counts = [], Views.counts

    def watched(self, queries, positions, forwards):
        counted.append(len(positions))
        return counts(self, queries, positions, forwards)

    history = History(SMALL["8b"], most=4000)
    for _ in range(1000):
        history.append(np.tile(np.eye(4), (4, 1, 1)), NONE)
    monkeypatch.setattr(Views, "counts", watched)
    assert history.choose(3996) == (0, 1, 2, 3, 4, 5, 6, 7, *range(3984, 3996))
    assert max(counted) <= LONGLIST


def test_a_walk_that_turns_back_looks_back_on_where_it_was():
    """Out and back through a corridor: the clip that is chosen is the one from the same place."""
    out = np.array([(0.0, 0.0, 0.08 * i, 0.0, 0.0) for i in range(200)])
    c2w = poses(np.concatenate([out, out[::-1]]))
    history = History(SMALL["8b"])
    choices = play(history, c2w)
    for current in (320, 360, 380):
        (clip,) = {latent // 4 * 4 for latent in choices[current // 4] if 4 <= latent < current - 12}
        assert abs(c2w[clip, 2, 3] - c2w[current, 2, 3]) < 0.5


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
        overlap.choose(random_walk(1, 40, 0.2, 0.2, 0.0), 40, history_points(history), history.memory)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Memory(recent=10),
        lambda: Memory(budget=12),
        lambda: Memory(fov=(180.0, 35.0)),
        lambda: Memory(radius=0.0),
        lambda: History(most=24),
        lambda: History(most=7202),
    ],
)
def test_what_cannot_be_remembered(make):
    with pytest.raises(ValueError):
        make()


def test_points_are_evenly_spread_in_the_ball_and_the_same_for_ever():
    points = overlap.ball(np.random.default_rng(0).random((3, 20000)), 8.0)
    lengths = np.linalg.norm(points, axis=1)
    assert lengths.max() <= 8 and np.abs(points.mean(0)).max() < 0.1
    assert np.mean(lengths < 4) == pytest.approx(1 / 8, abs=0.01)
    assert len(overlap.own_points(MEMORY_8B)) == pytest.approx(2460, rel=0.05)
    assert (overlap.own_points(MEMORY_8B) == overlap.own_points(MEMORY_5B)).all()
