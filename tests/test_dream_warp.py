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


def turned(pose: Pose):
    return torch.from_numpy(c2w(pose)[:3, :3]).float()[None, None]


def warp_from_start(last, pose: Pose):
    """`last` is the start picture too."""
    from model.dream.warp import warp

    return warp(last, last, moved(pose), turned(pose), FOCAL, NEAR)[0, 0].numpy()


def warped(distance: float, pose: Pose):
    last, function = scene(distance)
    return warp_from_start(last, pose), function


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
    last = torch.full((1, 4, HEIGHT, WIDTH), -1.0)
    last[:, :3, :, 50:54] = 1
    out = warp_from_start(last, Pose(yaw=0.2))[0]
    assert out.mean(0).argmax() < 48
    mask = warp_from_start(last, Pose(yaw=0.2))[4]
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
    last = torch.zeros(1, 4, HEIGHT, WIDTH)
    last[:, 3] = 2 * NEAR / 4 - 1
    last[:, 3, :, 36:44] = 2 * NEAR / 0.5 - 1
    last[:, 0, :, 36:44] = 1
    out = warp_from_start(last, Pose(x=0.1))
    post = np.flatnonzero((out[0, 24] > 0.9) & (out[4, 24] > 0))
    assert abs(post.mean() - (39.5 - 0.1 / 0.5 * FOCAL)) < 1
    hidden = np.flatnonzero(out[4, 24, :70] == 0)
    assert len(hidden) >= 6 and hidden.min() > post.max()


def test_the_guess_is_the_start_picture_all_around_without_a_seam():
    """Turning in steps, the guessed panorama is continuous everywhere, comes back after a full turn, and what the start
    picture's middle shows is shown there unchanged."""
    from model.dream.warp import guess, pixel_rays

    last, _ = scene(2.0)
    rays = pixel_rays(HEIGHT, WIDTH, FOCAL)

    def view(yaw: float) -> np.ndarray:
        return guess(last, turned(Pose(yaw=yaw)), rays, FOCAL)[0].view(3, HEIGHT, WIDTH).numpy()

    middle = slice(WIDTH // 2 - 12, WIDTH // 2 + 12)
    assert np.abs(view(0.0)[:, 2:-2, middle] - last[0, :3, 2:-2, middle].numpy()).max() < 0.02
    assert np.abs(view(0.3) - view(0.3 + 2 * np.pi)).max() < 1e-2
    smooth = np.abs(np.diff(last[0, :3].numpy(), axis=2)).max()
    for yaw in np.linspace(-np.pi, np.pi, 23):
        assert np.abs(np.diff(view(yaw), axis=2)).max() < 2.5 * smooth, f"a seam at yaw {yaw:.2f}"


@pytest.mark.parametrize("mode, reach", [("bilinear", 6.0), ("bicubic", 1.0)])
def test_gathered_look_ups_are_the_sampled_ones(mode, reach):
    """Within the picture, on its edges, and beyond them where that is asked of a look-up."""
    from model.dream.sampling import gathered, sampled

    torch.manual_seed(0)
    picture, grid = scene(2.0)[0], (torch.rand(2, 1, 5000) * 2 - 1) * reach
    grid[:, 0, :4] = torch.tensor([[-1.0, 1, -1, 1], [-1.0, 1, 1, -1]])
    assert (gathered(picture, *grid, mode) - sampled(picture, *grid, mode)).abs().max() < 1e-5
