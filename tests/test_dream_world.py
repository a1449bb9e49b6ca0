"""The embedded world as a whole: what it promises in model/world.py, and what it says of broken files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dream_fixtures import TINY, alter_world

from model.registry import find_world, load_world
from model.world import LoadOptions
from runtime.errors import UserError

ROWS = np.tile(np.array([0.01, 0.05, 0.03, 0.002], np.float32), (TINY.frames, 1))


@pytest.fixture
def world(tiny_world):
    return load_world(str(tiny_world), LoadOptions(threads=1))


def chunks(world, count: int) -> np.ndarray:
    return np.stack([frame for _ in range(count) for frame in world.step(ROWS)])


def test_frames_are_as_the_window_wants_them(world):
    world.reset(None, None, 0)
    frames = list(world.step(ROWS))
    assert len(frames) == world.info.chunk_frames == TINY.frames
    for frame in frames:
        assert frame.shape == (TINY.height, TINY.width, 4) and frame.dtype == np.uint8
        assert frame.flags.c_contiguous and (frame[..., 3] == 255).all()
    kept = frames[0].copy()
    chunks(world, 2)
    assert (frames[0] == kept).all(), "a frame that was handed out was written again"


def test_the_seed_decides_and_nothing_else(world):
    world.reset(None, None, 4)
    first = chunks(world, 8)
    world.reset(None, None, 5)
    other = chunks(world, 8)
    world.reset(None, None, 4)
    assert (chunks(world, 8) == first).all() and (other != first).any()


def test_a_saved_state_resumes_bit_for_bit(world, tiny_world):
    world.reset(None, None, 2)
    chunks(world, 6)
    saved, camera = world.state(), world.camera
    onward = chunks(world, 6)
    fresh = load_world(str(tiny_world), LoadOptions(threads=1))
    fresh.load_state(saved)
    assert (fresh.camera == camera).all()
    assert (chunks(fresh, 6) == onward).all()


def test_the_camera_follows_the_controls_and_the_controls_the_picture(world):
    world.reset(None, None, 0)
    turning = np.tile(np.array([0, 0, 0.05, 0], np.float32), (TINY.frames, 1))
    left = np.stack(list(world.step(-turning)))
    assert np.arctan2(world.camera[0, 2], world.camera[2, 2]) == pytest.approx(-0.2, abs=1e-6)
    world.reset(None, None, 0)
    assert (np.stack(list(world.step(turning))) != left).any()


def test_a_picture_of_ones_own_is_where_the_walk_begins(world):
    red = np.zeros((90, 200, 3), np.uint8)
    red[..., 0] = 255
    world.reset(red, None, 0)
    assert (world.runner.buffers["anchor"][0, 0] == 1).all() and (world.runner.buffers["anchor"][0, 1] == -1).all()


def test_a_world_without_text_says_so(world):
    with pytest.raises(UserError, match="takes no text"):
        world.prompt("make it rain")
    with pytest.raises(UserError, match="takes no text"):
        world.reset(None, "make it rain", 0)


def test_controls_of_another_shape_are_refused(world):
    world.reset(None, None, 0)
    with pytest.raises(ValueError, match="controls"):
        list(world.step(np.zeros((1, 4), np.float32)))


@pytest.fixture
def broken(tiny_world, tmp_path):
    return shutil.copytree(tiny_world, tmp_path / "broken")


def test_truncated_weights_are_refused_by_name(broken):
    part = broken / "weights-0.safetensors"
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(UserError, match="truncated or altered.*weights-0"):
        load_world(str(broken))


def test_one_altered_byte_is_refused(broken):
    part = broken / "weights-0.safetensors"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(UserError, match="altered"):
        load_world(str(broken))


def test_a_missing_file_is_named(broken):
    (broken / "commit.onnx").unlink()
    with pytest.raises(UserError, match="missing.*commit.onnx"):
        load_world(str(broken))


@pytest.mark.parametrize(
    "changes, said",
    [({"colour": "blue"}, "unknown key 'colour'"), ({"config": {"dimm": 3}}, "unknown key 'dimm'")],
)
def test_an_unknown_key_is_refused(broken, changes, said):
    alter_world(broken, **changes)
    with pytest.raises(UserError, match=said):
        load_world(str(broken))


def test_an_unknown_world_lists_the_known_ones():
    with pytest.raises(UserError, match="unknown world 'atlantis'.*known worlds"):
        find_world("atlantis")
