"""Export: frames to a video of any size, as carefully as can be. Not a recording: nothing is dropped, the walk waits.

The file appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from runtime.encoder import CAREFUL
from runtime.errors import UserError, reason_of
from runtime.layout import letterbox
from runtime.video import Video, enlargement

# Seconds between two lines of progress.
SAY_S = 2.0


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The largest size with even sides that fits in `size`, at least 2x2: H.264 takes no other."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 BGRA [h, w, 4] in a picture of `size` (width, height): as large as fits, black around it."""
    import av

    if pixels.shape[1::-1] == size:
        return pixels
    x, y, width, height = letterbox(pixels.shape[1::-1], size)
    scaled = av.VideoFrame.from_ndarray(pixels, format="bgra").reformat(width, height, "bgra", interpolation="LANCZOS")
    if (width, height) == size:
        return scaled.to_ndarray()
    canvas = np.zeros((size[1], size[0], 4), np.uint8)
    canvas[y : y + height, x : x + width] = scaled.to_ndarray()
    return canvas


def progress_line(done: int, total: int | None, elapsed_s: float) -> str:
    """How far it is, and how long it will take as far as that can be told."""
    if not total or not done:
        return f"exported {done} frames"
    left = elapsed_s / done * max(0, total - done)
    return f"exported {done} of {total} frames, {left // 60:.0f}:{left % 60:02.0f} left"


def export(
    frames: Iterable[np.ndarray],
    fps: float,
    path: Path,
    size: tuple[int, int] | None = None,
    metadata: Mapping[str, str] | None = None,
    *,
    total: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Write `frames`, uint8 BGRA [h, w, 4] each, as an H.264 mp4 of `size` pixels; gives how many there were.

    `size` None is that of the first frame, enlarged like a recording; `total` frames are expected, if that is known.
    `say` is told how it goes. Raises UserError where the file cannot be written; then, and when an exception (Ctrl-C
    too) comes out of `frames`, nothing is left under `path`, and an older file stays.
    """
    part = require_place(path)
    try:
        count = _write(frames, Fraction(fps).limit_denominator(1001), part, size, metadata or {}, total, say, clock)
        with errors_told(path):
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


@contextlib.contextmanager
def errors_told(path: Path) -> Iterator[None]:
    """Within it, what the disk or FFmpeg raise becomes a UserError about `path`."""
    import av

    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise UserError("cannot write the export", f"{path}: {reason_of(error)}", "choose another path") from error


def require_place(path: Path) -> Path:
    """Raise UserError unless a video may be written to `path`; the file that it is written to until it is whole."""
    if path.suffix.lower() != ".mp4":
        raise UserError("exports are mp4 files", str(path), "end its name in .mp4")
    if path.is_dir():
        raise UserError("cannot write the export", f"{path}: it is a folder", "choose another path")
    part = path.with_suffix(".part.mp4")
    with errors_told(path):
        part.open("wb").close()
    return part


def _write(frames, rate: Fraction, part: Path, size, metadata, total, say, clock) -> int:
    video, count = None, 0
    began = said = clock()
    try:
        for pixels in frames:
            if video is None:
                factor = enlargement(*pixels.shape[1::-1])
                size = even(size or (pixels.shape[1] * factor, pixels.shape[0] * factor))
                video = Video(part, size, rate, CAREFUL, metadata)
            with errors_told(part):
                video.add(count, fitted(pixels, size))
            count += 1
            now = clock()
            if now - said >= SAY_S:
                said = now
                say(progress_line(count, total, now - began))
        if video is None:
            raise UserError("there is nothing to export", "no frame came", "")
        with errors_told(part):
            video.finish()
    except BaseException:
        if video is not None:
            video.abandon()
        raise
    say(f"exported {count} frames, {size[0]}x{size[1]} at {float(rate):g} fps, in {clock() - began:.1f} s")
    return count
