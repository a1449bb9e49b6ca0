"""WorldPlay's memory: the recorded choices, play's against the exact form, and what bounds it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference
from worldplay_walks import NONE, SMALL, play, poses, random_walk

from model.worldplay import overlap
from model.worldplay.history import FEW, LONGLIST, History
from model.worldplay.overlap import MEMORY_5B, MEMORY_8B, Memory
from model.worldplay.views import Views

PLACES = st.floats(-6, 6)


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
        distances = dict(overlap.clip_distances(c2w, current, overlap.own_points(memory), memory))
        assert len(distances) > 3 * FEW
        (clip,) = {latent // 4 * 4 for latent in choices[current // 4]} & set(distances)
        assert distances[clip] <= min(distances.values()) + 0.01


@pytest.mark.parametrize("seed", [2, 7])
def test_a_shortlist_is_more_than_guesses(seed):
    """From place to place at random, where hardly anything is seen twice and guesses alone go wrong."""
    memory, random = SMALL["8b"], np.random.default_rng(seed)
    ranges = ((-5, 5), (-0.5, 0.5), (-5, 5), (-3.1, 3.1), (-0.6, 0.6))
    c2w = poses(np.repeat(np.stack([random.uniform(*ends, 1600) for ends in ranges], 1), 4, 0))
    history = History(memory, most=len(c2w))
    for start in range(0, len(c2w), 4):
        history.append(c2w[start : start + 4], NONE)
    current = len(c2w) - 4
    starts = np.array(overlap.candidates(current, memory))
    clips = c2w[starts[:, None] + memory.scored]
    counts = history.views.counts(c2w[current:], clips[..., :3, 3], clips[..., :3, 2])
    distances = dict(zip(starts.tolist(), overlap.distance(counts, history.views.points), strict=True))
    (clip,) = {latent // 4 * 4 for latent in history.choose(current)} & set(distances)
    assert distances[clip] <= min(distances.values()) + 0.01


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
