"""What tests of the generator's thread share: generators that are started and closed, and patience."""

from __future__ import annotations

import time

import numpy as np
import pytest

from runtime.generator import Generator

STILL = np.zeros((4, 4), np.float32)


def wait_for(condition, seconds=3.0):
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "timed out"
        time.sleep(0.001)


@pytest.fixture(name="make")
def make_fixture():
    """Starts generators; they are closed at the end, each of which has to succeed."""
    made = []

    def build(world=None, load=None, **options):
        generator = Generator(load or (lambda: world), **options)
        made.append(generator)
        generator.start()
        return generator

    yield build
    assert all(generator.close() for generator in made)


def begun(generator, seed=0):
    wait_for(lambda: generator.info)
    generator.begin(seed)
    wait_for(lambda: generator.idle)
