"""What lies around a real window: a window manager, other windows, gamepads, files that are dropped, earlier walks."""

import os
import shutil
import subprocess
import time

import numpy as np
import pytest
from desk import wait_for
from PIL import Image

from runtime.session import Again, Chunk


@pytest.fixture
def managed(desk):
    """The desk, with a window manager."""
    manager = shutil.which("openbox")
    if manager is None or shutil.which("xprop") is None:
        pytest.skip("openbox or xprop is not installed")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([manager, "--sm-disable"], env=desk.environment, cwd=desk.folder, **silent)
    wait_for(lambda: "window id" in properties(desk, "-root", "_NET_SUPPORTING_WM_CHECK"), lambda: "no manager came")
    yield desk
    process.terminate()
    process.wait()


def properties(desk, *words):
    return subprocess.run(["xprop", *words], env=desk.environment, capture_output=True, text=True, timeout=20).stdout


@pytest.fixture
def picture(tmp_path):
    """A picture of a person's own."""
    path = tmp_path / "my own garden.png"
    Image.fromarray(np.full((90, 160, 3), (40, 160, 60), np.uint8)).save(path)
    return path


def place(desk):
    """(x, y, width, height) of the window with the keyboard."""
    told = dict(line.split("=") for line in desk.do("getwindowfocus", "getwindowgeometry", "--shell").splitlines())
    return tuple(int(told[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))


def there_and_back(desk):
    """Press F11 twice; the window's places before, between and after."""
    with desk.sit("--seed", "1", "--size", "640x360") as sitting:
        sitting.until_playing()
        before = sitting.until(lambda seen: seen["size"] == [640, 360]) and place(desk)
        sitting.key("F11")
        sitting.until(lambda seen: seen["size"] == [1280, 800])
        filled = wait_for(lambda: (at := place(desk))[2:] == (1280, 800) and at, lambda: place(desk))
        sitting.key("F11")
        sitting.until(lambda seen: seen["size"] == [640, 360])
        after = wait_for(lambda: (at := place(desk))[2:] == (640, 360) and at, lambda: place(desk))
        sitting.until_playing()
        sitting.leave()
    return before, filled, after


def test_full_screen_and_back_under_a_window_manager(managed):
    before, filled, after = there_and_back(managed)
    assert filled == (0, 0, 1280, 800) and after[2:] == before[2:]


def test_the_window_has_our_icon_for_a_window_manager(managed):
    with managed.sit("--seed", "1") as sitting:
        sitting.until_playing()
        assert "64 x 64" in properties(managed, "-id", managed.do("getwindowfocus"), "_NET_WM_ICON")
        sitting.leave()


def test_full_screen_and_back_without_one(desk):
    before, filled, after = there_and_back(desk)
    assert filled == (0, 0, 1280, 800) and after == before


def test_a_gamepad_walks_pauses_and_is_pulled_out(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        refusal = sitting.tell("plug")
        if refusal:
            pytest.skip(f"no virtual gamepads here: {refusal}")
        sitting.until_said("is connected")
        sitting.tell("pad", "stick", "left stick", 0.0, -1.0)
        sitting.until_session(lambda log: any(chunk.controls[:, 1].max() > 0.05 for chunk in sitting.chunks()))
        sitting.tell("pad", "stick", "left stick", 0.0, 0.0)
        sitting.until_session(lambda log: not sitting.chunks()[-1].controls.any())
        sitting.tell("pad", "press", "pad start")
        on = sitting.until_page("Pause")["on"]
        sitting.tell("pad", "release", "pad start")
        sitting.tell("pad", "press", "pad dpad down")
        sitting.until(lambda seen: seen["on"] not in (None, on))
        sitting.tell("pad", "release", "pad dpad down")
        sitting.tell("pad", "press", "pad b")
        sitting.until_closed()
        sitting.tell("pad", "release", "pad b")
        sitting.until_playing()
        sitting.tell("pad", "unplug")
        sitting.until_said("was unplugged")
        desk.wait_for_title("(paused)")
        sitting.leave()


def test_a_window_that_loses_the_keyboard_stands_still_until_it_has_it_again(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        desk.do("keydown", "w")
        sitting.until_session(lambda log: any(chunk.controls[:, 1].max() > 0 for chunk in sitting.chunks()))
        window = desk.do("getwindowfocus")
        desk.do("windowunmap", window)
        desk.do("keyup", "w")
        sitting.until(lambda seen: "Pause" in seen["lines"])
        time.sleep(0.3)  # for the chunk that was under way
        length = sitting.session().chunks
        time.sleep(0.5)
        assert sitting.session().chunks == length, "it dreams on unseen"
        desk.do("windowmap", window)
        wait_for(lambda: desk.do("windowfocus", window) or "(playing)" in desk.title(), desk.title)
        length = sitting.session().chunks
        sitting.until_session(lambda log: log.chunks >= length + 2)
        assert not sitting.chunks()[-1].controls.any(), "w is still held"
        sitting.leave()


def test_a_picture_that_is_dropped_is_begun_with(desk, picture):
    with desk.sit() as sitting:
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        sitting.tell("drop", str(desk.folder / "none.png"))
        sitting.until_said("none.png")
        sitting.tell("drop", str(picture))
        sitting.until(lambda seen: (seen["menu"], seen["on"]) == ("Cloister", "play"))
        sitting.key("Return")
        sitting.until_playing()
        assert sitting.until_session(lambda log: log.chunks).header.image == str(picture)
        sitting.leave()


def test_a_picture_that_is_dropped_on_a_walk_is_offered(desk, picture):
    with desk.sit("--seed", "3") as sitting:
        sitting.until_playing()
        sitting.tell("drop", str(picture))
        sitting.until(lambda seen: (seen["menu"], seen["on"]) == ("Another start picture", "begin"))
        sitting.key("Return")
        log = sitting.until_session(lambda log: any(isinstance(event, Again) for event in log.events))
        begun = next(event for event in log.events if isinstance(event, Again))
        assert (begun.seed, begun.image) == (3, str(picture))
        sitting.until_playing()
        sitting.leave()


def test_a_walk_is_gone_on_with_and_watched_from_the_start_screen(desk):
    with desk.sit("--seed", "9") as sitting:
        sitting.until_playing()
        desk.do("keydown", "w")
        sitting.until_session(lambda log: log.chunks >= 5)
        desk.do("keyup", "w")
        sitting.leave()
        (first,) = desk.files("sessions/*.session.jsonl")
        walked = sitting.chunks()
    with desk.sit("--continue", str(first)) as sitting:
        sitting.until_playing()
        log = sitting.until_session(lambda log: log.chunks > len(walked) + 1 and log.header.seed == 9)
        again = [event for event in log.events if isinstance(event, Chunk)][: len(walked)]
        assert [chunk.digests for chunk in again] == [chunk.digests for chunk in walked]
        sitting.leave()
    # The one that was walked last stands first; both are there.
    os.utime(first)
    with desk.sit() as sitting:
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        sitting.choose("sessions")
        sitting.until(lambda seen: {"0", "1"} <= set(seen["items"]))
        sitting.choose("0")
        sitting.until(lambda seen: "watch" in seen["items"])
        sitting.choose("watch")
        # Where it ends, there is more to choose.
        sitting.until(lambda seen: seen["waits"] is None and seen["menu"] is None)
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        assert any("all frames bit-identical" in line for line in sitting.lines()), sitting.lines()
        sitting.leave()
