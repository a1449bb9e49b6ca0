"""The recorder: its file is decoded back; a full queue drops and counts; a killed process leaves a file that plays."""

import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
from fake_world import PLAYER
from video_fixtures import decode, picture, readable

from runtime import encoder
from runtime.encoder import Encoder
from runtime.recorder import FRAMES_QUEUED, RESERVE_BYTES, Recorder
from runtime.session import read_session
from runtime.video import Video, read_metadata

pytestmark = pytest.mark.filterwarnings("error")  # an exception that leaves the recorder's thread is one


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "recorder"] == []


@pytest.fixture
def slow(monkeypatch):
    """The encoder stands still until this is set."""
    gate, add = threading.Event(), Video.add
    monkeypatch.setattr(Video, "add", lambda self, *frame: gate.wait(20) and add(self, *frame))
    return gate


def record(path, frames, fps=20.0, size=(128, 72), **arguments):
    recorder = Recorder(path, **arguments)
    recorder.start(fps)
    for number in range(frames):
        recorder.put(picture(number, size))
        while recorder.queued > FRAMES_QUEUED // 2:
            time.sleep(0.001)
    recorder.close()
    return recorder


@pytest.mark.parametrize("fps", [20.0, 29.97, 60.0])
def test_what_was_put_in_comes_out_at_a_constant_rate(tmp_path, fps):
    recorder = record(tmp_path / "a.mp4", 45, fps)
    video = decode(tmp_path / "a.mp4")
    assert (video.codec, len(video.frames), recorder.frames, recorder.dropped) == ("h264", 45, 45, 0)
    assert video.rate == pytest.approx(fps, rel=1e-4) and video.frames[0].shape == (360, 640, 3)
    assert np.allclose(video.times, np.arange(45) / fps, atol=2e-4)
    assert np.abs(np.array([readable(frame) for frame in video.frames]) - np.arange(45)).max() <= 1
    assert (recorder.ended, recorder.done, recorder.queued) == ("", True, 0)


def test_colours_are_those_of_the_picture_in_players_that_read_the_tags(tmp_path):
    colour = (30, 60, 220)
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    recorder.put(np.full((72, 128, 4), (*colour, 255), np.uint8))
    recorder.close()
    assert np.abs(decode(tmp_path / "a.mp4").frames[0][180, 320] - np.array(colour)).max() <= 3


def test_it_says_where_it_comes_from(tmp_path):
    said = {"world": "cloister", "title": "Cloister 世界", "seed": "3", "session": "bad \udce9.session.jsonl"}
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0, said)
    recorder.put(picture(1))
    recorder.close()
    assert read_metadata(tmp_path / "a.mp4") == said
    assert decode(tmp_path / "a.mp4").title == "Reverie - Cloister 世界"


def test_a_fragment_a_second(tmp_path):
    record(tmp_path / "a.mp4", 65, 10.0)
    # One for each second that was begun: the box's name before its contents.
    assert (tmp_path / "a.mp4").read_bytes().count(b"moof") == 7


def test_a_full_queue_drops_and_counts_and_time_stays_right(tmp_path, slow):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    started = time.perf_counter()
    for number in range(FRAMES_QUEUED + 30):
        recorder.put(picture(number))
    assert time.perf_counter() - started < 1
    dropped = recorder.dropped
    assert 25 <= dropped <= 30 and recorder.queued >= FRAMES_QUEUED - 2
    slow.set()
    while recorder.queued:
        time.sleep(0.01)
    recorder.put(picture(100))
    recorder.close()
    video = decode(tmp_path / "a.mp4")
    assert recorder.dropped == dropped
    assert len(video.frames) == recorder.frames == FRAMES_QUEUED + 31 - dropped
    assert video.times[-1] == pytest.approx((FRAMES_QUEUED + 30) / 20, abs=1e-3)
    assert readable(video.frames[-1]) == pytest.approx(100, abs=1)


def test_finishing_does_not_wait_and_what_comes_later_is_not_in_it(tmp_path, slow):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    for number in range(FRAMES_QUEUED + 8):
        recorder.put(picture(number))
    recorder.finish()
    recorder.put(picture(0))
    assert not recorder.done
    slow.set()
    recorder.close()
    assert recorder.done and recorder.frames + recorder.dropped == FRAMES_QUEUED + 8


def test_closing_does_not_wait_for_an_encoder_that_hangs(tmp_path, slow):
    said = []
    recorder = Recorder(tmp_path / "a.mp4", said.append)
    recorder.start(20.0)
    recorder.put(picture(0))
    recorder.close(0.1)
    assert "could not be finished" in recorder.ended and "may lack its end" in said[-1]
    slow.set()
    recorder.close()


def test_nothing_put_in(tmp_path):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.close()
    recorder.start(20.0)
    recorder.close()
    assert recorder.done and recorder.frames == 0 and not (tmp_path / "a.mp4").exists()


def test_an_older_recording_stays_until_the_first_picture(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"an older one")
    recorder = Recorder(path)
    recorder.start(20.0)
    recorder.close()
    assert path.read_bytes() == b"an older one"


def test_a_path_that_went_away_ends_it_and_nothing_else(tmp_path):
    said = []
    recorder = record(tmp_path / "gone" / "a.mp4", 3, say=said.append)
    assert "No such file" in recorder.ended and recorder.dropped >= 1 and recorder.done
    assert sum("ended" in line for line in said) == 1


def test_pictures_of_another_size_end_it(tmp_path):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    for size in [(128, 72), (128, 72), (64, 64), (128, 72)]:
        recorder.put(picture(1, size))
    recorder.close()
    assert "another size" in recorder.ended and (recorder.frames, recorder.dropped) == (2, 0)
    assert len(decode(tmp_path / "a.mp4").frames) == 2


@pytest.mark.parametrize(("free", "frames"), [([RESERVE_BYTES - 1], 0), ([10**9, 10**9, RESERVE_BYTES - 1], 40)])
def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path, free, frames):
    path, left = tmp_path / "a.mp4", list(free)
    path.write_bytes(b"an older one")
    recorder = record(path, 60, free=lambda path: left.pop(0) if len(left) > 1 else left[0])
    assert recorder.ended == "only 64 MB are free on the disk"
    assert recorder.frames == frames
    if frames:
        assert len(decode(path).frames) == frames
    else:
        assert path.read_bytes() == b"an older one"


BROKEN = Encoder("h264_of_another_planet", hardware=True)
REFUSING = Encoder("libx264", {"preset": "no such preset"}, hardware=True)
SOUND = Encoder("libx264", {"preset": "ultrafast"}, "nv12", hardware=True)


@pytest.mark.parametrize(
    ("hardware", "chosen", "words"),
    [([BROKEN, REFUSING], encoder.SOFTWARE, "on the CPU"), ([BROKEN, SOUND, REFUSING], SOUND, "in hardware")],
)
def test_the_encoder_is_the_first_that_works(tmp_path, monkeypatch, hardware, chosen, words):
    said = []
    monkeypatch.setattr(encoder, "HARDWARE", hardware)
    assert encoder.choose((640, 360), Fraction(20), said.append) is chosen
    assert len(said) == 1 and words in said[0]
    assert len(decode(record(tmp_path / "a.mp4", 25).path).frames) == 25


def test_all_encoders_can_be_tried_here():
    for candidate in encoder.HARDWARE:
        assert encoder.works(candidate, (640, 352), Fraction(20)) in (True, False)
    assert encoder.works(encoder.SOFTWARE, (640, 352), Fraction(20)) and encoder.works(
        encoder.CAREFUL, (640, 352), Fraction(20)
    )


def test_a_killed_player_leaves_a_video_and_a_log(tmp_path):
    arguments = ["0.03", "--headless", "--fps", "60", "--record", str(tmp_path / "k.mp4")]
    player = subprocess.Popen([sys.executable, "-c", PLAYER, *arguments], stdout=subprocess.DEVNULL)
    log, lines = tmp_path / "k.session.jsonl", 0
    end = time.perf_counter() + 20
    while lines < 60 and time.perf_counter() < end:
        time.sleep(0.05)
        lines = log.read_bytes().count(b"\n") if log.exists() else 0
    player.send_signal(signal.SIGKILL)
    player.wait()
    frames = decode(tmp_path / "k.mp4").frames
    # 240 frames or so were shown; the last second and what the encoder looked ahead at may be missing.
    assert len(frames) >= 100
    assert read_session(log).chunks >= 58
