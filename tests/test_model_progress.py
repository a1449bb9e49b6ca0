"""How far and how long: the estimate as a pure function of signs and times, and what people are told of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.progress import (
    BYTES,
    LONGEST_S,
    MEMORY_S,
    STALLED_S,
    STEPS,
    UNWATCHED,
    Pace,
    Reading,
    Slot,
    Tally,
    advanced,
    counted,
    in_words,
    left,
    seconds_left,
)

signs = st.lists(
    st.tuples(st.floats(0, 1e5), st.integers(0, 10**13)), max_size=30
)  # seconds since the sign before, what is done by then


@settings(max_examples=200, deadline=None)
@given(signs, st.integers(0, 10**13), st.floats(0, 1e6), st.sampled_from([MEMORY_S, math.inf]))
def test_an_estimate_is_never_negative_and_never_nan(signs, total, later, memory_s):
    pace, now = Pace(0.0, memory_s=memory_s), 0.0
    for after, done in signs:
        now += after
        pace = advanced(pace, done, now)
        for moment in (now, now + later, now - later):  # clocks of other threads may be read a little early
            estimate = seconds_left(pace, total, moment)
            assert estimate is None or 0 <= estimate <= LONGEST_S
        assert pace.moved >= 0 and pace.spent >= 0


@settings(max_examples=100, deadline=None)
@given(st.floats(1e3, 1e9), st.floats(0.05, 2.0), st.integers(20, 200), st.sampled_from([MEMORY_S, math.inf]))
def test_at_a_steady_rate_it_is_right_and_only_falls(rate, every, count, memory_s):
    pace, total, shown = Pace(0.0, memory_s=memory_s), int(rate * every * count), []
    for sign in range(1, count + 1):
        pace = advanced(pace, int(rate * every * sign), every * sign)
        estimate = seconds_left(pace, total, every * sign)
        if estimate is not None:
            shown.append(estimate)
            assert estimate == pytest.approx(every * (count - sign), rel=0.02, abs=0.4 + 2 * every)
    assert all(after <= before + 0.02 * every * count + 0.01 for before, after in zip(shown, shown[1:], strict=False))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=40, max_size=80))
def test_a_rate_that_flickers_is_smoothed(speeds):
    """Signs twice a second whose rate jumps up to fourfold: what is shown changes by a fifth at most."""
    pace, done, before = Pace(0.0, memory_s=MEMORY_S), 0, None
    for sign, speed in enumerate(speeds, 1):
        done += int(1e6 * speed)
        pace = advanced(pace, done, sign / 2)
        estimate = seconds_left(pace, 10**10, sign / 2)
        if sign > 16:
            assert estimate == pytest.approx(before, rel=0.2)
        before = estimate


def test_nothing_is_said_before_something_is_known():
    pace = Pace(0.0)
    assert seconds_left(pace, 4, 10.0) is None, "no step was done yet"
    assert seconds_left(advanced(pace, 1, 0.3), 4, 0.3) is None, "too soon"
    assert seconds_left(advanced(pace, 1, 5.0), 0, 5.0) is None, "of what?"


def test_between_two_steps_it_counts_down_and_then_gives_up():
    pace = advanced(Pace(0.0), 1, 20.0)
    left_at = [seconds_left(pace, 4, moment) for moment in (20.0, 30.0, 40.0, 59.0)]
    assert left_at == pytest.approx([60.0, 50.0, 40.0, 40.0])
    assert seconds_left(pace, 4, 61.0) is None, "the step takes twice as long as any before"
    stream = advanced(Pace(0.0, memory_s=MEMORY_S), 10**6, 1.0)
    assert seconds_left(stream, 10**7, 1.0 + STALLED_S + 0.1) is None


def test_work_that_begins_again_counts_for_nothing():
    pace = advanced(advanced(Pace(0.0), 100, 1.0), 0, 1.1)
    assert pace.done == 0 and seconds_left(pace, 100, 1.1) == pytest.approx(0.999, abs=0.2)
    assert advanced(pace, 50, 2.0).moved == 150


def test_a_slot_keeps_what_it_was_told_last():
    clock = [0.0]
    slot = Slot(lambda: clock[0])
    assert slot.reading() == Reading() and slot.reading().fraction is None
    slot.stage("reading", 1000, BYTES, "a.pth", 200)
    clock[0] = 1.0
    slot.advance(400)
    told = slot.reading()
    assert replace(told, seconds_left=None) == Reading("reading", "a.pth", 400, 1000, BYTES)
    assert told.fraction == 0.4 and told.seconds_left == pytest.approx(3.0), (
        "what was there before says nothing of rate"
    )
    slot.stage("reading", 50, BYTES, "b.pth")
    assert slot.reading().seconds_left is None, "another file has a pace of its own"


def test_other_words_for_the_same_steps_go_on_with_their_estimate():
    clock = [0.0]
    slot = Slot(lambda: clock[0])
    for moment, done, words in ((0.0, 0, "decode: tactics, 0 s"), (10.0, 1, "denoise"), (12.0, 1, "denoise: timing")):
        clock[0] = moment
        slot.stage(words, 3, STEPS, "trt bf16", done)
    assert slot.reading().seconds_left == pytest.approx(24.0)
    slot.stage("denoise", 3, STEPS, "trt bf16", 0)
    assert slot.reading().seconds_left is None, "begun again"


def test_a_tally_adds_up():
    slot = Slot()
    slot.stage("checking", 10, BYTES)
    tally = Tally(slot, 2)
    tally.add(3)
    tally.add(5)
    assert slot.reading().done == tally.done == 10
    UNWATCHED.stage("checking", 10)
    UNWATCHED.advance(3)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(), ""),
        (Reading("loading", "cloister"), "cloister: loading"),
        (Reading("compiling", "openvino bf16", 2, 4, STEPS, 11.3), "openvino bf16: compiling, 3 of 4, about 12 s left"),
        (Reading("trying", "x", 4, 4, STEPS), "x: trying, 4 of 4"),
        (Reading("downloading", "a", 4_100_000_000, 11_800_000_000, BYTES, 700.0),
         "a: downloading, 4.1 GB of 11.8 GB, about 12 min left"),
        (Reading("waiting", "", 7, 0, STEPS), "waiting"),
    ],
)  # fmt: skip
def test_in_words(reading, words):
    assert in_words(reading) == words
    assert (counted(reading) is None) == (reading.total == 0)


@given(st.floats(0, LONGEST_S))
def test_what_is_left_is_short_and_never_less_than_it_is(seconds):
    count, unit = left(seconds)
    assert 1 <= count <= 100 and count * {"s": 1, "min": 60, "h": 3600}[unit] >= seconds - 1e-6
