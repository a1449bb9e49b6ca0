"""The generator's thread: bounded, cancellable, and honest about what goes wrong."""

import time

import numpy as np
import pytest
from fake_world import FakeWorld
from generators import STILL, begun, make_fixture, wait_for  # noqa: F401

from runtime.errors import UserError
from runtime.generator import FRAMES_QUEUED, Generator
from runtime.messages import Frame, Moment


def test_frames_come_out_in_order_with_their_origin(make):
    generator = make(FakeWorld())
    begun(generator, seed=3)
    generator.step(STILL, 1.5)
    generator.step(STILL, 2.5)
    wait_for(lambda: generator.idle)
    frames = [generator.take() for _ in range(8)]
    assert generator.take() is None
    assert [(f.chunk, f.index, f.sampled_at) for f in frames] == [(c, i, 1.5 + c) for c in (0, 1) for i in range(4)]
    assert all(a.ready_at <= b.ready_at for a, b in zip(frames, frames[1:], strict=False))
    assert generator.frames_dreamt == 8 and generator.chunk_ms.count == 2 and generator.busy_s > 0


def test_first_chunk_may_be_of_another_length(make):
    generator = make(FakeWorld(first_frames=1))
    begun(generator)
    assert generator.chunk_length == 1
    generator.step(STILL[:1], 0.0)
    wait_for(lambda: generator.idle)
    assert generator.chunk_length == 4


def test_queue_is_bounded(make):
    generator = make(FakeWorld(frames=FRAMES_QUEUED + 5))
    begun(generator)
    generator.step(np.zeros((FRAMES_QUEUED + 5, 4), np.float32), 0.0)
    wait_for(lambda: generator.queued == FRAMES_QUEUED)
    time.sleep(0.15)
    assert generator.queued == FRAMES_QUEUED and not generator.idle
    for _ in range(FRAMES_QUEUED + 5):
        wait_for(lambda: generator.queued > 0)
        assert generator.take() is not None
    wait_for(lambda: generator.idle)


def test_reset_gives_up_the_chunk_and_its_frames(make):
    world = FakeWorld(chunk_s=0.1)
    generator = make(world)
    begun(generator, seed=1)
    generator.step(STILL, 0.0)
    time.sleep(0.02)
    for seed in range(2, 9):  # a person who hammers on the key
        generator.begin(seed)
    wait_for(lambda: generator.idle)
    assert generator.take() is None
    assert world.seeds[-1] == 8
    generator.step(STILL, 5.0)
    wait_for(lambda: generator.queued == 4)
    assert generator.take().sampled_at == 5.0


def test_a_frame_from_before_the_reset_is_not_shown(make):
    generator = make(FakeWorld())
    begun(generator)
    # As the thread would put it, had it looked at the epoch just before the reset.
    generator._frames.put(Frame(np.zeros((2, 2, 4), np.uint8), 0, 0, 0, 0.0, 0.0))
    assert generator.take() is None


def test_what_the_world_raises_travels(make):
    generator = make(FakeWorld(fail_at=0))
    begun(generator)
    generator.step(STILL, 0.0)
    with pytest.raises(RuntimeError, match="told to fail"):
        wait_for(lambda: generator.take())


def test_what_loading_raises_travels(make):
    def load():
        raise UserError("no such world")

    generator = make(load=load)
    with pytest.raises(UserError, match="no such world"):
        wait_for(lambda: generator.check())


def test_a_world_that_needs_a_picture_says_so(make):
    generator = make(FakeWorld(needs_image=True))
    wait_for(lambda: generator.info)
    generator.begin(0)
    with pytest.raises(UserError, match="--image"):
        wait_for(lambda: generator.check())


def test_close_does_not_wait_for_the_whole_chunk_queue():
    generator = Generator(lambda: FakeWorld(frames=FRAMES_QUEUED * 4))
    generator.start()
    begun(generator)
    generator.step(np.zeros((FRAMES_QUEUED * 4, 4), np.float32), 0.0)
    wait_for(lambda: generator.queued == FRAMES_QUEUED)
    started = time.perf_counter()
    assert generator.close()
    assert time.perf_counter() - started < 0.5


def test_closing_one_that_never_started():
    assert Generator(FakeWorld).close()


def dreamt(generator, at):
    """The pixels of the next chunk."""
    generator.step(STILL, at)
    wait_for(lambda: generator.idle)
    return [generator.take().pixels.tobytes() for _ in range(4)]


def test_a_moment_is_gone_on_from_bit_for_bit(make):
    generator, kept = make(FakeWorld(first_frames=1)), []
    begun(generator, seed=3)
    generator.step(STILL[:1], 0.0)
    wait_for(lambda: generator.idle)
    generator.take()
    generator.keep(kept.append)
    after = [dreamt(generator, 1.0), dreamt(generator, 2.0)]
    generator.begin(9)
    wait_for(lambda: generator.idle)
    assert generator.chunk_length == 1
    generator.restore(kept[0])
    wait_for(lambda: generator.idle)
    assert generator.chunk_length == 4 and generator.seed == 3
    assert [dreamt(generator, 3.0), dreamt(generator, 4.0)] == after


def test_a_prompt_acts_from_the_next_chunk_on_and_is_kept_by_a_reset(make):
    world = FakeWorld(takes_text=True)
    generator = make(world)
    begun(generator)
    before = dreamt(generator, 0.0)
    generator.reword("rain")
    assert dreamt(generator, 1.0) != before
    generator.begin(0)
    wait_for(lambda: generator.idle)
    assert world.prompts == ["rain", "rain"]


def test_what_a_world_will_not_do_is_told_once_and_ends_nothing(make):
    generator = make(FakeWorld())
    begun(generator)
    generator.reword("rain")
    wait_for(lambda: generator.idle)
    assert "takes no text" in generator.refusal() and generator.refusal() == ""
    generator.begin(1)  # without the prompt that was refused
    generator.restore(Moment({"other": np.zeros(1)}, 0, 0))
    wait_for(lambda: generator.idle)
    assert "from another world" in generator.refusal()
    generator.begin(2)
    wait_for(lambda: generator.idle)
    assert dreamt(generator, 1.0)
