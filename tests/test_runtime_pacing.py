"""Pacing, layout and percentiles as tables: pure functions, so no clock runs here."""

import math

import numpy as np
import pytest

from runtime import pacing
from runtime.layout import letterbox, window_size
from runtime.stats import Percentiles, Stats

P = 0.05


@pytest.mark.parametrize(
    ("due", "now", "missed", "following"),
    [
        (None, 7.0, 0, 7.05),  # a rate begins with its first frame
        (1.0, 1.0, 0, 1.05),
        (1.0, 1.02, 0, 1.05),  # a little late: the schedule stays, so the rate is exact
        (1.0, 1.03, 1, 1.08),  # late by more than half a slot: one slot lost, the schedule moves
        (1.0, 1.21, 4, 1.26),  # a stall is not followed by a burst
    ],
)
def test_when_a_frame_is_late(due, now, missed, following):
    assert pacing.slots_missed(due, now, P) == missed
    assert pacing.next_due(due, now, P) == pytest.approx(following)


def test_as_fast_as_possible_drops_nothing():
    assert pacing.slots_missed(1.0, 9.0, 0.0) == 0
    assert pacing.next_due(1.0, 9.0, 0.0) == 9.0


def test_rate_is_constant_whatever_the_poll_phase():
    due, shown, now = None, [], 0.0
    while len(shown) < 200:
        if due is None or now >= due:
            shown.append(now)
            due = pacing.next_due(due, now, P)
        now += 0.0037
    assert (shown[-1] - shown[0]) / 199 == pytest.approx(P, abs=1e-4)


def test_chunk_is_asked_for_as_late_as_its_lead_allows():
    leads = [pacing.lead(10.0, 10.09, index, P) for index in range(4)]
    assert pacing.lead_needed(leads) == pytest.approx(0.09)
    # Two frames wait and the next slot is 20 ms away: 120 ms left, 100 ms are needed.
    assert not pacing.should_submit(pacing.runway(1.02, 1.0, 2, P), 0.09)
    assert pacing.should_submit(pacing.runway(1.02, 1.0, 1, P), 0.09)


def test_lead_of_a_world_that_streams_is_set_by_its_latest_frame():
    # Ready after 20, 80, 140, 200 ms: the last one needs the most, 200 - 150.
    leads = [pacing.lead(0.0, 0.02 + 0.06 * index, index, P) for index in range(4)]
    assert pacing.lead_needed(leads) == pytest.approx(0.05)


def test_nothing_known_means_ask_at_once():
    assert pacing.should_submit(pacing.runway(None, 5.0, 16, P), pacing.lead_needed([]))


@pytest.mark.parametrize(("chunk_s", "late"), [(0.06, 0), (0.15, 0), (0.195, 0), (0.30, 1)])
def test_no_stutter_while_the_world_is_fast_enough(chunk_s, late):
    """The policy as a whole, on a clock of its own: 1 ms turns, chunks of four that are ready all at once."""
    due, queue, leads, sampled_at, ready_at, dropped, latest = None, [], [], 0.0, None, 0, 0.0
    for turn in range(8000):
        now = turn * 1e-3
        if ready_at is not None and now >= ready_at:
            queue += [(sampled_at, ready_at, index) for index in range(4)]
            ready_at = None
        runway = pacing.runway(due, now, len(queue), P)
        if ready_at is None and pacing.should_submit(runway, pacing.lead_needed(leads[-64:])):
            sampled_at, ready_at = now, now + chunk_s
        if (due is None or now >= due) and queue:
            sampled, ready, index = queue.pop(0)
            dropped += pacing.slots_missed(due, now, P)
            due = pacing.next_due(due, now, P)
            leads.append(pacing.lead(sampled, ready, index, P))
            if turn > 2000 and index == 0:
                latest = max(latest, now - sampled)
    assert (dropped > 0) == bool(late)
    assert late or latest <= chunk_s + pacing.MARGIN + 0.002


@pytest.mark.parametrize(
    ("now", "due", "seconds"),
    [(1.0, None, 0.004), (1.0, 1.05, 0.004), (1.0, 1.002, 0.002), (1.0, 1.0001, 0.001), (2.0, 1.0, 0.001)],
)
def test_nap_is_bounded(now, due, seconds):
    assert pacing.nap(now, due) == pytest.approx(seconds)


def test_window_is_a_whole_multiple():
    assert window_size((128, 72), (1280, 720)) == (1280, 720)
    assert window_size((128, 72), (1279, 800)) == (1152, 648)
    assert window_size((640, 352), (1280, 720)) == (1280, 704)
    assert window_size((1920, 1080), (1280, 720)) == (1920, 1080)


def test_letterbox_keeps_the_shape():
    assert letterbox((128, 72), (1920, 1200)) == (0, 60, 1920, 1080)
    assert letterbox((128, 72), (2000, 720)) == (360, 0, 1280, 720)


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
