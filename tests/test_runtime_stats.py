"""Stats: exact, bounded in memory, and with pauses left out."""

import math

import numpy as np
import pytest

from runtime.stats import Histogram, Percentiles, Split, Stats

P = 0.05


def test_percentiles_are_exact_and_bounded():
    samples = Percentiles(100)
    assert samples.at(50, 95) == [0.0, 0.0]
    for value in range(250):
        samples.add(float(value))
    assert samples.at(0, 50, 100) == [150.0, 199.5, 249.0]
    assert np.array_equal(samples.recent(3), [247, 248, 249])
    assert samples.max == 249.0


def test_play_time_and_latency_leave_pauses_out():
    stats = Stats()
    stats.presented(9.9, 10.0, 0)
    stats.paused(11.0)
    assert stats.seconds(15.0) == 1.0
    stats.resumed(16.0)
    stats.presented(10.9, 16.0, 0)  # dreamt before the pause
    stats.presented(16.0, 16.1, 2)
    assert stats.seconds(17.0) == 2.0
    assert (stats.frames, stats.dropped, stats.latency_ms.count) == (3, 2, 2)
    assert math.isclose(stats.latency_ms.max, 100.0, abs_tol=1e-6)


def test_intervals_run_from_flip_to_flip_and_not_across_a_pause():
    stats = Stats()
    for at in (1.0, 1.05, 1.12):
        stats.flipped(at, P)
    stats.paused(1.2)
    stats.resumed(3.0)
    for at in (3.0, 3.05):
        stats.flipped(at, P)
    assert stats.interval_ms.recent(9) == pytest.approx([50.0, 70.0, 50.0])
    assert stats.interval_off.recent(9) == pytest.approx([0.0, 0.4, 0.0])
    assert stats.interval_ms.max == pytest.approx(70.0)


def test_as_fast_as_possible_is_off_nothing():
    stats = Stats()
    for at in (1.0, 1.2, 1.21):
        stats.flipped(at, 0.0)
    assert stats.interval_ms.count == 2 and stats.interval_off.count == 0


def test_a_histogram_counts_at_its_edges_below_and_the_rest_above_all():
    bars = Histogram((10.0, 20.0))
    for value in (0.0, 10.0, 10.1, 20.0, 21.0, 1e9):
        bars.add(value)
    assert bars.counts == [2, 2, 2]


def test_every_latency_that_counts_is_in_a_bar():
    stats = Stats()
    for number in range(50):
        stats.presented(number * P, number * P + number * 0.03, 0)
    assert sum(stats.latency_bars.counts) == stats.latency_ms.count == 50


def test_a_split_tells_what_is_typical_of_parts_it_knows():
    split = Split(("denoise", "decode"))
    assert split.typical() == {"denoise": 0.0, "decode": 0.0}
    for ms in (10.0, 20.0, 90.0):
        split.add({"denoise": ms, "unknown": 1.0})
    assert split.typical() == {"denoise": 20.0, "decode": 0.0}
