"""The walker: it strolls smoothly, the same way each time, and turns away from what bars it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.camera import Pose, c2w, move
from runtime.walker import ROUND, SPEED, STUCK_S, Gait, key_down, stroll

DT, FRAMES = 0.05, 4


def walk(seed, chunks, wall=math.inf, still=False):
    """Rows and places of a stroll on a plain whose edge, z = wall, holds back; `still`: a world without a camera."""
    gait, pose, rows, places = Gait(seed), Pose(), [], []
    for _ in range(chunks):
        gait, part = stroll(gait, np.eye(4) if still else c2w(pose), FRAMES, DT)
        rows.append(part)
        for row in part:
            after = move(pose, row)
            pose = replace(after, x=pose.x, z=pose.z) if after.z > wall else after
            places.append((pose.x, pose.z))
    return np.concatenate(rows), np.array(places)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_a_stroll_is_smooth_and_mostly_forward(seed):
    rows, _ = walk(seed, 100)
    assert rows.dtype == np.float32 and np.isfinite(rows).all()
    assert (rows[:, 0] == 0).all() and (rows[:, 3] == 0).all()
    assert rows[:, 1].min() >= 0 and rows[:, 1].mean() > 0.8 * SPEED * DT, "it dawdles"
    assert np.abs(rows[:, 2]).max() <= ROUND * DT
    jerks = np.abs(np.diff(rows[:, :3], axis=0)).max(0)
    assert jerks[1] < 0.1 * SPEED * DT + 1e-4 and jerks[2] < 0.2 * ROUND * DT


def test_the_same_seed_walks_the_same_way_and_another_does_not():
    first, again, other = (walk(seed, 60)[0] for seed in (4, 4, 5))
    assert (first == again).all() and not (first == other).all()


def test_it_goes_both_ways_round():
    turned = [walk(seed, 40)[0][:, 2].sum() for seed in range(20)]
    assert min(turned) < -0.1 and max(turned) > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_it_does_not_stay_where_it_cannot_go_on(seed):
    _, places = walk(seed, 400, wall=1.5)
    moved = np.linalg.norm(np.diff(places, axis=0), axis=1)
    stuck = longest = 0
    for step in moved:
        stuck = stuck + 1 if step < 0.01 else 0
        longest = max(longest, stuck)
    assert longest * DT < 4 * STUCK_S + 4, "it stands before the wall"
    assert places[:, 1].max() <= 1.5 and np.ptp(places[:, 0]) + np.ptp(places[:, 1]) > 4


def test_a_world_that_tells_no_camera_is_not_taken_for_a_wall():
    rows, _ = walk(3, 200, still=True)
    assert rows[:, 1].mean() > 0.8 * SPEED * DT


def test_worlds_of_keys_are_told_keys():
    columns = ("forward", "back", "turn_left", "turn_right", "jump")
    gait, kinds = Gait(1), []
    for _ in range(200):
        gait, rows = stroll(gait, np.eye(4), FRAMES, DT, columns)
        kinds.append(rows[:, 4:])
        turning = rows[:, 2] > 0.3 * DT
        assert (rows[turning, 7] >= rows[turning, 6]).all()
    keys = np.concatenate(kinds)
    assert set(np.unique(keys)) <= {0.0, 1.0} and keys[:, 0].mean() > 0.9
    assert (keys[:, 1] == 0).all() and (keys[:, 4] == 0).all() and keys[:, 2].any() and keys[:, 3].any()
    assert key_down("back", -1.0, 0.0) and not key_down("slide", 1.0, 1.0)
