"""Video: an H.264 mp4 that is being written, frame by frame, and what a finished one says of itself.

It has no thread and no queue, and does not know what a disk has left: runtime/recorder.py and runtime/export.py do.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from fractions import Fraction
from io import RawIOBase
from pathlib import Path

import numpy as np

from runtime.encoder import Encoder, settle
from runtime.errors import UserError, reason_of
from runtime.provenance import title_of

# Small pictures are enlarged by a whole factor to at least this width, because players enlarge them badly.
LEAST_WIDTH = 640
# A killed process leaves a file that plays up to its last fragment.
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
WHOLE = {"movflags": "faststart"}


def enlargement(width: int, height: int) -> int:
    """The smallest whole factor that makes a picture wide enough and both its sides even, as yuv420p asks for."""
    factor = max(1, -(-LEAST_WIDTH // width))
    while width * factor % 2 or height * factor % 2:
        factor += 1
    return factor


class Sink:
    """A raw file as the muxer sees it: everything is written or nothing more is, and the first error is kept.

    `whole`: bytes up to the end of the last fragment. No seeking: what is written is not touched again.
    """

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self.error: OSError | None = None
        self.position = self.whole = 0

    def write(self, data: bytes) -> int:
        """Take all of `data`; after an error, forget it, for the error is told by whoever looks at it."""
        rest = memoryview(data)
        while rest and self.error is None:
            try:
                # A raw file on a disk that is nearly full takes a part.
                count = self._file.write(rest)
            except OSError as error:
                self.error = error
                break
            rest = rest[count:]
            self.position += count
        return len(data)

    def cut(self) -> None:
        """Take away what follows the last whole fragment."""
        # Where that cannot be done (a pipe, a device), players stop at the torn fragment by themselves.
        with contextlib.suppress(OSError):
            self._file.truncate(self.whole)


class Video:
    """An open video of `size` (width, height) in pixels, both even, at `rate` frames per second.

    Written in fragments to a Sink, or whole to a path. `frames` counts those that a reader of the file gets by now.
    Raises OSError and what FFmpeg raises; after that, only `abandon`.
    """

    def __init__(
        self,
        target: Sink | Path,
        size: tuple[int, int],
        rate: Fraction,
        encoder: Encoder,
        metadata: Mapping[str, str],
    ) -> None:
        import av  # here, so that no start of a walk waits for it

        self._av, self._size, self._rate, self._encoder = av, size, rate, encoder
        self._sink = target if isinstance(target, Sink) else None
        options = FRAGMENTED if self._sink else WHOLE
        self._container = av.open(self._sink or str(target), "w", format="mp4", options=options)
        self._container.metadata.update(title=title_of(metadata), comment=_as_json(metadata))
        self._stream = self._container.add_stream(encoder.name, rate=rate)
        settle(self._stream.codec_context, encoder, size, rate)
        self._packets = 0
        self.frames = 0

    def add(self, slot: int, pixels: np.ndarray) -> None:
        """Encode uint8 BGRA [h, w, 4], stretched to the video's size, as the picture from `slot` / rate seconds on."""
        picture = self._av.VideoFrame.from_ndarray(pixels, format="bgra")
        frame = picture.reformat(
            *self._size, self._encoder.pixel_format, interpolation="BICUBIC", dst_colorspace="ITU709"
        )
        frame.pts, frame.time_base = slot, 1 / self._rate
        self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what waits, and end the file."""
        self._mux(self._stream.encode(None))
        self._container.close()
        self._raise_error()
        self.frames = self._packets

    def abandon(self) -> None:
        """Let go of everything after an error; whole fragments stay."""
        if self._sink:
            # Nothing more may reach the file.
            self._sink.error = self._sink.error or OSError("abandoned")
            self._sink.cut()
        # The muxer still wants to write the end of the file, and complains that it cannot: that has been told.
        with contextlib.suppress(OSError, ValueError, self._av.FFmpegError):
            self._container.close()

    def _mux(self, packets: list) -> None:
        for packet in packets:
            self._container.mux(packet)
            self._raise_error()
            if self._sink and self._sink.position > self._sink.whole:
                # The packet that begins a fragment makes the muxer write the one before.
                self._sink.whole, self.frames = self._sink.position, self._packets
            self._packets += 1

    def _raise_error(self) -> None:
        if self._sink and self._sink.error:
            raise self._sink.error


def _as_json(metadata: Mapping[str, str]) -> str:
    # What is no Unicode, as a file's name may hold, becomes an escape that JSON knows.
    return json.dumps(dict(metadata), ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def read_metadata(path: Path) -> dict[str, str]:
    """What a video says of itself (runtime/provenance.py); {} where it is not one of ours. Raises UserError."""
    import av

    try:
        with av.open(str(path)) as container:
            comment = container.metadata.get("comment", "")
    except (OSError, ValueError, av.FFmpegError) as error:
        raise UserError("cannot read the video", f"{path}: {reason_of(error)}", "give an mp4 file") from error
    try:
        said = json.loads(comment)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
