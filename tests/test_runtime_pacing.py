"""Pacing and layout as tables and properties: pure functions, so no clock runs here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import pacing
from runtime.layout import letterbox, window_size

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


def test_chunk_is_asked_for_as_late_as_its_reserve_allows():
    assert max(pacing.lead(10.0, 10.09, index, P) for index in range(4)) == pytest.approx(0.09)
    # Two frames wait and the next slot is 20 ms away: 120 ms left, 100 ms are needed.
    assert not pacing.should_submit(pacing.runway(1.02, 1.0, 2, P), 0.1)
    assert pacing.should_submit(pacing.runway(1.02, 1.0, 1, P), 0.1)


def test_lead_of_a_world_that_streams_is_set_by_its_latest_frame():
    # Ready after 20, 80, 140, 200 ms: the last one needs the most, 200 - 150.
    leads = [pacing.lead(0.0, 0.02 + 0.06 * index, index, P) for index in range(4)]
    assert max(leads) == pytest.approx(0.05)


@given(st.lists(st.floats(0.0, 0.3) | st.floats(0.0, 0.01), min_size=1, max_size=60), st.floats(0.001, 0.2))
@settings(max_examples=50, deadline=None)
def test_late_frames_are_made_up_for_and_never_in_a_burst(delays, period):
    """Each frame is shown a delay after it could have been; the last ones in time."""
    due, shown, missed = None, [0.0], 0
    for delay in [*delays, *[0.0] * 12]:
        due = pacing.next_due(due, shown[-1], period)
        shown.append(pacing.show_at(due, shown[-1], period) + delay)
        missed += pacing.slots_missed(due, shown[-1], period)
    assert np.diff(shown).min() >= (1 - pacing.CATCH_UP) * period - 1e-9
    if missed == 0:  # the rate is exact, however late single frames were
        assert shown[-1] == pytest.approx((len(shown) - 1) * period, abs=1e-6)


def test_one_late_frame_is_one_long_interval():
    due, shown = 1.0, [0.95]
    for late in (0.02, 0.0, 0.0, 0.0, 0.0, 0.0):
        shown.append(pacing.show_at(due, shown[-1], P) + late)
        due = pacing.next_due(due, shown[-1], P)
    assert np.diff(shown) == pytest.approx([0.07, 0.045, 0.045, 0.045, 0.045, 0.05])


def test_a_frame_that_was_there_is_not_late_whenever_it_is_shown():
    assert pacing.lateness(1.0, 0.9) == 0.0 == pacing.lateness(None, 5.0)
    assert pacing.lateness(1.0, 1.03) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("now", "due", "seconds"),
    [(1.0, None, 0.004), (1.0, 1.05, 0.004), (1.0, 1.002, 0.002), (1.0, 1.0001, 0.0), (2.0, 1.0, 0.001)],
)
def test_nap_ends_when_something_is_due(now, due, seconds):
    assert pacing.nap(now, due) == pytest.approx(seconds)


def test_window_is_a_whole_multiple():
    assert window_size((128, 72), (1280, 720)) == (1280, 720)
    assert window_size((128, 72), (1279, 800)) == (1152, 648)
    assert window_size((640, 352), (1280, 720)) == (1280, 704)
    assert window_size((1920, 1080), (1280, 720)) == (1920, 1080)


def test_letterbox_keeps_the_shape():
    assert letterbox((128, 72), (1920, 1200)) == (0, 60, 1920, 1080)
    assert letterbox((128, 72), (2000, 720)) == (360, 0, 1280, 720)
