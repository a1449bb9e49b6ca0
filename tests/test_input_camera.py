"""Camera: the geometry against the formulas of docs/design.md and against itself."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from input import camera
from input.camera import PITCH_LIMIT, Intrinsics, Pose

POSES = [
    Pose(),
    Pose(1, 2, 3, 0.5, 0.3),
    Pose(-4, 0, 9, -2.9, -0.6),
    Pose(0, 0, 0, math.pi, 0),
    Pose(1e3, 0, -1e3, 1.5, PITCH_LIMIT),
]


@pytest.mark.parametrize("pose", POSES)
def test_c2w_is_a_rotation_that_looks_where_the_design_says(pose):
    matrix = camera.c2w(pose)
    rotation = matrix[:3, :3]
    assert matrix.dtype == np.float64
    assert rotation.T @ rotation == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    forward = (
        math.sin(pose.yaw) * math.cos(pose.pitch),
        -math.sin(pose.pitch),
        math.cos(pose.yaw) * math.cos(pose.pitch),
    )
    assert matrix[:3, 2] == pytest.approx(forward)
    assert matrix[:3, 3] == pytest.approx((pose.x, pose.y, pose.z))
    assert matrix[1, 0] == 0, "the camera rolls"
    assert matrix[1, 1] > 0, "the camera is upside down"
    assert camera.yaw_pitch(matrix) == pytest.approx((pose.yaw, pose.pitch))


def test_identity_is_a_level_camera_along_z():
    assert np.array_equal(camera.c2w(Pose()), np.eye(4))


def test_matrices_take_leading_dimensions():
    xyz = np.array([[p.x, p.y, p.z] for p in POSES])
    yaw, pitch = np.array([p.yaw for p in POSES]), np.array([p.pitch for p in POSES])
    batch = camera.c2w_from_arrays(xyz, yaw, pitch)
    assert np.array_equal(batch, np.stack([camera.c2w(p) for p in POSES]))
    assert np.array_equal(camera.c2w_from_arrays(xyz[None], yaw[None], pitch[None])[0], batch)
    assert camera.c2w_from_arrays(np.zeros(3), yaw, 0.0).shape == (5, 4, 4)
    assert camera.w2c(batch) @ batch == pytest.approx(np.broadcast_to(np.eye(4), (5, 4, 4)), abs=1e-9)
    assert camera.yaw_pitch(batch)[0].shape == (5,)


@pytest.mark.parametrize(
    ("pose", "row", "after"),
    [
        (Pose(), (0, 2, 0, 0), Pose(z=2)),
        (Pose(), (2, 0, 0, 0), Pose(x=2)),
        (Pose(), (0, 1, math.pi / 2, 0), Pose(x=1, yaw=math.pi / 2)),
        (Pose(yaw=math.pi / 2), (1, 0, 0, 0), Pose(z=-1, yaw=math.pi / 2)),
        (Pose(pitch=0.5), (0, 1, 0, 0), Pose(z=1, pitch=0.5)),
        (Pose(pitch=0.5), (0, 0, 0, 1), Pose(pitch=PITCH_LIMIT)),
        (Pose(pitch=-0.5), (0, 0, 0, -1), Pose(pitch=-PITCH_LIMIT)),
        (Pose(yaw=3), (0, 0, 1, 0), Pose(yaw=4 - math.tau)),
        (Pose(yaw=-3), (0, 0, -1, 0), Pose(yaw=math.tau - 4)),
        (Pose(yaw=-math.pi / 2), (0, 0, -math.pi / 2, 0), Pose(yaw=math.pi)),
    ],
)
def test_move(pose, row, after):
    moved = camera.move(pose, np.array(row))
    for name in ("x", "y", "z", "yaw", "pitch"):
        assert getattr(moved, name) == pytest.approx(getattr(after, name), abs=1e-12), name


def test_pitch_leaves_the_clamp_at_once():
    up, down = camera.integrate(Pose(), np.array([(0, 0, 0, 9), (0, 0, 0, -0.1)]))
    assert (up.pitch, down.pitch) == (PITCH_LIMIT, PITCH_LIMIT - 0.1)


@pytest.mark.parametrize("turn", [math.pi / 2, -math.pi / 2])
@pytest.mark.parametrize("start", POSES)
def test_a_square_walk_returns_home(start, turn):
    side = np.array([(0, 0.25, 0, 0)] * 8 + [(0, 0, turn, 0)])
    poses = camera.integrate(start, np.concatenate([side] * 4))
    assert len(poses) == 36
    assert camera.c2w(poses[-1]) == pytest.approx(camera.c2w(start), abs=1e-9)
    corner = poses[8]
    assert math.hypot(corner.x - start.x, corner.z - start.z) == pytest.approx(2)


def test_intrinsics_from_fov_and_scaled():
    intrinsics = Intrinsics.from_fov(640, 360, math.pi / 2)
    assert astuple(intrinsics) == pytest.approx((320, 320, 320, 180))
    assert astuple(intrinsics.scaled(0.5, 0.25)) == pytest.approx((160, 80, 160, 45))


@pytest.mark.parametrize("pose", POSES)
def test_plucker_rays(pose):
    matrix, intrinsics = camera.c2w(pose), Intrinsics.from_fov(9, 5, 1.2)
    rays = camera.plucker(matrix, intrinsics, 5, 9)
    assert rays.shape == (6, 5, 9)
    assert rays.dtype == np.float32
    moment, direction = rays[:3].astype(np.float64), rays[3:].astype(np.float64)
    assert direction[:, 2, 4] == pytest.approx(matrix[:3, 2], abs=1e-6)
    assert moment[:, 2, 4] == pytest.approx(np.cross(matrix[:3, 3], matrix[:3, 2]), rel=1e-5, abs=1e-5)
    assert np.linalg.norm(direction, axis=0) == pytest.approx(np.ones((5, 9)), abs=1e-6)
    scale = 1 + np.linalg.norm(matrix[:3, 3])
    assert (moment * direction).sum(0) / scale == pytest.approx(np.zeros((5, 9)), abs=1e-6)
    in_camera = np.einsum("ij,jhw->ihw", matrix[:3, :3].T, direction)
    assert (np.diff(in_camera[0], axis=1) > 0).all(), "x does not grow to the right"
    assert (np.diff(in_camera[1], axis=0) > 0).all(), "y does not grow downward"
    pixels = intrinsics.fx * in_camera[0] / in_camera[2] + intrinsics.cx
    assert pixels == pytest.approx(np.broadcast_to(np.arange(9) + 0.5, (5, 9)), abs=1e-5)


def test_plucker_takes_leading_dimensions_and_scaled_grids():
    batch = np.stack([camera.c2w(p) for p in POSES[:4]]).reshape(2, 2, 4, 4)
    full = Intrinsics.from_fov(64, 32, 1.0)
    rays = camera.plucker(batch, full.scaled(1 / 8, 1 / 8), 4, 8)
    assert rays.shape == (2, 2, 6, 4, 8)
    assert np.array_equal(rays[1, 0], camera.plucker(batch[1, 0], full.scaled(1 / 8, 1 / 8), 4, 8))
    fine = camera.plucker(batch, full, 32, 64)[..., 3:, :, :].astype(np.float64)
    between = fine[..., 3, 3] + fine[..., 4, 4]  # the centre of the first coarse pixel, by symmetry nearly
    assert rays[..., 3:, 0, 0] == pytest.approx(between / np.linalg.norm(between, axis=-1, keepdims=True), abs=1e-4)


@pytest.mark.parametrize("reference", POSES)
def test_relative_to_level_of_itself_keeps_only_the_pitch(reference):
    relative = camera.relative_to_level(camera.c2w(reference), camera.c2w(reference))
    assert relative == pytest.approx(camera.c2w(Pose(pitch=reference.pitch)), abs=1e-9)


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("world", [Pose(500, -2, 700, 0, 0), Pose(0, 0, 0, 2.5, 0), Pose(-3, 1, 2, -1, 0)])
def test_relative_to_level_is_blind_to_moves_of_the_world(pose, world):
    reference, moved = camera.c2w(Pose(2, 0, 1, 0.7, -0.2)), camera.c2w(world)
    before = camera.relative_to_level(reference, camera.c2w(pose))
    after = camera.relative_to_level(moved @ reference, moved @ camera.c2w(pose))
    assert after == pytest.approx(before, abs=1e-9)
    assert camera.yaw_pitch(after)[1] == pytest.approx(pose.pitch)


def test_relative_to_level_of_a_step_forward_is_along_z_whatever_the_pitch():
    reference = Pose(5, 0, 5, 1.1, 0.4)
    stepped = camera.move(reference, np.array([0, 1, 0, 0]))
    relative = camera.relative_to_level(camera.c2w(reference), np.stack([camera.c2w(stepped)] * 3))
    assert relative[:, :3, 3] == pytest.approx(np.array([(0, 0, 1)] * 3), abs=1e-12)
