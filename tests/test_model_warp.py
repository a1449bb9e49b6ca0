"""The warp against geometry that is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from input.camera import Pose, c2w, w2c

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

FOCAL, NEAR, HEIGHT, WIDTH = 60.0, 0.25, 48, 80


def scene(distance: float):
    """A smooth picture on a plane that faces the camera `distance` metres ahead (infinity: distance 0 disparity)."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    picture = np.stack([np.sin(u / 9), np.cos(v / 7), np.sin((u + v) / 11), np.zeros_like(u)])
    picture[3] = 2 * (NEAR / distance) - 1 if np.isfinite(distance) else -1
    return torch.from_numpy(picture).float()[None], lambda x, y: np.stack(
        [np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)]
    )


def moved(pose: Pose):
    return torch.from_numpy(w2c(c2w(pose)) @ c2w(Pose())).float()[None, None]


def warped(distance: float, pose: Pose):
    from model.warp import warp

    last, function = scene(distance)
    return warp(last, moved(pose), FOCAL, NEAR)[0, 0].numpy(), function


def test_standing_still_changes_nothing():
    out, _ = warped(2.0, Pose())
    last, _ = scene(2.0)
    assert np.abs(out[:4] - last[0].numpy()).max() < 1e-4 and out[4].all()


@pytest.mark.parametrize("yaw, pitch", [(0.2, 0.0), (-0.3, 0.0), (0.1, 0.15), (0.0, -0.2)])
@pytest.mark.parametrize("distance", [np.inf, 1.5])
def test_a_pure_rotation_is_the_homography_whatever_the_depth(yaw, pitch, distance):
    out, function = warped(distance, Pose(yaw=yaw, pitch=pitch))
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    rays = np.stack([(u - WIDTH / 2) / FOCAL, (v - HEIGHT / 2) / FOCAL, np.ones_like(u)]).reshape(3, -1)
    x, y, z = c2w(Pose(yaw=yaw, pitch=pitch))[:3, :3] @ rays
    expected = function(FOCAL * x / z + WIDTH / 2, FOCAL * y / z + HEIGHT / 2).reshape(3, HEIGHT, WIDTH)
    seen = out[4] > 0
    assert 0.5 < seen.mean() < 0.99, "part of the new view was not in the old one"
    error = np.abs(out[:3] - expected)[:, seen]
    assert np.quantile(error, 0.99) < 0.03


def test_turning_right_moves_the_picture_left():
    from model.warp import warp

    last = torch.full((1, 4, HEIGHT, WIDTH), -1.0)
    last[:, :3, :, 50:54] = 1
    out = warp(last, moved(Pose(yaw=0.2)), FOCAL, NEAR)[0, 0, 0].numpy()
    assert out.mean(0).argmax() < 48
    mask = warp(last, moved(Pose(yaw=0.2)), FOCAL, NEAR)[0, 0, 4].numpy()
    assert mask[:, -5:].max() == 0 and mask[:, :40].min() == 1, "what comes into view on the right is not known"


@pytest.mark.parametrize("forward", [0.3, -0.3])
def test_walking_scales_a_facing_plane_and_its_disparity(forward):
    distance = 1.5
    out, function = warped(distance, Pose(z=forward))
    scale = (distance - forward) / distance
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    expected = function((u - WIDTH / 2) * scale + WIDTH / 2, (v - HEIGHT / 2) * scale + HEIGHT / 2)
    seen = out[4] > 0
    assert seen[2:-2, 2:-2].all() if forward > 0 else seen[10:-10, 16:-16].all()
    assert np.quantile(np.abs(out[:3] - expected)[:, seen], 0.99) < 0.03
    assert np.allclose((out[3][seen] + 1) / 2, NEAR / (distance - forward), rtol=1e-3)


def test_the_nearer_surface_hides_the_farther():
    """A post at 0.5 m before a wall at 4 m: stepping aside moves the post, and what it hid is marked unseen."""
    from model.warp import warp

    last = torch.zeros(1, 4, HEIGHT, WIDTH)
    last[:, 3] = 2 * NEAR / 4 - 1
    last[:, 3, :, 36:44] = 2 * NEAR / 0.5 - 1
    last[:, 0, :, 36:44] = 1
    out = warp(last, moved(Pose(x=0.1)), FOCAL, NEAR)[0, 0].numpy()
    post = np.flatnonzero((out[0, 24] > 0.9) & (out[4, 24] > 0))
    assert abs(post.mean() - (39.5 - 0.1 / 0.5 * FOCAL)) < 1
    hidden = np.flatnonzero(out[4, 24, :70] == 0)
    assert len(hidden) >= 6 and hidden.min() > post.max()
