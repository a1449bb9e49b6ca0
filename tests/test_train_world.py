"""The training world: its pictures, depth, cameras and labels agree with each other, and it is fast enough."""

from __future__ import annotations

import math
import time
from dataclasses import fields

import numpy as np
import pytest

from input.camera import Intrinsics, Pose, c2w_from_arrays, move, w2c, yaw_pitch
from train.clips import FOV, HELD_OUT, Clip, main, make_clip, write_shard
from train.ground import RADIUS, ground_of
from train.maps import CELLS, make_map
from train.render import SKY_DEPTH, render
from train.textures import FLOORS, MOODS, WALLS
from train.walker import find_start, walk

WIDTH, HEIGHT = 128, 72
SEEDS = (3, 17, 42, HELD_OUT + 5)


def intrinsics() -> np.ndarray:
    pinhole = Intrinsics.from_fov(WIDTH, HEIGHT, FOV)
    return np.array([pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy])


def turned(x: float, z: float, yaw, pitch=0.0) -> np.ndarray:
    """Cameras at one place, [N, 4, 4]."""
    return c2w_from_arrays(np.array([x, 0.0, z]), np.atleast_1d(yaw), pitch)


def project(pixels: np.ndarray, depth: np.ndarray, source: np.ndarray, target: np.ndarray):
    """Pixels [n, 2] (x, y) at z-depths [n] of one camera as (pixels [n, 2], depths [n]) of another."""
    fx, fy, cx, cy = intrinsics()
    points = np.stack([(pixels[:, 0] - cx) / fx * depth, (pixels[:, 1] - cy) / fy * depth, depth, np.ones_like(depth)])
    moved = w2c(target) @ source @ points
    return np.stack([moved[0] / moved[2] * fx + cx, moved[1] / moved[2] * fy + cy], 1), moved[2]


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_same_seed_same_clip(seed):
    first = make_clip(seed, frames=4)
    make_map.cache_clear()
    make_clip(seed + 8, frames=1)
    again = make_clip(seed, frames=4)
    for field in fields(Clip):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name


def test_clips_differ_between_seeds():
    assert not np.array_equal(make_clip(0, frames=1).rgb, make_clip(1, frames=1).rgb)


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_agrees_between_cameras(seed):
    map_ = make_map(seed)
    pose = find_start(ground_of(map_), np.random.default_rng(seed))
    poses = [pose, move(pose, np.array([0.06, 0.10, 0.05, 0.04]))]
    cameras = c2w_from_arrays(
        np.array([(p.x, p.y, p.z) for p in poses]), np.array([p.yaw for p in poses]), np.array([p.pitch for p in poses])
    )
    _, depth = render(map_, cameras, intrinsics(), HEIGHT, WIDTH)
    rows, columns = np.nonzero(depth[0] < 20)
    seen, expected = project(np.stack([columns, rows], 1) + 0.5, depth[0][rows, columns], *cameras)
    inside = (seen > 1).all(1) & (seen < (WIDTH - 1, HEIGHT - 1)).all(1)
    column, row = np.floor(seen[inside]).astype(int).T
    # Between pixel centres 1 / z is linear on a plane, so compare within the neighbours' range.
    around = np.stack([1 / depth[1][row + i, column + k] for i in (-1, 0, 1) for k in (-1, 0, 1)])
    slack = 0.002 + 0.01 / expected[inside]
    fits = (1 / expected[inside] > around.min(0) - slack) & (1 / expected[inside] < around.max(0) + slack)
    assert inside.mean() > 0.5
    assert fits.mean() > 0.985


def test_depth_is_exact_on_the_floor_and_on_walls():
    map_ = make_map(3)
    pose = find_start(ground_of(map_), np.random.default_rng(1))
    camera = turned(pose.x, pose.z, pose.yaw, -0.2)
    _, depth = render(map_, camera, intrinsics(), HEIGHT, WIDTH)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1)
    fx, fy, cx, cy = intrinsics()
    rays = np.stack([(columns + 0.5 - cx) / fx, (rows + 0.5 - cy) / fy, np.ones(rows.size)])
    x, y, z = camera[0, :3, :3] @ rays * depth.ravel() + camera[0, :3, 3:]
    solid = depth.ravel() < SKY_DEPTH
    assert y[solid].max() < 0.5 + 1e-3
    floor = solid & (np.abs(y - 0.5) < 1e-3)
    assert floor.mean() > 0.2
    assert not map_.solid[np.floor(z[floor]).astype(int), np.floor(x[floor]).astype(int)].mean() > 0.02


def test_turning_right_moves_the_picture_left_by_the_homography():
    """A pure rotation moves every pixel, sky included, as the homography K R K^-1 says."""
    for seed in SEEDS:
        map_ = make_map(seed)
        pose = find_start(ground_of(map_), np.random.default_rng(seed))
        yaw = np.array([pose.yaw, pose.yaw + 0.15])
        cameras = turned(pose.x, pose.z, yaw, np.array([0.3, 0.2]))
        rgb, depth = render(map_, cameras, intrinsics(), HEIGHT, WIDTH)
        rows, columns = np.nonzero(depth[0] == np.float32(SKY_DEPTH))
        seen, _ = project(np.stack([columns, rows], 1) + 0.5, np.ones(len(rows)), *cameras)
        inside = (seen > 1).all(1) & (seen < (WIDTH - 1, HEIGHT - 1)).all(1)
        assert (seen[:, 0] < columns + 0.5).all()
        column, row = np.floor(seen[inside]).astype(int).T
        # Half a pixel of the other grid may lie across an edge, so compare within the range of the neighbours.
        around = np.stack([rgb[1][row + i, column + k].astype(int) for i in (-1, 0, 1) for k in (-1, 0, 1)])
        before = rgb[0][rows, columns][inside]
        fits = ((before > around.min(0) - 8) & (before < around.max(0) + 8)).all(1)
        assert inside.sum() > 300
        assert fits.mean() > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_walkers_stay_out_of_walls(seed):
    map_ = make_map(seed)
    ground = ground_of(map_)
    path = walk(map_, np.random.default_rng(seed), 1500).c2w[:, :3, 3]
    assert (path[:, 1] == 0).all()
    for x, _, z in path.tolist():
        assert min(x, z) > 1 + RADIUS - 1e-4 and max(x, z) < CELLS - 1 - RADIUS + 1e-4
        assert math.hypot(*ground.pushes(x, z)) < 1e-3
    assert np.ptp(path[:, [0, 2]], axis=0).max() > 6, "a walker gets about"


def test_walkers_move_and_look_about():
    walks = [walk(make_map(seed), np.random.default_rng(seed), 600) for seed in range(6)]
    rows = np.concatenate([done.rows for done in walks])
    moving = np.abs(rows[:, :2]).sum(1) + np.abs(rows[:, 2:]).sum(1) > 0.01
    assert 0.75 < moving.mean() < 0.95
    assert rows[:, 2].min() < -0.08 and rows[:, 2].max() > 0.08
    pitch = np.concatenate([yaw_pitch(done.c2w)[1] for done in walks])
    assert pitch.min() < -0.2 and pitch.max() > 0.2
    held = np.bitwise_or.reduce(np.concatenate([done.held for done in walks]))
    assert held == 2**9 - 1, "every action is used"


def test_rows_lead_from_pose_to_pose():
    slid = frames = 0
    for seed in range(12):
        clip = make_clip(seed, frames=25, size=(32, 18))
        yaw, pitch = yaw_pitch(clip.c2w)
        assert not clip.rows[0].any()
        for t in range(1, 25):
            x, y, z = clip.c2w[t - 1, :3, 3].tolist()
            pose = move(Pose(x, y, z, float(yaw[t - 1]), float(pitch[t - 1])), clip.rows[t])
            assert abs(math.remainder(pose.yaw - yaw[t], math.tau)) < 1e-4 and abs(pose.pitch - pitch[t]) < 1e-4
            frames += 1
            slid += math.hypot(pose.x - clip.c2w[t, 0, 3], pose.z - clip.c2w[t, 2, 3]) > 1e-4
    assert slid < 0.25 * frames


def test_places_are_varied():
    maps = [make_map(seed) for seed in range(40)]
    walls = {int(number) for map_ in maps for number in np.unique(map_.walls[~map_.solid])}
    floors = {int(number) for map_ in maps for number in np.unique(map_.floors[~map_.solid])}
    assert len(walls) >= 8 and len(walls) <= len(WALLS)
    assert len(floors) >= 8 and len(floors) <= len(FLOORS)
    assert len({map_.mood for map_ in maps}) == len(MOODS) >= 2
    assert sum(len(map_.gates) > 0 for map_ in maps) > 35
    assert {thing.kind for map_ in maps for thing in map_.solids} == {"box", "cylinder", "sphere"}


def test_every_open_cell_can_be_reached():
    for seed in range(20):
        solid = make_map(seed).solid
        reached, todo = set(), [tuple(np.argwhere(~solid)[0])]
        while todo:
            z, x = todo.pop()
            if (z, x) not in reached and not solid[z, x]:
                reached.add((z, x))
                todo += [(z + 1, x), (z - 1, x), (z, x + 1), (z, x - 1)]
        assert len(reached) == (~solid).sum()


def test_shards_hold_their_clips(tmp_path):
    load_file = pytest.importorskip("safetensors.numpy").load_file
    shard = load_file(write_shard(tmp_path / "a.safetensors", [4, 5], frames=3, size=(64, 36)))
    clip = make_clip(5, frames=3, size=(64, 36))
    assert shard["seeds"].tolist() == [4, 5]
    assert shard["rgb"].shape == (2, 3, 36, 64, 3) and shard["rgb"].dtype == np.uint8
    for name in ("rgb", "depth", "c2w", "rows", "held", "mouse"):
        assert np.array_equal(shard[name][1], getattr(clip, name)), name
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_command_refuses_to_mix_training_and_held_out_seeds(tmp_path):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--clips", "10", "--seed", str(HELD_OUT - 5)])


def test_speed_floor():
    make_clip(0)
    began = time.process_time()
    for seed in range(1, 9):
        make_clip(seed)
    assert 8 * 25 / (time.process_time() - began) > 60
