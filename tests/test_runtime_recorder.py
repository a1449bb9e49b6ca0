"""The recorder: its file is decoded back; a full queue drops and counts; a killed process leaves a file that plays."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from fake_world import PLAYER

from runtime.errors import UserError
from runtime.recorder import FRAMES_QUEUED, Recorder, enlargement
from runtime.session import read_session


def picture(shade, size=(128, 72)):
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    pixels[...] = (shade, 40, 255 - shade, 255)
    return pixels


def decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(float(f.time), f.to_ndarray(format="bgr24")) for f in container.decode(stream)]
        return stream.codec_context.name, float(stream.average_rate), frames


def test_what_was_put_in_comes_out(tmp_path):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    for number in range(45):
        recorder.put(picture(5 * number))
    recorder.close()
    codec, rate, frames = decode(tmp_path / "a.mp4")
    assert (codec, rate, len(frames), recorder.dropped) == ("h264", 20.0, 45, 0)
    assert frames[0][1].shape == (360, 640, 3)
    assert np.allclose(np.diff([at for at, _ in frames]), 0.05, atol=1e-4)
    shades = [frame[180, 320, 0] for _, frame in frames]
    assert np.abs(np.array(shades, int) - 5 * np.arange(45)).max() <= 4


def test_a_full_queue_drops_and_counts(tmp_path, monkeypatch):
    slow = Recorder._encode

    def late(self, *arguments):
        time.sleep(0.3)
        slow(self, *arguments)

    monkeypatch.setattr(Recorder, "_encode", late)
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.start(20.0)
    time.sleep(0.05)
    started = time.perf_counter()
    for _ in range(FRAMES_QUEUED + 30):
        recorder.put(picture(9))
    assert time.perf_counter() - started < 0.2
    recorder.close()
    frames = decode(tmp_path / "a.mp4")[2]
    assert recorder.dropped >= 25
    assert len(frames) + recorder.dropped == FRAMES_QUEUED + 30


def test_nothing_put_in(tmp_path):
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.close()
    recorder.start(20.0)
    recorder.close()


def test_a_path_that_went_away(tmp_path):
    recorder = Recorder(tmp_path / "gone" / "a.mp4")
    recorder.start(20.0)
    with pytest.raises(UserError, match="cannot write the recording"):
        recorder.put(picture(1))


def test_an_older_recording_stays_until_the_first_picture(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"an older one")
    recorder = Recorder(path)
    recorder.start(20.0)
    recorder.close()
    assert path.read_bytes() == b"an older one"


def test_a_full_disk_is_told():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    recorder = Recorder(Path("/dev/full"))
    recorder.start(20.0)
    with pytest.raises(UserError, match="No space"):
        for _ in range(200):
            recorder.put(picture(1))
            time.sleep(0.005)
    with pytest.raises(UserError):
        recorder.close()


@pytest.mark.parametrize(
    ("size", "factor"), [((128, 72), 5), ((640, 352), 1), ((1280, 720), 1), ((99, 50), 8), ((641, 353), 2)]
)
def test_enlargement(size, factor):
    assert enlargement(*size) == factor


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
    frames = decode(tmp_path / "k.mp4")[2]
    # 240 frames or so were shown; the last second and what the encoder looked ahead at may be missing.
    assert len(frames) >= 100
    assert read_session(log).chunks >= 58
