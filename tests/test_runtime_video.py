"""Videos on a disk that fills: the walk goes on, what was written before plays; damaged videos are told in a line."""

import errno
import io
import json
import subprocess
import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from fake_world import PLAYER
from hypothesis import given, settings
from hypothesis import strategies as st
from video_fixtures import decode, picture

from runtime.encoder import SOFTWARE
from runtime.errors import UserError
from runtime.recorder import Recorder
from runtime.session import read_session
from runtime.video import Sink, Video, enlargement, read_metadata

pytestmark = pytest.mark.filterwarnings("error")
NOISE = np.random.default_rng(0).integers(0, 256, (40, 72, 128, 4), np.uint8)


class Disk(io.FileIO):
    """A file on a disk that takes `room` bytes, the last of them in a part of a write, and `most` at a time."""

    def __init__(self, path, room, most=1 << 30):
        super().__init__(path, "wb")
        self.room, self.most = room, most

    def write(self, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = min(len(data), self.room, self.most)
        self.room -= count
        return super().write(bytes(data[:count]))


@pytest.fixture(scope="module")
def whole_size(tmp_path_factory):
    """Bytes of a video of the noise in fragments, on a disk that takes it."""
    return write_noise(tmp_path_factory.mktemp("v") / "whole.mp4", 1 << 30)[1]


def write_noise(path, room):
    """Frames that play, bytes of the file, and the error, if it came to one."""
    with Disk(path, room, most=5000) as disk:
        noise = Video(Sink(disk), (320, 180), Fraction(10), SOFTWARE, {"world": "noise"})
        error = None
        try:
            for number, pixels in enumerate(NOISE):
                noise.add(number, pixels)
            noise.finish()
        except OSError as failure:
            error = failure
            noise.abandon()
    return noise.frames, path.stat().st_size, error


@given(share=st.floats(0, 1))
@settings(max_examples=12, deadline=None)
def test_wherever_a_disk_fills_the_whole_fragments_play(tmp_path_factory, whole_size, share):
    path = tmp_path_factory.mktemp("v") / "a.mp4"
    room = int(share * whole_size)
    frames, size, error = write_noise(path, room)
    assert size <= room and frames % 10 == 0
    assert (error is None) == (room == whole_size) and (frames == 40 or error.errno == errno.ENOSPC)
    if size:
        assert read_metadata(path) == {"world": "noise"}
    if frames:
        assert len(decode(path).frames) == frames


@given(parts=st.lists(st.binary(max_size=40)), room=st.integers(0, 400), most=st.integers(1, 17))
@settings(max_examples=50, deadline=None)
def test_a_sink_writes_everything_or_stops(tmp_path_factory, parts, room, most):
    path, data = tmp_path_factory.mktemp("s") / "f", b"".join(parts)
    with Disk(path, room, most) as disk:
        sink = Sink(disk)
        for part in parts:
            assert sink.write(part) == len(part)
        assert sink.position == min(room, len(data)) and (sink.error is not None) == (room < len(data))
    assert path.read_bytes() == data[:room]


def test_a_device_that_is_full_ends_the_recording(tmp_path):
    full = tmp_path / "full.mp4"
    try:
        full.symlink_to("/dev/full")
        full.open("ab").close()
    except OSError:
        pytest.skip("no /dev/full here")
    said = []
    recorder = Recorder(full, said.append)
    recorder.start(20.0)
    end = time.perf_counter() + 20
    while not recorder.ended and time.perf_counter() < end:
        recorder.put(picture(1))
        time.sleep(0.002)
    recorder.put(picture(1))
    recorder.close()
    assert (recorder.ended, recorder.frames, recorder.done) == ("the disk is full", 0, True)
    assert recorder.dropped > 0 and sum("ended" in line for line in said) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "recorder"]


LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)){PLAYER}"


def test_the_walk_outlives_its_recording(tmp_path):
    """A process whose files may not grow beyond 200 kB: the video ends, the walk does not."""
    pytest.importorskip("resource", reason="no limits here")
    path, report = tmp_path / "o.mp4", tmp_path / "r.json"
    arguments = ["0.001", "--headless", "--fps", "200", "--frames", "500", "--record", str(path)]
    command = [sys.executable, "-c", LIMITED, *arguments, "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert told["frames_presented"] == 500
    frames = len(decode(path).frames)
    # Fragments of 200 frames; the second was refused.
    assert frames == 200 and path.stat().st_size <= 200_000
    assert told["recording_dropped_frames"] >= 200
    assert read_session(path.with_suffix(".session.jsonl")).chunks > 0


@pytest.mark.parametrize(
    ("size", "factor"), [((128, 72), 5), ((640, 352), 1), ((1280, 720), 1), ((99, 50), 8), ((641, 353), 2)]
)
def test_enlargement(size, factor):
    assert enlargement(*size) == factor


def test_a_video_of_somebody_else_says_nothing(tmp_path):
    for comment in ("", "hello", "[1]", "3"):
        with av.open(str(tmp_path / "a.mp4"), "w") as container:
            container.metadata["comment"] = comment
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")) + stream.encode(None))
        assert read_metadata(tmp_path / "a.mp4") == {}


def test_damaged_videos_are_told_in_a_line(tmp_path):
    path, random = tmp_path / "a.mp4", np.random.default_rng(1)
    write_noise(path, 1 << 30)
    data = np.frombuffer(path.read_bytes(), np.uint8)[:4000]
    with pytest.raises(UserError, match="cannot read the video"):
        read_metadata(tmp_path / "none.mp4")
    for _ in range(60):
        damaged = data[: random.integers(0, len(data))].copy()
        spots = random.integers(0, 1200, 8)
        damaged[spots[spots < len(damaged)]] = random.integers(0, 256)
        path.write_bytes(damaged.tobytes())
        try:
            assert all(isinstance(words, str) for words in read_metadata(path).values())
        except UserError as error:
            assert "cannot read the video" in str(error)
