"""Encoder: which H.264 encoder a video is made with, found by trying. Opens no file and knows no recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

# What H.264 calls BT.709, and a range of 16 to 235: without it players guess the colours by the size.
BT709 = 1
LIMITED_RANGE = 1
# Enough to make a hardware encoder start for good, few enough not to be noticed.
TRIAL_FRAMES = 2


@dataclass(frozen=True)
class Encoder:
    """`name` as FFmpeg calls it, its options, and the pixel format that it takes.

    `threads`: 0 for as many as there are cores. `hardware`: whether it may be missing where its name is known.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    threads: int = 1
    hardware: bool = False


def _hardware(name: str, **options: str) -> Encoder:
    # No frames out of order: fewer are lost when the process is killed, and the video begins at 0.
    return Encoder(name, {"bf": "0", **options}, "nv12", hardware=True)


HARDWARE = (
    _hardware("h264_nvenc", preset="p4", rc="vbr", cq="21", b="0"),
    _hardware("h264_qsv", preset="medium", global_quality="21"),
    _hardware("h264_amf", usage="transcoding", rc="cqp", qp_i="20", qp_p="21"),
    _hardware("h264_videotoolbox", b="12000000", realtime="1"),
)
# On one thread, for the world needs the other cores more; key frames at even distances only.
SOFTWARE = Encoder("libx264", {"preset": "veryfast", "crf": "18", "bf": "0", "sc_threshold": "0"})
# For an export, which nobody walks beside.
CAREFUL = Encoder("libx264", {"preset": "medium", "crf": "16"}, threads=0)


def settle(context: VideoCodecContext, encoder: Encoder, size: tuple[int, int], rate: Fraction) -> None:
    """Set an encoder up for pictures of `size` (width, height) in pixels, both even, at `rate` frames per second.

    A key frame, and with it a fragment, comes once a second.
    """
    context.width, context.height = size
    context.pix_fmt = encoder.pixel_format
    context.framerate, context.time_base = rate, 1 / rate
    context.gop_size = max(1, round(rate))
    context.thread_count = encoder.threads
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
    context.options = dict(encoder.options)


def works(encoder: Encoder, size: tuple[int, int], rate: Fraction) -> bool:
    """Whether it is here and makes packets of pictures of this size: it is opened and given some."""
    import av

    try:
        context = av.CodecContext.create(encoder.name, "w")
        settle(context, encoder, size, rate)
        packets = 0
        for number in range(TRIAL_FRAMES):
            picture = av.VideoFrame(*size, encoder.pixel_format)
            picture.pts, picture.time_base = number, 1 / rate
            packets += len(context.encode(picture))
        return packets + len(context.encode(None)) > 0
    except (av.FFmpegError, OSError, ValueError, RuntimeError, MemoryError):
        return False  # no driver, no such card, a size that it does not take: there is another encoder


def choose(size: tuple[int, int], rate: Fraction, say: Callable[[str], None]) -> Encoder:
    """The first of HARDWARE that works, else SOFTWARE; `say` is told in a line which."""
    found = next((encoder for encoder in HARDWARE if works(encoder, size, rate)), SOFTWARE)
    kind = "in hardware" if found.hardware else "on the CPU, for no hardware encoder works here"
    say(f"recording {size[0]}x{size[1]} at {float(rate):g} fps with {found.name} {kind}")
    return found
