"""A real window on a real X server, driven by xdotool's key and mouse events, and looked at from outside."""

import json
import time

import numpy as np

from runtime import folders
from runtime.session import Chunk, read_session


def changed(before, after):
    """The part of the pixels that changed visibly."""
    return float((np.abs(before - after).max(-1) > 8).mean())


def screenshots():
    return list(folders.screenshots_folder().glob("*.png"))


def test_keys_and_mouse_walk_through_a_window_that_lives(desk, tmp_path):
    report, before = tmp_path / "r.json", len(screenshots())
    player = desk.play("--report", str(report), "--seconds", "60")
    try:
        desk.wait_for_title("(playing)")
        first = desk.look()
        assert first.std() > 8 and len(np.unique(first.reshape(-1, 3), axis=0)) > 50, "the window is blank"

        desk.do("keydown", "w")
        # Further than the display is wide: a mouse that is not captured would meet its edge.
        for _ in range(20):
            desk.do("mousemove_relative", "--", "100", "0")
            time.sleep(0.05)
        looks = [desk.look() for _ in range(3)]
        desk.do("keyup", "w")
        assert max(changed(first, look) for look in looks) > 0.2, "the picture is frozen"

        desk.do("key", "p")
        desk.wait_for_title("(paused)")
        time.sleep(0.4)
        held = desk.look()
        time.sleep(0.4)
        assert changed(held, desk.look()) == 0.0, "a paused picture moves"

        desk.do("key", "F1")
        time.sleep(0.4)
        assert 0.001 < changed(held, desk.look()) < 0.2, "F1 shows no overlay"

        desk.do("key", "p")
        desk.wait_for_title("(playing)")
        desk.do("key", "F12")
        desk.do("key", "F11")
        time.sleep(0.6)
        assert desk.look().std() > 8, "full screen is blank"
        desk.do("key", "F11")
        time.sleep(0.3)
        desk.do("key", "F10")
        assert player.wait(20) == 0
    finally:
        player.kill()
        player.wait()
    log = max(folders.sessions_folder().glob("*.session.jsonl"), key=lambda path: path.stat().st_mtime)
    rows = np.concatenate([event.controls for event in read_session(log).events if isinstance(event, Chunk)])
    assert rows[:, 1].max() > 0.05, "the key w walked nowhere"
    assert rows[:, 2].sum() > np.radians(20 * 100 * 0.12) * 0.9, "the mouse turned nothing"
    assert json.loads(report.read_text())["frames_presented"] > 40
    assert len(screenshots()) == before + 1
