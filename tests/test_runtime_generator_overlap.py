"""The generator and a world that overlaps: the next chunk is begun while the last one's pictures are still to come."""

import threading
from dataclasses import replace

from fake_world import FakeWorld
from generators import STILL, begun, make_fixture, wait_for  # noqa: F401


class Overlapping(FakeWorld):
    """Begins a chunk when asked; each picture waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.info = replace(self.info, overlaps=True)
        self.begun: list[int] = []
        self.gate = threading.Semaphore(0)

    def step(self, controls):
        self.begun.append(len(self.begun))
        pictures = list(super().step(controls))

        def delivered():
            for picture in pictures:
                self.gate.acquire()
                yield picture

        return delivered()


def test_a_world_that_overlaps_begins_the_next_chunk_while_the_last_is_decoded(make):
    world = Overlapping()
    generator = make(world)
    begun(generator)
    generator.step(STILL, 1.0)
    wait_for(lambda: generator.idle)
    assert world.begun == [0] and generator.queued == 0, "not a picture is there, and more may be asked for"
    assert generator.ahead == 4, "but what is on its way counts"
    generator.step(STILL, 2.0)
    world.gate.release()
    wait_for(lambda: world.begun == [0, 1])
    assert generator.queued <= 1, "the second chunk was begun with most of the first still to come"
    world.gate.release(7)
    wait_for(lambda: generator.queued == 8)
    frames = [generator.take() for _ in range(8)]
    assert [(f.chunk, f.index, f.sampled_at) for f in frames] == [(c, i, 1.0 + c) for c in (0, 1) for i in range(4)]
    wait_for(lambda: generator.frames_dreamt == 8)
    assert generator.ahead == 0


def test_a_reset_while_chunks_overlap_leaves_nothing_of_them(make):
    world = Overlapping()
    generator = make(world)
    begun(generator)
    for _ in range(2):
        wait_for(lambda: generator.idle)
        generator.step(STILL, 1.0)
    world.gate.release()
    wait_for(lambda: len(world.begun) == 2)
    generator.begin(9)
    world.gate.release(16)
    wait_for(lambda: world.seeds[-1] == 9 and generator.idle)
    generator.step(STILL, 5.0)
    world.gate.release(4)
    wait_for(lambda: generator.queued == 4)
    assert [(f.chunk, f.index, f.sampled_at) for f in (generator.take() for _ in range(4))] == [
        (0, index, 5.0) for index in range(4)
    ]
    assert generator.take() is None


def test_a_moment_of_a_world_that_overlaps_is_one_between_two_chunks(make):
    world = Overlapping()
    world.gate.release(100)
    generator, kept = make(world), []
    begun(generator)
    generator.step(STILL, 0.0)
    generator.keep(kept.append)
    generator.step(STILL, 1.0)
    wait_for(lambda: generator.queued == 8)
    assert kept[0].chunk == 1 and kept[0].state["walk"] == 4
