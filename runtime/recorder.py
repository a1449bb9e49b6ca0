"""Recorder: what was shown, as an H.264 file, encoded on a thread of its own.

It never slows the loop down: its queue is bounded, and a frame that finds it full is dropped and counted (the video
then holds the frame before for one slot longer, so its time stays right). The file is a fragmented mp4, one fragment a
second, so that a killed process leaves a file that plays. Pauses are not in it: the rate is constant.
"""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np

from runtime.errors import UserError

FRAMES_QUEUED = 64
# Small pictures are enlarged by a whole factor to at least this width, because players enlarge them badly.
LEAST_WIDTH = 640
ENCODER = {"preset": "veryfast", "crf": "18"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


def enlargement(width: int, height: int) -> int:
    """The smallest whole factor that makes a picture wide enough and both its sides even, as yuv420p asks for."""
    factor = max(1, -(-LEAST_WIDTH // width))
    while width * factor % 2 or height * factor % 2:
        factor += 1
    return factor


class Recorder:
    """Owns the file and the thread; every method is for the loop's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.Queue[tuple[int, np.ndarray] | None] = queue.Queue(FRAMES_QUEUED)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._slot = 0
        self.dropped = 0

    def start(self, fps: float) -> None:
        """Pictures will come at `fps` frames per second. An older recording stays until the first of them."""
        self._rate = Fraction(fps).limit_denominator(1001)

    def _open(self) -> None:
        try:
            # Unbuffered: what the encoder has let go of is in the file, even when the process is killed.
            file = self._path.open("wb", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        self._thread = threading.Thread(target=self._work, args=(file, self._rate), name="recorder", daemon=True)
        self._thread.start()

    def put(self, pixels: np.ndarray) -> None:
        """Record a frame, uint8 BGRA [h, w, 4], that is never written again; raises if the file cannot be written."""
        if self._error is not None:
            raise self._unwritable(self._error) from self._error
        if self._thread is None:
            self._open()
        try:
            self._queue.put_nowait((self._slot, pixels))
        except queue.Full:
            self.dropped += 1
        self._slot += 1

    def close(self) -> None:
        """Encode what is queued, finish the file and wait for that; raises if the file could not be written."""
        if self._thread is None:
            return
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=0.2)
                break
            except queue.Full:
                continue
        self._thread.join()
        self._thread = None
        if self._error is not None:
            raise self._unwritable(self._error) from self._error

    def _work(self, file, rate: Fraction) -> None:
        try:
            import av  # here, so that no walk waits for it

            with file:
                first = self._queue.get()
                with av.open(file, "w", format="mp4", options=FRAGMENTED) as container:
                    self._encode(container, first, rate)
        except BaseException as error:  # travels to the loop's thread
            self._error = error

    def _encode(self, container, item: tuple[int, np.ndarray] | None, rate: Fraction) -> None:
        import av

        height, width = item[1].shape[:2]
        factor = enlargement(width, height)
        stream = container.add_stream("libx264", rate=rate, options=dict(ENCODER))
        stream.width, stream.height, stream.pix_fmt = width * factor, height * factor, "yuv420p"
        stream.gop_size = max(1, round(rate))
        # The world needs the other cores more.
        stream.codec_context.thread_count = 1
        while item is not None:
            slot, pixels = item
            picture = av.VideoFrame.from_ndarray(pixels, format="bgra")
            frame = picture.reformat(stream.width, stream.height, "yuv420p", interpolation="BICUBIC")
            frame.pts, frame.time_base = slot, 1 / rate
            container.mux(stream.encode(frame))
            item = self._queue.get()
        container.mux(stream.encode(None))

    def _unwritable(self, error: BaseException) -> UserError:
        return UserError("cannot write the recording", str(self._path), getattr(error, "strerror", "") or str(error))
