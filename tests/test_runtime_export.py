"""Export: every frame is in the file, at its time, in its shape; half a file never has the name of a whole one."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_world import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from video_fixtures import decode, picture, readable

from runtime.errors import UserError
from runtime.export import even, export, fitted, progress_line
from runtime.video import Video, read_metadata


def pictures(count, size=(128, 72)):
    return (picture(number, size) for number in range(count))


@pytest.mark.parametrize("fps", [20.0, 23.976])
def test_every_frame_is_in_it_at_its_time(tmp_path, fps):
    path = tmp_path / "a.mp4"
    assert export(pictures(50), fps, path, metadata={"world": "cloister", "seed": "5"}) == 50
    video = decode(path)
    assert (video.codec, len(video.frames), video.frames[0].shape) == ("h264", 50, (360, 640, 3))
    assert video.rate == pytest.approx(fps, rel=1e-4) and np.allclose(video.times, np.arange(50) / fps, atol=2e-4)
    assert np.abs(np.array([readable(frame) for frame in video.frames]) - np.arange(50)).max() <= 1
    assert read_metadata(path) == {"world": "cloister", "seed": "5"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("asked", "size", "bars"), [((320, 240), (320, 240), 30), ((641, 361), (640, 360), 0), ((256, 72), (256, 72), -64)]
)
def test_any_size_keeps_the_shape_of_the_picture(tmp_path, asked, size, bars):
    path = tmp_path / "a.mp4"
    export((np.full((72, 128, 4), 255, np.uint8) for _ in range(3)), 10.0, path, asked)
    frame = decode(path).frames[1].astype(int)
    assert frame.shape == (size[1], size[0], 3)
    lines = frame if bars > 0 else frame.swapaxes(0, 1)
    edge = abs(bars)
    assert lines[edge + 3 : len(lines) - edge - 3].min() >= 245
    if edge:
        assert max(lines[: edge - 3].max(), lines[len(lines) - edge + 3 :].max()) <= 10


@given(
    world=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
@settings(max_examples=40, deadline=None)
def test_a_picture_fits_in_any_size(world, size):
    size = even(size)
    assert min(size) >= 2 and size[0] % 2 == size[1] % 2 == 0
    placed = fitted(np.full((world[1], world[0], 4), 200, np.uint8), size)
    assert placed.shape == (size[1], size[0], 4) and placed.dtype == np.uint8
    rows, columns = (placed[..., 1] > 100).any(1), (placed[..., 1] > 100).any(0)
    # It touches two opposite sides at least, and lies in the middle.
    assert rows.all() or columns.all()
    assert abs(int(rows.argmax()) - int(rows[::-1].argmax())) <= 1
    assert abs(int(columns.argmax()) - int(columns[::-1].argmax())) <= 1


def test_it_waits_for_a_slow_encoder(tmp_path, monkeypatch):
    add = Video.add
    monkeypatch.setattr(Video, "add", lambda self, *frame: (time.sleep(0.005), add(self, *frame)))
    assert export(pictures(120), 20.0, tmp_path / "a.mp4") == 120
    assert len(decode(tmp_path / "a.mp4").frames) == 120


def test_how_far_it_is(tmp_path):
    said, now = [], iter(range(1000))
    export(pictures(6), 20.0, tmp_path / "a.mp4", total=6, say=said.append, clock=lambda: next(now))
    assert said[:3] == [f"exported {done} of 6 frames, 0:{left:02} left" for done, left in [(2, 4), (4, 2), (6, 0)]]
    assert said[3] == "exported 6 frames, 640x360 at 20 fps, in 7.0 s"
    assert progress_line(30, 120, 60.0) == "exported 30 of 120 frames, 3:00 left"
    assert progress_line(30, None, 60.0) == "exported 30 frames"


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, OSError])
def test_what_is_stopped_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"an older one")

    def stopped():
        yield from pictures(30)
        raise error("stopped")

    with pytest.raises(error, match="stopped"):
        export(stopped(), 20.0, path)
    assert path.read_bytes() == b"an older one" and [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_nothing_to_export(tmp_path):
    with pytest.raises(UserError, match="nothing to export"):
        export(iter(()), 20.0, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("gone/a.mp4", "No such file"), ("a.avi", "mp4"), ("d.mp4", "a folder")])
def test_a_place_that_is_none_is_told_before_the_first_frame(tmp_path, name, words):
    (tmp_path / "d.mp4").mkdir()

    def frames():
        raise AssertionError("no frame is to be made")
        yield

    with pytest.raises(UserError, match=words):
        export(frames(), 20.0, tmp_path / name)


PROGRAM = f"""
import resource, signal, sys
from pathlib import Path
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import numpy as np
from runtime.errors import UserError
from runtime.export import export
if sys.argv[2] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
random = np.random.default_rng(0)
def frames():
    for number in range(int(sys.argv[3])):
        if number == 20:
            print("going", flush=True)
        yield random.integers(0, 256, (72, 128, 4), np.uint8)
try:
    export(frames(), 20.0, Path(sys.argv[1]))
except UserError as error:
    print(error)
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource", reason="no limits here")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.mp4"), "300000", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "cannot write the export" in done.stdout and "may not grow" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.mp4"), "0", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "going\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.part.mp4"]
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert out == "stopped\n" and errors == "" and list(tmp_path.iterdir()) == []
