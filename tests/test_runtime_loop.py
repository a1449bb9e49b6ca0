"""The loop without a window: pace, pause, commands; events come from a screen that a test writes."""

import threading
import time

import numpy as np
import pytest
from fake_world import FakeWorld
from stage import Run, Stage, walk

from input.events import FocusGained, FocusLost, MouseMove, Press, Quit
from input.script import ScriptEntry
from runtime.player import pause_after


class Overlays(Stage):
    """Notes the overlay each time that it is of another length."""

    def __init__(self, cues):
        super().__init__(cues)
        self.kinds = []

    def draw(self, pixels, layers):
        super().draw(pixels, layers)
        lines = [*layers[0].lines, *layers[1].view.lines] if pixels is not None and layers else []
        if pixels is not None and (not self.kinds or len(lines) != len(self.kinds[-1])):
            self.kinds.append(lines)


def test_presents_at_the_world_s_rate():
    loop, stage, generator = walk(FakeWorld(0.03, fps=50), frames=60)
    assert loop.stats.frames == 60 == len(stage.shown)
    # On a machine that is busy elsewhere slots go by without a picture; they are counted, and the rate stays.
    slots = 60 + loop.stats.dropped
    assert loop.stats.seconds(loop.ended_at) == pytest.approx(slots / 50, rel=0.08)
    gaps = np.diff([at for at, _ in stage.shown])
    assert np.median(gaps) == pytest.approx(0.02, abs=0.003)
    assert loop.stats.interval_ms.count == 59 and loop.stats.interval_off.at(50)[0] < 0.1
    assert 30 < loop.stats.latency_ms.at(50)[0] < 300
    assert generator.frames_dreamt >= 60 and loop.stats.dropped <= 30


def test_fps_overrides_the_rate_but_not_the_world_s_time():
    loop, _, generator = walk(
        FakeWorld(fps=20), script=[ScriptEntry(0.0, Press("forward"))], fps=80.0, seconds=0.6, frames=None
    )
    assert loop.stats.frames + loop.stats.dropped == pytest.approx(48, abs=6)
    # 1.5 m/s in the world's own seconds: about 12 chunks of 0.2 s, not 0.6 s.
    assert generator.camera[2, 3] > 2.0


def test_a_world_too_slow_is_counted_not_hurried():
    loop, stage, _ = walk(FakeWorld(0.2, fps=40), seconds=1.2)
    assert loop.stats.dropped >= 8
    assert np.diff([at for at, _ in stage.shown]).min() > 0.010


def test_controls_reach_the_camera():
    _, _, generator = walk(FakeWorld(0.02), script=[ScriptEntry(0.0, Press("forward", "w"))], seconds=1.0)
    assert generator.camera[2, 3] > 0.5


def test_window_answers_while_the_world_loads():
    gate = threading.Event()

    def load():
        gate.wait(5)
        return FakeWorld()

    threading.Timer(1.0, gate.set).start()
    loop, stage, _ = walk(load=load, frames=4)
    assert stage.nights > 5 and loop.stats.frames == 4


def test_leaving_while_the_world_loads():
    def load():
        time.sleep(0.4)
        return FakeWorld()

    loop, _, _ = walk(load=load, cues=[(0.05, Quit())])
    assert loop.stats.frames == 0


@pytest.mark.parametrize(
    ("reason", "event", "after"),
    [
        ("", Press("pause"), "person"),
        ("person", Press("pause"), ""),
        ("", FocusLost(), "focus"),
        ("focus", FocusGained(), ""),
        ("person", FocusLost(), "person"),
        ("person", FocusGained(), "person"),
        ("", FocusGained(), ""),
        ("focus", Press("pause"), ""),
        ("", Press("forward"), ""),
    ],
)
def test_only_its_cause_ends_a_pause(reason, event, after):
    assert pause_after(reason, event) == after


def test_pause_stops_everything_and_lets_go_of_keys_and_mouse():
    cues = [(0.3, Press("forward", "w")), (0.5, FocusLost()), (0.6, MouseMove(400, 0)), (1.1, FocusGained())]
    world = FakeWorld(0.02)
    loop, stage, _ = walk(world, cues=cues, seconds=1.0)
    gaps = np.diff([at for at, _ in stage.shown])
    assert any("(paused)" in title for title in stage.titles)
    assert stage.captures[0] is True and False in stage.captures and stage.captures[-1] is True
    assert loop.stats.dropped <= 6 and gaps.max() < 0.6
    # Held for 0.2 s or so, then let go; the mouse's motion in the pause turned nothing.
    assert 0.05 < sum(row[1] for row in world.rows) < 0.9
    assert world.rows[-1][1] == 0.0 and not np.array(world.rows)[:, 2].any()
    assert loop.stats.seconds(loop.ended_at) == pytest.approx(1.0, abs=0.1)
    assert loop.ended_at - stage.start > 1.5


def test_a_key_held_into_a_pause_does_not_come_out_of_it():
    world = FakeWorld(0.02)
    walk(world, cues=[(0.2, Press("forward", "w")), (0.6, Press("pause")), (0.8, Press("pause"))], seconds=1.0)
    assert max(row[1] for row in world.rows) > 0.05 and world.rows[-1][1] == 0.0


def test_reset_and_new_seed():
    world = FakeWorld(0.02)
    loop, _, generator = walk(world, cues=[(0.3, Press("reset")), (0.6, Press("new_seed"))], seconds=1.0)
    assert world.seeds == [0, 0, 1] and generator.seed == 1
    assert loop.stats.dropped <= 6  # the time without a walk is not counted


def test_overlay_screenshot_mouse_and_quit():
    cues = [
        (0.1, Press("hud")),
        (0.2, Press("hud")),
        (0.3, Press("right", "d")),
        (0.5, Press("toggle_mouse")),
        (0.8, Press("screenshot")),
    ]
    cues += [(1.0, Press("quit"))]
    run = Run(FakeWorld(0.02), cues=cues)
    figured = "\n".join(run.stage.layers[1].view.lines)
    assert all(word in figured for word in ("shown", "chunk", "latency", "queue", "numpy (CPU)", "held   right"))
    assert run.stage.captures == [True, False]
    pictures = list((run.folder / "screenshots").glob("reverie-*.png"))
    assert len(pictures) == 1 and pictures[0].read_bytes().startswith(b"\x89PNG")


def test_help_opens_for_a_world_with_a_vocabulary_and_closes_on_its_key():
    world = FakeWorld(0.02, vocabulary=(("jump", "leap"),))
    stage = Overlays([(0.4, Press("help")), (0.7, Press("hud")), (1.0, Press("help"))])
    walk(world, stage=stage, seconds=1.3)
    known, none, figures, both = stage.kinds
    assert known[0] == "space   leap" and none == []
    assert any("fps" in line for line in figures) and "space   leap" not in figures
    assert both[: len(known)] == known and len(both) == len(known) + len(figures)


def test_help_is_asked_for_where_a_world_brings_no_vocabulary():
    stage = Overlays([(0.4, Press("help"))])
    walk(FakeWorld(0.02), stage=stage, seconds=0.8)
    none, known = stage.kinds
    assert none == [] and known[0] == "escape   menu"


def test_a_screenshot_that_cannot_be_saved_ends_nothing(tmp_path):
    (tmp_path / "screenshots").write_text("in the way")
    run = Run(FakeWorld(), cues=[(0.2, Press("screenshot"))], folder=tmp_path, seconds=1.0)
    assert run.loop.stats.frames >= 15 and any("screenshot" in words.lower() for words in run.said)
