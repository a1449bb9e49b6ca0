"""Rendering: every frame of a walk, in the world's own time, however fast or slow it is dreamt."""

import numpy as np
import pytest
from fake_world import FakeWorld

from input.controls import Controls
from input.events import Press, Release
from input.script import ScriptEntry, ScriptPlayer
from runtime.generator import Generator
from runtime.render import Scripted, frames_of


def render(world, most, script=()):
    generator = Generator(lambda: world)
    generator.start()
    player = ScriptPlayer([ScriptEntry(at, event) for at, event in script])
    try:
        return list(frames_of(generator, Scripted(Controls(), 0, player), most))
    finally:
        assert generator.close()


@pytest.mark.parametrize("chunk_s", [0.0, 0.05])
def test_a_script_acts_at_its_frames_however_long_they_take(chunk_s):
    world = FakeWorld(chunk_s, fps=20)
    frames = render(world, 24, [(0.4, Press("forward", "w")), (0.8, Release("forward", "w"))])
    assert len(frames) == 24
    walked = np.array(world.rows)[:, 1] > 0
    assert not walked[:8].any() and walked[8:16].all()


def test_two_renderings_are_the_same():
    walk = [(0.1, Press("turn_left", "q"))]
    once, again = (render(FakeWorld(0.01), 16, walk) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_what_the_world_raises_travels():
    with pytest.raises(RuntimeError, match="told to fail"):
        render(FakeWorld(fail_at=2), 100)
