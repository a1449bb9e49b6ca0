"""WorldPlay's cameras: labels chunk by chunk, and what a hand makes. Recorded ones: test_worldplay_recorded_camera."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from input.camera import Pose
from input.motion import Motion as Body
from model.settings import read_settings
from model.worldplay.cameras import Motion, labels, moved, pose_motions, trajectory, view_matrices
from model.worldplay.controls import FPS, CameraScale, cameras, latent_poses
from runtime.errors import UserError

IDLE = np.zeros((16, 4), np.float32)
FORWARD, RIGHT = 9, 1
numbers = st.floats(-1, 1)
motions = st.lists(st.builds(Motion, numbers, numbers, numbers, numbers, numbers), min_size=2, max_size=12)


def held(right=0.0, forward=0.0, yaw=0.0, pitch=0.0, frames=16) -> np.ndarray:
    """Rows of a hand that holds still at shares of the usual speeds."""
    body = Body()
    usual = np.array([body.walk_speed, body.walk_speed, body.turn_speed, body.turn_speed]) / FPS
    return np.tile((usual * (right, forward, yaw, pitch)).astype(np.float32), (frames, 1))


def walked(pose: Pose | None, *chunks: np.ndarray) -> tuple[np.ndarray, np.ndarray, Pose]:
    """Cameras and labels of chunks, chunk by chunk as play asks for them, and the last pose."""
    every, said = [], []
    for rows in chunks:
        before = None if pose is None else cameras([pose])[0]
        poses = latent_poses(pose, rows, CameraScale())
        every.append(cameras(poses))
        said.append(labels(every[-1], before))
        pose = poses[-1]
    return np.concatenate(every), np.concatenate(said), pose


@given(motions, st.booleans(), st.data())
def test_labels_do_not_depend_on_where_a_walk_is_cut(steps, third_person, data):
    c2w = trajectory(steps)
    cut = data.draw(st.integers(1, len(c2w) - 1))
    parts = labels(c2w[:cut], third_person=third_person), labels(c2w[cut:], c2w[cut - 1], third_person=third_person)
    assert (np.concatenate(parts) == labels(c2w, third_person=third_person)).all()
    assert labels(c2w)[0] == 0 and ((labels(c2w) >= 0) & (labels(c2w) < 81)).all()


@given(motions)
def test_view_matrices_undo_cameras(steps):
    c2w = trajectory(steps)
    assert np.abs(view_matrices(c2w) @ c2w - np.eye(4)).max() < 1e-12


def test_training_told_moves_apart_at_a_hundredth():
    c2w = trajectory([Motion(forward=0.005), Motion(forward=0.02)])
    assert labels(c2w).tolist() == [0, 9, 9] and labels(c2w, threshold=0.01).tolist() == [0, 0, 9]


def test_a_third_person_that_turns_or_looks_up_does_not_move():
    c2w = trajectory([Motion(forward=0.1, pitch=0.05), Motion(forward=0.1, yaw=0.05), Motion(forward=0.1)])
    assert labels(c2w, third_person=True).tolist() == [0, 3, 1, 9] and labels(c2w).tolist() == [0, 12, 10, 9]


def test_a_quarter_turn_while_pitching_has_both():
    """Where Euler angles lock, what is left is the pitch; with zeros that are exact, too."""
    turned = moved(np.eye(4), Motion(yaw=math.pi / 2, pitch=0.2))
    assert labels(np.stack([np.eye(4), turned])).tolist() == [0, 5]
    assert labels(np.stack([np.eye(4), np.where(np.abs(turned) < 1e-12, 0.0, turned)])).tolist() == [0, 5]


@pytest.mark.parametrize("text", ["w", "w-", "-3", "w 3", "w--2", "up-1e", "w-nan", "w-inf", "forward-1", "w-1;s-1"])
def test_what_is_no_pose_string(text):
    with pytest.raises(ValueError, match="motion|count"):
        pose_motions(text)


@pytest.mark.parametrize(
    "hand, label, units, degrees",
    [
        ({"forward": 1}, 9, 0.08, 0),
        ({"forward": -1}, 18, 0.08, 0),
        ({"right": 1}, 27, 0.08, 0),
        ({"right": -1}, 36, 0.08, 0),
        ({"forward": math.sqrt(0.5), "right": math.sqrt(0.5)}, 45, 0.08, 0),
        ({"yaw": 1}, 1, 0, 3),
        ({"yaw": -1}, 2, 0, 3),
        ({"pitch": 1}, 3, 0, 3),
        ({"pitch": -1}, 4, 0, 3),
        ({"yaw": 1, "pitch": -0.5}, 6, 0, 3.35),
        ({"forward": 1, "yaw": 0.3, "pitch": 0.2}, 14, 0.08, 1.08),
    ],
)
def test_a_hand_at_the_usual_speed_makes_official_steps(hand, label, units, degrees):
    c2w, said, _ = walked(Pose(), held(**hand))
    assert said.tolist() == [label] * 4
    steps = view_matrices(np.concatenate([np.eye(4)[None], c2w[:-1]])) @ c2w
    assert np.linalg.norm(steps[:, :3, 3], axis=1) == pytest.approx(units, rel=2e-3, abs=1e-9)
    turned = np.degrees(np.arccos(np.clip((np.trace(steps[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert turned == pytest.approx(degrees, rel=1e-2, abs=1e-5)


def test_a_walk_begins_at_the_origin_whatever_its_first_row_says():
    rows = held(forward=1, yaw=1, frames=13)
    rows[0] = held(right=-5, yaw=-5, pitch=5, frames=1)
    c2w, said, pose = walked(None, rows)
    assert len(c2w) == 4 and (c2w[0] == np.eye(4)).all() and said.tolist() == [0, 10, 10, 10]
    assert latent_poses(Pose(), rows[1:], CameraScale())[-1] == pose
    with pytest.raises(ValueError, match="whole latents"):
        latent_poses(Pose(), rows, CameraScale())


def test_a_run_and_a_flick_stay_within_the_limits_and_keep_their_direction():
    rows = held(forward=8, right=6) + held(yaw=40, pitch=-30) / 20
    c2w = cameras(latent_poses(Pose(), rows, CameraScale()))
    assert np.linalg.norm(np.diff(c2w[:, :3, 3], axis=0), axis=1) == pytest.approx(0.24, rel=1e-2)
    flick = np.concatenate([held(yaw=40, pitch=-30, frames=4)])
    (pose,) = latent_poses(Pose(), flick, CameraScale())
    assert math.degrees(math.hypot(pose.yaw, pose.pitch)) == pytest.approx(9)
    assert pose.yaw / -pose.pitch == pytest.approx(4 / 3)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=4, max_size=40))
def test_no_roll_creeps_in_and_the_horizon_stays(rows):
    rows = np.array(rows, np.float32)[: len(rows) // 4 * 4]
    c2w = cameras(latent_poses(Pose(), rows, CameraScale()))
    assert (c2w[:, 1, 0] == 0).all() and (c2w[:, 1, 3] == 0).all() and (c2w[:, 1, 1] > 0.8).all()


def test_an_idle_hand_has_no_label_after_an_hour_of_walking_either():
    _, _, pose = walked(None, IDLE[:13])
    generator = np.random.default_rng(3)
    rows = [held(forward=1, yaw=yaw, pitch=pitch) for yaw, pitch in generator.normal(0, 0.3, (5400, 2))]
    for chunk in rows:
        pose = latent_poses(pose, chunk, CameraScale())[-1]
    assert math.hypot(pose.x, pose.z) > 100
    c2w, said, pose = walked(pose, IDLE, IDLE, IDLE)
    assert (said == 0).all() and (c2w == c2w[0]).all()
    # What a resting hand leaves of motion is below what is told; and what it does next is told as ever.
    noise = [generator.normal(0, 1e-5, (16, 4)).astype(np.float32) for _ in range(50)]
    _, said, pose = walked(pose, *noise)
    assert (said == 0).all()
    _, said, pose = walked(pose, held(forward=1), held(yaw=1))
    assert said.tolist() == [FORWARD] * 4 + [RIGHT] * 4


def test_scales_are_read_strictly():
    assert read_settings(CameraScale, {"most_degrees": 6}, "here").most_degrees == 6
    with pytest.raises(UserError, match="more than 0"):
        read_settings(CameraScale, {"turn": 0}, "here")
    with pytest.raises(UserError, match="unknown key"):
        read_settings(CameraScale, {"zoom": 1}, "here")
