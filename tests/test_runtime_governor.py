"""The governor: bounded, quick to give, slow to take back; and the pace as a whole, on a clock of its own."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import pacing
from runtime.governor import FIRST_MARGIN, LEAST_MARGIN_S, REMEMBERED, Governor

P = 0.05
CHUNK, CAPACITY = 4, 16
TURN = 0.002


def begun(mode="low", period=P):
    governor = Governor(mode)
    governor.begin(period, CHUNK, CAPACITY)
    return governor


def calm(governor, lead, frames=2000):
    for _ in range(frames):
        governor.shown(lead, 0.0)
    return governor.reserve


@pytest.mark.parametrize("mode", ["low", "smooth"])
@given(samples=st.lists(st.tuples(st.floats(-1.0, 5.0), st.floats(0.0, 5.0)), max_size=80), period=st.floats(0.0, 0.2))
@settings(max_examples=50, deadline=None)
def test_the_reserve_is_bounded_and_the_depth_is_the_reserve(mode, samples, period):
    governor = begun(mode, period)
    for lead, late in [*samples, (0.0, 0.0)]:
        assert 0 <= governor.reserve <= CAPACITY * period and 0 <= governor.depth <= CAPACITY
        assert governor.depth * period >= governor.reserve - 1e-6
        governor.shown(lead, late)


@given(st.lists(st.floats(0.0, 0.6), min_size=1, max_size=64))
@settings(max_examples=50, deadline=None)
def test_low_covers_all_that_it_remembers_and_smooth_a_chunk_more(leads):
    low, smooth = begun("low"), begun("smooth")
    for lead in leads:
        low.shown(lead, 0.0)
        smooth.shown(lead, 0.0)
    worst = max(leads)
    assert low.reserve >= min(worst + LEAST_MARGIN_S, CAPACITY * P)
    assert smooth.reserve == pytest.approx(min(low.reserve + CHUNK * P, CAPACITY * P))


def test_nothing_known_means_as_much_as_may_wait():
    assert begun().reserve == CAPACITY * P and begun().depth == CAPACITY


def test_a_calm_world_is_asked_as_late_as_it_allows():
    assert calm(begun(), 0.09) == pytest.approx(0.09 + LEAST_MARGIN_S)


def test_lateness_widens_the_margin_at_once_and_calm_narrows_it_slowly():
    governor = begun()
    before = calm(governor, 0.09)
    governor.shown(0.09, 0.02)
    assert governor.reserve == pytest.approx(before + LEAST_MARGIN_S)
    for _ in range(8):
        governor.shown(0.09, 0.02)
    widest = governor.reserve
    governor.shown(0.09, 0.0)
    assert before + 3 * P < widest <= 0.09 + 4 * P and governor.reserve > widest - 0.002
    assert calm(governor, 0.09) == pytest.approx(before)


def test_a_little_late_is_what_pacing_makes_up_for():
    governor = begun()
    before = calm(governor, 0.09)
    governor.shown(0.09, 0.004)
    assert governor.reserve == pytest.approx(before)


@pytest.mark.parametrize("mode", ["low", "smooth"])
def test_a_slow_chunk_is_forgotten_in_time(mode):
    governor = begun(mode)
    usual = calm(governor, 0.09)
    governor.shown(0.3, 0.0)
    calm(governor, 0.09, REMEMBERED[mode] - 1)
    assert governor.reserve > usual + 0.2
    calm(governor, 0.09, 1)
    assert governor.reserve == pytest.approx(usual)


def test_the_margin_begins_wide():
    governor = begun()
    governor.shown(0.0, 0.0)
    assert governor.reserve == pytest.approx(FIRST_MARGIN * P, rel=0.01)


def test_a_mode_that_is_not_one_is_refused():
    with pytest.raises(ValueError, match="'lazy'"):
        Governor("lazy")


def played(chunk_s, seconds, mode="low", chunk=CHUNK):
    """Flips of a world whose chunks take `chunk_s` (the last one for ever), frames all at once, and slots missed."""
    governor = begun(mode)
    due = ready_at = None
    shown_at = 0.0
    queue, flips, asked, sampled, dropped = [], [], 0, 0.0, 0
    for turn in range(int(seconds / TURN)):
        now = turn * TURN
        if ready_at is not None and now >= ready_at:
            queue += [(sampled, ready_at, index) for index in range(chunk)]
            ready_at = None
        runway = pacing.runway(due, now, len(queue), P)
        if ready_at is None and pacing.should_submit(runway, governor.reserve):
            assert len(queue) <= governor.depth
            ready_at, sampled = now + chunk_s[min(asked, len(chunk_s) - 1)], now
            asked += 1
        wanted = pacing.show_at(due, shown_at, P)
        if queue and (wanted is None or now >= wanted):
            at, ready, index = queue.pop(0)
            governor.shown(pacing.lead(at, ready, index, P), pacing.lateness(wanted, ready))
            dropped += pacing.slots_missed(due, now, P)
            due = pacing.next_due(due, now, P)
            flips.append(shown_at := now)
    return flips, dropped


chunks = st.lists(st.floats(0.005, 0.6), min_size=1, max_size=40)


@pytest.mark.parametrize("mode", ["low", "smooth"])
@given(chunk_s=chunks)
@settings(max_examples=20, deadline=None)
def test_whatever_chunks_take_no_two_frames_come_in_a_burst_and_the_rate_is_never_above(mode, chunk_s):
    flips, dropped = played(chunk_s, 12.0, mode)
    gaps = [after - before for before, after in zip(flips, flips[1:], strict=False)]
    assert min(gaps) >= (1 - pacing.CATCH_UP) * P - 1e-9
    assert (flips[-1] - flips[0]) / P >= len(gaps) - 1 - 1e-6
    assert dropped or max(gaps) < 1.5 * P + TURN


@given(chunk_s=st.lists(st.floats(0.005, 0.1), min_size=1, max_size=40))
@settings(max_examples=20, deadline=None)
def test_the_rate_is_exact_where_the_world_is_fast_enough(chunk_s):
    flips, dropped = played(chunk_s, 12.0)
    assert dropped == 0 and (flips[-1] - flips[0]) / P == pytest.approx(len(flips) - 1, abs=0.5)


def test_smooth_absorbs_what_low_shows():
    now_and_then = ([0.06] * 39 + [0.3]) * 6
    late = {mode: played(now_and_then, 45.0, mode)[1] for mode in ("low", "smooth")}
    assert late["smooth"] == 0 and 0 < late["low"] < math.inf
