"""WorldPlay's state: saved, gone on from, and refused where it is damaged."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from worldplay_fixtures import VARIANTS, open_world, tiny_config, walk  # noqa: E402

from runtime.errors import UserError  # noqa: E402


@pytest.fixture(params=VARIANTS)
def config(request):
    return tiny_config(request.param)


def test_a_saved_state_resumes_bit_for_bit(config):
    """Before anything is retrieved, and behind the first latents that were forgotten; under changing texts."""
    chunks = (1, 5, 9, 2)
    whole = open_world(config)
    whole.reset(None, "a street", 8)
    one = open_world(config)
    one.reset(None, "a street", 8)
    for count in chunks:
        other = open_world(config)
        other.reset(np.full((20, 30, 3), 9, np.uint8), "another place", 3)
        walk(other, 3, yaw=-0.05)
        whole.prompt(f"text {count}")
        one.prompt(f"text {count}")
        assert np.array_equal(np.concatenate(walk(whole, count, yaw=0.01)), np.concatenate(walk(one, count, yaw=0.01)))
        state = one.state()
        other.load_state(state)
        assert np.array_equal(other.camera, one.camera)
        again = other.state()
        assert state.keys() == again.keys() and all(np.array_equal(state[name], again[name]) for name in state)
        one = other
    assert whole.history.latents > config.kept, "nothing was forgotten, or this shows less than it says"


def test_a_rehearsal_from_a_saved_state_keeps_no_caches():
    """All that they hold is computed anew, the text's part too; in full size they are gigabytes, copied to the host."""
    from compile.engines.eager import Eager
    from compile.rehearsal import CHUNKS, try_on

    world = open_world(tiny_config("8b"))
    world.reset(None, "a street", 1)
    walk(world, 3)
    state, runner = world.state(), world.network
    rehearsal = runner.listen()
    world.load_state(state)
    walk(world, CHUNKS)
    runner.settle()
    caches = {port.name for port in runner.buffers.ports.values() if port.role}
    assert caches and runner.rehearsed.is_set() and not any(caches & run.inputs.keys() for run in rehearsal.runs)
    empty = runner.buffers.twin(runner.contract)
    assert try_on(rehearsal, Eager(runner.contract, runner._bound._modules).bind(empty), empty).error == 0


@pytest.mark.parametrize(
    "name, damage",
    [
        ("latents", lambda array: array[:-1]),
        ("chunk", lambda array: array + 1),
        ("history.chunks", lambda array: array + 1),
        ("history.labels", lambda array: array - 1),
        ("text.language_tokens", lambda array: array + 99),
        ("picture.latent", lambda array: array.astype(np.float64)),
        ("pose", lambda array: array * np.nan),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_state_is_refused_by_name_and_changes_nothing(name, damage):
    world = open_world(tiny_config("8b"))
    world.reset(None, "a", 1)
    walk(world, 2)
    state = world.state()
    with pytest.raises(UserError, match=name.rpartition(".")[2]):
        world.load_state(state | {name: damage(state[name])})
    after = world.state()
    assert all(np.array_equal(state[key], after[key]) for key in state)
    with pytest.raises(UserError, match="lacks"):
        world.load_state({key: array for key, array in state.items() if key != name})
