"""Rewind: what is kept within any budget, what is seen on the way back, and going on from there."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from fake_world import FakeWorld
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import strings
from runtime.rewind import Rewind, affordable, expired, spared, thinning
from runtime.session_log import digest
from runtime.snapshot import bytes_alone, take

FPS, FRAMES, CHUNK_S = 20.0, 4, 0.2
MB = 2**20


def rewind(budget=64 * MB, seconds=30.0, fps=FPS, take_s=0.0):
    """One whose takes seem to last `take_s`."""
    ticks = iter(range(10**9))
    return Rewind(seconds, budget, fps, CHUNK_S, clock=lambda: next(ticks) * take_s)


def frames(chunk: int, size=(8, 6), count=FRAMES) -> list[np.ndarray]:
    return [np.full((size[1], size[0], 4), (chunk * FRAMES + index) % 256, np.uint8) for index in range(count)]


def state(chunk: int, size=1000) -> dict[str, np.ndarray]:
    """Nothing of it is as it was a chunk before."""
    return {"noise": np.random.default_rng(chunk).integers(0, 255, size, np.uint8), "chunk": np.array(chunk)}


def walked(kept: Rewind, chunks: int, start: int = 0, size: int = 1000) -> Rewind:
    for chunk in range(start, chunks):
        kept.dreamt(chunk, frames(chunk), lambda chunk=chunk: state(chunk, size))
    return kept


@pytest.mark.parametrize(
    ("size", "frames", "room", "step"),
    [
        *(((72, 128), 600, 64 * MB, 1), ((352, 640), 750, 64 * MB, 4), ((352, 640), 750, 700 * MB, 1)),
        *(
            ((1080, 1920), 900, 64 * MB, None),
            ((7, 9), 1, 3 * 3 * 4, 3),
            ((7, 9), 1, 3 * 3 * 4 - 1, 4),
            ((9, 9), 1, 0, None),
        ),
    ],
)
def test_pictures_are_thinned_until_they_fit(size, frames, room, step):
    assert thinning(*size, frames, room) == step


def test_which_states_stay():
    assert spared([], 4) == set() and spared([3], 4) == {3}
    assert spared(range(10), 4) == {0, 4, 8, 9} and spared(range(4, 8), 1) == {4, 5, 6, 7}


@pytest.mark.parametrize(("take_s", "stride"), [(0.0, 1), (0.019, 1), (0.021, 2), (0.039, 2), (0.1, 8), (1.0, 64)])
def test_states_that_are_slow_to_take_are_taken_less_often(take_s, stride):
    assert affordable(take_s, CHUNK_S) == stride
    assert walked(rewind(take_s=take_s), 200).stride == stride


def test_what_has_expired():
    assert expired([], 10) == 0 and expired([4], 1) == 0 and expired([4, 4, 4], 5) == 0
    assert expired([4, 4, 4], 4) == 1 and expired([4, 4, 4, 4], 4) == 2 and expired([3, 12, 12], 12) == 1


@settings(max_examples=60, deadline=None)
@given(
    budget=st.integers(0, 300_000),
    seconds=st.floats(0.5, 8),
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=4),
    walk=st.lists(st.one_of(st.integers(1, 6), st.just("clear"), st.just("cut"), st.just("jump")), max_size=40),
)
def test_the_budget_holds_whatever_happens(budget, seconds, sizes, walk):
    """Pictures and states of any size, cuts, resets and gaps; a state that fits with its pictures is always there."""
    kept, chunk = rewind(budget, seconds), 0
    for number, event in enumerate(walk):
        if event == "clear":
            kept.clear()
            chunk = 0
        elif event == "cut":
            trail = kept.begin()
            chunk = trail.landing(trail.at(seconds / 2)).chunk + 1 if trail else chunk
            kept.cut(chunk - 1)
        elif event == "jump":
            chunk += 5
        else:
            given = state(chunk, sizes[number % len(sizes)])
            kept.dreamt(chunk, frames(chunk, count=event), lambda given=given: given)
            chunk += 1
        assert 0 <= kept.bytes <= budget
        assert not (kept.refusal and kept.bytes)
        trail = kept.begin()
        if trail:
            newest, oldest = trail.at(0), trail.at(1e9)
            assert newest.ago == 0 and oldest.ago == trail.seconds <= seconds + 12 / FPS
            for moment in (newest, oldest):
                landing = trail.landing(moment)
                assert landing.chunk <= moment.chunk and landing.state["chunk"] == landing.chunk
                assert np.array_equal(
                    landing.state["noise"], state(landing.chunk, len(landing.state["noise"]))["noise"]
                )
    kept.clear()
    assert kept.bytes == 0 and not kept.begin()


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 40_000), seconds=st.floats(1, 4))
def test_the_newest_state_is_kept_where_one_fits(size, seconds):
    pictures = (int(seconds * FPS) + 1 + FRAMES) * 8 * 6 * 4
    kept = rewind(bytes_alone(take(state(0, size))) * 2 + 4 * pictures, seconds)
    for chunk in range(40):
        walked(kept, chunk + 1, chunk, size)
        assert not kept.refusal and kept.snapshots
        trail = kept.begin()
        assert trail.landing(trail.at(0)).chunk > chunk - kept.stride - 1


def test_thirty_seconds_are_kept_and_no_more():
    trail = walked(rewind(), 400).begin()
    assert 30 <= trail.seconds < 30 + CHUNK_S
    assert trail.at(0).picture[0, 0, 0] == (399 * FRAMES + 3) % 256 and trail.at(0).ago == 0
    past = trail.at(2.0)
    assert (past.chunk, past.index, past.ago) == (389, 3, 2.0) and past.picture[0, 0, 0] == (389 * FRAMES + 3) % 256
    assert trail.at(1.0, speed=2).picture[0, 0, 0] == past.picture[0, 0, 0]
    assert trail.at(99).chunk == trail.landing(trail.at(99)).chunk  # its end is a state


def test_less_memory_is_fewer_states_but_as_many_seconds():
    strides = []
    for budget in (64 * MB, 8 * MB, 4 * MB, 2 * MB):
        kept = walked(rewind(budget), 300, size=50_000)
        strides.append(kept.stride)
        assert kept.begin().seconds > 30 - strides[-1] * CHUNK_S and kept.bytes <= budget
    assert strides == sorted(strides) and strides[0] == 1 and strides[-1] >= 4


def test_the_trail_begins_with_what_is_shown():
    kept = walked(rewind(), 10)
    trail = kept.begin(shown=(6, 1))
    assert (trail.at(0).chunk, trail.at(0).index) == (6, 1)
    landing = trail.landing(trail.at(0))
    assert landing.chunk == 5 and landing.picture[0, 0, 0] == 5 * FRAMES + 3
    assert trail.landing(trail.at(2 / FPS)).chunk == 5 and trail.landing(trail.at(3 / FPS)).chunk == 4
    assert not kept.begin(shown=(0, 2)), "what lies before the first state leads nowhere"
    assert len(kept.begin(shown=(0, 3))) == 1


def test_what_cannot_be_kept_is_said_once_and_never_tried_again(monkeypatch):
    strings.use("en")
    kept, taken = rewind(MB), []
    for chunk in range(5):
        kept.dreamt(chunk, frames(chunk), lambda: taken.append(1) or {"large": np.zeros(5 * MB, np.uint8)})
    assert len(taken) == 1 and kept.bytes == 0 and not kept.begin()
    assert kept.refusal == "Rewinding this world takes 6 MB of memory or more, and the settings allow 1 MB"
    assert "switched off" in walked(rewind(0), 3).refusal
    wide = rewind(MB)
    wide.dreamt(0, frames(0, size=(640, 480)), lambda: state(0))
    assert "MB of memory or more" in wide.refusal and wide.bytes == 0


def test_pictures_of_fewer_pixels_are_as_large_on_the_way_back():
    kept = rewind(3 * MB)
    for chunk in range(8):
        kept.dreamt(chunk, frames(chunk, size=(70, 45)), lambda chunk=chunk: state(chunk))
    picture = kept.begin().at(0).picture
    assert picture.shape == (45, 70, 4) and picture.flags.c_contiguous and (picture == 7 * FRAMES + 3).all()
    assert kept.bytes < 8 * FRAMES * 70 * 45 * 4 / 3


def test_a_world_that_is_ahead_of_its_pictures():
    """The state is that after the next chunk, which has begun: nobody lands on it before its pictures were there."""
    kept = rewind()
    for chunk in range(3):
        kept.dreamt(chunk, frames(chunk), lambda chunk=chunk: state(chunk + 1), after=chunk + 1)
    trail = kept.begin()
    assert trail.landing(trail.at(0)).chunk == 2 and trail.at(99).chunk == 1
    assert trail.landing(trail.at(0)).state["chunk"] == 2


def walk(world, kept: Rewind, start: int, count: int) -> list[str]:
    """Chunks of a world, told to `kept` as a generator does."""
    told = []
    for chunk in range(start, start + count):
        rows = np.random.default_rng(chunk).normal(0, 0.1, (4, world.info.control_columns)).astype(np.float32)
        pictures = list(world.step(rows))
        kept.dreamt(chunk, pictures, world.state)
        told += map(digest, pictures)
    return told


def test_going_back_again_and_again(tiny_world):
    """In a real network: landing, walking on as before, landing further back; each time as if nothing had been."""
    from model.registry import load_world
    from model.world import LoadOptions

    for world in (FakeWorld(), load_world(str(tiny_world), LoadOptions(threads=1))):
        world.reset(None, None, 3)
        whole = walk(world, rewind(), 0, 14)
        world.reset(None, None, 3)
        kept = rewind(256 * MB)
        assert walk(world, kept, 0, 12) == whole[: 12 * FRAMES]
        for seconds in (0.0, 0.33, 1.0, 0.5, 99.0):
            trail = kept.begin()
            landing = trail.landing(trail.at(seconds))
            world.load_state(landing.state)
            kept.cut(landing.chunk)
            assert digest(landing.picture) == whole[landing.chunk * FRAMES + 3]
            assert kept.begin().at(0).chunk == landing.chunk
            start = landing.chunk + 1
            assert walk(world, kept, start, 2) == whole[start * FRAMES : (start + 2) * FRAMES]


def test_one_thread_dreams_while_the_other_goes_back():
    kept, failures, done = rewind(2 * MB, seconds=3.0), [], threading.Event()

    def dream():
        try:
            walked(kept, 1500)
        except BaseException as error:
            failures.append(error)
        done.set()

    thread = threading.Thread(target=dream)
    thread.start()
    looked = 0
    while not done.is_set():
        if trail := kept.begin():
            landing = trail.landing(trail.at(1.0))
            assert landing.state["chunk"] == landing.chunk
            assert landing.picture[0, 0, 0] == (landing.chunk * FRAMES + 3) % 256
            looked += 1
    thread.join()
    assert not failures and looked
