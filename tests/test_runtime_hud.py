"""Figures, HUD and report: the same numbers everywhere, in one line, in full and as JSON."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from fake_world import FakeWorld

from model.world import PARTS
from runtime import strings
from runtime.figures import Side, figures
from runtime.governor import Governor
from runtime.hud import following, hud_lines
from runtime.report import build_report
from runtime.settings import HUDS
from runtime.stats import Percentiles, Split, Stats

P = 0.05
BESIDE = Side(recording_dropped=7, rewind_mb=123.4, building="openvino bf16: compiling, 3 of 4")


@pytest.fixture
def run():
    """A run of 40 frames, one of them late, as its parts know it."""
    stats, governor = Stats(), Governor("smooth")
    governor.begin(P, 4, 16)
    for number in range(40):
        at = 5.0 + number * P + (0.02 if number == 30 else 0.0)
        stats.flipped(at, P)
        stats.presented(at - 0.12 - 0.001 * number, at, int(number == 30))
        stats.copy_ms.add(1.25)
        stats.present_ms.add(2.5)
        governor.shown(0.08, 0.0)
    split, chunk_ms = Split(PARTS), Percentiles()
    split.add({"denoise": 41.5, "commit": 11.0, "decode": 6.25, "other": 3.0})
    chunk_ms.add(62.0)
    generator = SimpleNamespace(
        info=FakeWorld().info, backend="numpy", seed=5, queued=3, frames_dreamt=44, busy_s=0.7, camera=np.eye(4)
    )
    generator.chunk_ms, generator.split = chunk_ms, split
    return SimpleNamespace(stats=stats, governor=governor, rate=20.0, ended_at=7.0, rss_settled_mb=None), generator


def numbers_of(run, side=BESIDE):
    loop, generator = run
    return figures(loop.stats, generator, loop.governor, loop.rate, loop.ended_at, side)


def report_of(run):
    loop, generator = run
    loop.figures = lambda now: numbers_of(run)
    return build_report(SimpleNamespace(loop=loop, generator=generator, replay=None), 1.5)


def test_the_report_is_the_figures_and_a_few_facts(run):
    numbers, report = numbers_of(run), report_of(run)
    same = {name for name in numbers if name != "rss_mb_last"}  # which the machine changes between two readings
    assert {name: report[name] for name in same} == {name: numbers[name] for name in same}
    assert report["startup_s"] == 1.5 and report["rss_mb_first"] == report["rss_mb_last"] <= report["rss_mb"]
    assert json.loads(json.dumps(report)) == report


def test_the_figures_are_what_was_measured(run):
    numbers = numbers_of(run)
    assert numbers["frame_interval_ms"]["p50"] == 50.0 and numbers["frame_interval_ms"]["max"] == 70.0
    assert 0.3 < numbers["frame_interval_p99_off"] <= 0.4
    assert numbers["latency_ms"]["p50"] == pytest.approx(139.5)
    assert sum(numbers["latency_histogram"]["counts"]) == 40 == numbers["frames_presented"]
    assert numbers["chunk_split_ms"] == {
        **{"denoise": 41.5, "commit": 11.0, "decode": 6.25, "other": 3.0},
        **{"copy": 1.25, "present": 2.5},
    }
    assert numbers["queue_depth_frames"] == 8 and numbers["queue_frames"] == 3 and numbers["dropped_frames"] == 1
    assert numbers["recording_dropped_frames"] == 7 and numbers["rewind_mb"] == 123.4


def test_what_does_not_go_on_is_not_in_it(run):
    numbers = numbers_of(run, Side())
    assert not {"recording_dropped_frames", "rewind_mb", "building"} & set(numbers)
    assert not any("recording" in line for line in hud_lines("full", numbers, frozenset()))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_overlay_shows_the_report_s_numbers(run, language):
    report = report_of(run)
    strings.use(language)
    try:
        full, line = hud_lines("full", report, frozenset({"right", "forward"})), hud_lines("line", report, frozenset())
    finally:
        strings.use("en")
    shown = "\n".join(full)
    latency = "{p50:.0f} / {p95:.0f}".format(**report["latency_ms"])
    assert len(line) == 1 and latency in line[0] and f"{report['fps_now']:.1f}" in line[0]
    assert latency in shown and "50.0 / {p99:.1f}".format(**report["frame_interval_ms"]) in shown
    assert "41.5" in shown and "forward right" in shown
    for name in ("recording_dropped_frames", "seed", "backend", "device"):
        assert str(report[name]) in shown
    assert f"{report['rss_mb_last']:.0f} MB" in shown and "123 MB" in shown and "compiling, 3 of 4" in shown
    assert all(row.count("   ") == 1 for row in full)


def test_the_modes_follow_each_other_and_off_says_nothing(run):
    assert [following(mode) for mode in HUDS] == ["line", "full", "off"]
    assert hud_lines("off", numbers_of(run), frozenset()) == []
