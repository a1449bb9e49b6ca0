"""Going on from a saved state: bit for bit in every world, from any chunk, in any object; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from fake_world import FakeWorld

from model.registry import load_world
from model.world import LoadOptions
from runtime.errors import UserError
from runtime.session_log import digest
from runtime.slots import make_slot, read_slot, state_digest, write_slot

# Chunks walked before a state is kept: in the first one's shadow, in a window that is filling, and long after it was.
BEFORE = (1, 2, 7)
ONWARD = 3


@pytest.fixture(scope="module", params=["dream", "matrix-game", "templerun", "fake"])
def make(request, tmp_path_factory, torch_or_skip):
    """Makes a world, a new object each time."""
    if request.param == "fake":
        return lambda: FakeWorld(first_frames=3)
    if request.param == "dream":
        folder = request.getfixturevalue("tiny_world")
        return lambda: load_world(str(folder), LoadOptions(threads=1))
    from matrix_fixtures import tiny_config, write_world
    from test_matrix_world import VARIANTS

    changes = VARIANTS["templerun"] if request.param == "templerun" else {}
    folder = write_world(tmp_path_factory.mktemp(request.param), tiny_config(**changes))
    options = LoadOptions(weights=folder / "weights", threads=1, device="cpu", decoder="tiny")
    return lambda: load_world(str(folder), options)


@pytest.fixture(scope="module")
def worlds(make):
    """One that walks, and one that states are loaded into, whatever it did before."""
    return make(), make()


def rows(world, chunk: int) -> np.ndarray:
    """Controls that differ from chunk to chunk."""
    frames = world.info.chunk_frames if chunk else world.info.first_chunk_frames
    random = np.random.default_rng([9, chunk])
    camera = random.normal(0, 0.03, (frames, 4))
    held = random.integers(0, 2, (frames, world.info.control_columns - 4))
    return np.concatenate([camera, held], 1).astype(np.float32)


def walk(world, start: int, chunks: int) -> list[str]:
    return [digest(frame) for chunk in range(start, start + chunks) for frame in world.step(rows(world, chunk))]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_a_walk_goes_on_bit_for_bit_from_a_file(worlds, tmp_path, seed):
    """Into a world that has never walked, then into the same one in the midst of other walks."""
    world, other = worlds
    world.reset(None, None, seed)
    done = 0
    for before in BEFORE:
        walk(world, done, before - done)
        state, camera = world.state(), world.camera
        kept = state_digest(state)
        picture = np.zeros((world.info.height, world.info.width, 4), np.uint8)
        write_slot(tmp_path / "a", make_slot(world.info, state, picture, seed=seed, chunk=before, camera=camera))
        expected = walk(world, before, ONWARD)
        done = before + ONWARD
        assert state_digest(state) == kept, "a state that was handed out was written again"
        other.load_state(read_slot(tmp_path / "a").state)
        assert np.array_equal(other.camera, camera)
        assert state_digest(other.state()) == kept
        assert walk(other, before, ONWARD) == expected
        assert np.array_equal(other.camera, world.camera)
        other.reset(None, None, seed // 2 + 1)
        walk(other, 0, 2)
        given_up = other.step(rows(other, 2))
        next(given_up)
        del given_up
        other.load_state(state)
        assert walk(other, before, ONWARD) == expected
        assert state_digest(state) == kept, "a state that was loaded was written to"
        world.load_state(state)  # and back in the very world that made it
        assert walk(world, before, ONWARD) == expected


@pytest.mark.usefixtures("one_thread")
def test_a_reset_after_a_load_is_as_any(worlds):
    world, other = worlds
    world.reset(None, None, 3)
    expected = walk(world, 0, 2)
    other.reset(None, None, 4)
    walk(other, 0, 1)
    other.load_state(world.state())
    other.reset(None, None, 3)
    assert walk(other, 0, 2) == expected


def broken(state: dict[str, np.ndarray]) -> dict[str, tuple[str, dict]]:
    """By what is said of it, states that are none; with the name that has to be in the line."""
    name = max(state, key=lambda key: state[key].nbytes)
    array = state[name]
    wide = np.concatenate([array, array])
    poses = [key for key, value in state.items() if value.dtype == np.float64]
    counts = [key for key, value in state.items() if value.dtype == np.int64 and value.ndim == 0]
    found = {
        "lacks": (name, {key: value for key, value in state.items() if key != name}),
        "not known": ("extra", {**state, "extra": array}),
        rf"not \[{array.shape[0]}": (name, {**state, name: wide}),
        f"not {array.dtype}": (name, {**state, name: array.astype(np.float16)}),
        "no array": (name, {**state, name: array.tolist()}),
    }
    for key in poses:
        found |= {f"'{key}'.*not finite": (key, {**state, key: np.full_like(state[key], np.nan)})}
    for key in counts:
        found |= {f"'{key}'.*-1, which cannot be": (key, {**state, key: np.full_like(state[key], -1)})}
        found |= {f"'{key}'.*{2**60}, which": (key, {**state, key: np.full_like(state[key], 2**60)})}
    return found


@pytest.mark.usefixtures("one_thread")
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(worlds):
    world, other = worlds
    world.reset(None, None, 5)
    walk(world, 0, 1)
    state = world.state()
    before = state_digest(state)
    cases = broken(state)
    assert len(cases) >= 8
    for said, (name, given) in cases.items():
        with pytest.raises(UserError, match=said) as caught:
            world.load_state(given)
        assert name in str(caught.value) and world.info.name in str(caught.value)
    assert state_digest(world.state()) == before
    other.load_state(state)
    assert walk(world, 1, 1) == walk(other, 1, 1)
    with pytest.raises(UserError, match="lacks"):
        world.load_state({})


def test_a_state_of_another_size_is_refused_by_name(tmp_path, torch_or_skip):
    """The same family with a smaller window: its caches are named."""
    from matrix_fixtures import tiny_config, write_world

    made = []
    for window in (9, 6):
        folder = write_world(tmp_path / str(window), tiny_config(window=window))
        made.append(load_world(str(folder), LoadOptions(weights=folder / "weights", threads=1, device="cpu")))
    made[0].reset(None, None, 0)
    with pytest.raises(UserError, match="'ring\\.\\w+' of the saved state is "):
        made[1].load_state(made[0].state())
