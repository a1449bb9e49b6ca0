"""The environment for programs: Gymnasium's own checker, the same by the same seed, states, and what is refused."""

from __future__ import annotations

import importlib
import sys
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed: make test installs it")

from fake_world import FakeWorld  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from PIL import Image  # noqa: E402

from input.camera import yaw_pitch  # noqa: E402
from runtime.env import ID, ReverieEnv, register  # noqa: E402
from runtime.errors import UserError  # noqa: E402

FORWARD = np.array([0, 1, 0, 0], np.float32)


def fake(world: FakeWorld | None = None, **arguments) -> ReverieEnv:
    return ReverieEnv(load_world=lambda *_: world or FakeWorld(), **arguments)


def check(env: ReverieEnv) -> None:
    """Gymnasium's checker, without a warning but that it was not asked to make others like it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*Not able to test alternative render modes.*")
        check_env(env)


def walk(env: ReverieEnv, actions, seed: int = 5):
    seen = [env.reset(seed=seed)[0]]
    return np.stack(seen + [env.step(action)[0] for action in actions])


@pytest.fixture(scope="module")
def tiny(tiny_world):
    env = ReverieEnv(str(tiny_world), engine="ort", threads=1, render_mode="rgb_array")
    yield env
    env.close()


@pytest.mark.parametrize("world", [{}, {"held_columns": ("forward", "jump"), "first_frames": 7}, {"needs_image": True}])
def test_the_checker_passes_on_a_fake_world(world):
    image = np.zeros((20, 30, 3), np.uint8) if world.get("needs_image") else None
    check(fake(FakeWorld(**world), image=image, render_mode="rgb_array"))


def test_the_checker_passes_on_a_tiny_world(tiny):
    check(tiny)


def test_the_checker_passes_on_the_embedded_world_as_it_is_registered():
    register()
    register()
    env = gymnasium.make(ID, engine="ort", threads=1, render_mode="rgb_array")
    assert env.spec.id == ID and env.unwrapped.world_info.name == "cloister"
    check_env(env.unwrapped, skip_close_check=True)
    env.close()


def test_a_step_is_a_chunk_and_its_last_frame_is_seen(tiny):
    info = tiny.world_info
    seen, told = tiny.reset(seed=3)
    assert tiny.observation_space.contains(seen) and told["chunk"] == 0
    assert told["frames"].shape == (info.first_chunk_frames, info.height, info.width, 3)
    after, reward, terminated, truncated, told = tiny.step(FORWARD)
    assert (reward, terminated, truncated, told["chunk"]) == (0.0, False, False, 1)
    assert told["frames"].dtype == np.uint8 and len(told["frames"]) == info.chunk_frames
    assert np.array_equal(told["frames"][-1], after) and np.array_equal(tiny.render(), after)
    assert told["camera"].shape == (4, 4) and told["camera"].dtype == np.float64 and told["backend"].startswith("ort")
    assert tiny.metadata["render_fps"] == info.fps / info.chunk_frames


def test_actions_lead_where_they_say():
    env = fake()
    env.reset(seed=1)
    told = [env.step(np.array(action, np.float32))[4]["camera"] for action in ([1, 0, 0, 0], [0, 1, 0, 0])]
    assert told[0][0, 3] > 0 and told[0][2, 3] == 0 and told[1][2, 3] > 0


def test_turning_right_turns_right(tiny):
    tiny.reset(seed=1)
    yaw, pitch = yaw_pitch(tiny.step(np.array([0, 0, 1, 1], np.float32))[4]["camera"])
    assert yaw > 0 and pitch > 0


def test_the_same_seed_and_actions_give_the_same_pictures(tiny):
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 4)).astype(np.float32)
    one, two, other = walk(tiny, actions), walk(tiny, actions), walk(tiny, actions, seed=6)
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    tiny.reset(seed=9)
    unseeded = [tiny.reset()[0] for _ in range(2)]
    tiny.reset(seed=9)
    assert all(np.array_equal(tiny.reset()[0], before) for before in unseeded), "what is drawn is drawn from the seed"


def test_a_state_is_gone_on_from_bit_for_bit(tiny):
    actions = np.random.default_rng(1).uniform(-1, 1, (4, 4)).astype(np.float32)
    tiny.reset(seed=2)
    tiny.step(actions[0])
    state = tiny.state()
    straight = [tiny.step(action) for action in actions[1:]]
    tiny.reset(seed=77)
    tiny.load_state(state)
    again = [tiny.step(action) for action in actions[1:]]
    for before, after in zip(straight, again, strict=True):
        assert np.array_equal(before[0], after[0]) and before[4]["chunk"] == after[4]["chunk"]
        assert np.array_equal(before[4]["camera"], after[4]["camera"])


def test_an_episode_is_truncated_where_that_was_asked_for():
    env = fake(max_steps=2)
    for _ in range(2):
        env.reset(seed=1)
        assert [env.step(FORWARD)[3] for _ in range(2)] == [False, True]


def test_start_pictures_come_from_files_arrays_and_options(tmp_path):
    picture = np.full((20, 30, 3), 9, np.uint8)
    Image.fromarray(picture).save(tmp_path / "start.png")
    by_file, by_array, plain = fake(image=tmp_path / "start.png"), fake(image=picture), fake()
    first = by_file.reset(seed=1)[0]
    assert np.array_equal(first, by_array.reset(seed=1)[0]) and not np.array_equal(first, plain.reset(seed=1)[0])
    assert np.array_equal(first, plain.reset(seed=1, options={"image": str(tmp_path / "start.png")})[0])
    assert not np.array_equal(first, plain.reset(seed=1)[0]), "an option is for one episode"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fake(render_mode="human"), "no render mode 'human'"),
        (lambda: fake(max_steps=0), "max_steps is 0"),
        (lambda: fake(speed=3), "unknown argument 'speed'"),
        (lambda: fake(engine="steam"), "no engine 'steam'.*choose one of auto"),
        (lambda: ReverieEnv("nowhere"), "unknown world 'nowhere'"),
        (lambda: fake(image=np.zeros((4, 4), np.uint8)), "a start picture is uint8"),
        (lambda: fake(image="missing.png"), "cannot read the image"),
        (lambda: fake().reset(options={"colour": 1}), "unknown option 'colour'"),
        (lambda: fake().reset(seed=2**70), "is too large"),
        (lambda: fake().load_state({}), "no state of this environment"),
        (lambda: fake(FakeWorld(needs_image=True)).reset(seed=1), "needs a start picture"),
    ],
)
def test_what_cannot_be_is_one_line(make, words):
    with pytest.raises(UserError, match=words):
        make()


def test_what_a_world_does_not_take_is_said(tiny):
    with pytest.raises(UserError, match="takes no text"):
        tiny.reset(seed=1, options={"prompt": "fog"})


def test_a_misused_environment_says_how():
    env, world = fake(), FakeWorld()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(FORWARD)
    env.reset(seed=1)
    for action in (np.zeros(3, np.float32), np.full(4, np.nan, np.float32)):
        with pytest.raises(gymnasium.error.InvalidAction):
            env.step(action)
    assert env.render() is None
    closed = fake(world)
    closed.close()
    closed.close()
    assert world.closed
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        closed.reset(seed=1)


def test_without_gymnasium_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "runtime.env")
    with pytest.raises(UserError, match=r"needs gymnasium.*pip install -e '\.\[env\]'"):
        importlib.import_module("runtime.env")
