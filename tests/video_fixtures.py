"""Pictures that a video is made of, and a video as a player sees it."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np


def picture(number, size=(128, 72)):
    """uint8 BGRA [h, w, 4] of one grey, which says its number, up to 127."""
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    pixels[...] = (2 * number, 2 * number, 2 * number, 255)
    return pixels


def readable(frame) -> float:
    """The number of a decoded picture, from its middle."""
    return frame[frame.shape[0] // 2, frame.shape[1] // 2, 0] / 2


@dataclass
class Decoded:
    """`times` in seconds, `frames` uint8 BGR [h, w, 3]."""

    codec: str
    rate: float
    title: str
    times: list[float]
    frames: list[np.ndarray]


def decode(path) -> Decoded:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pairs = [(float(frame.time), frame.to_ndarray(format="bgr24")) for frame in container.decode(stream)]
        times, frames = [at for at, _ in pairs], [frame for _, frame in pairs]
        title = container.metadata.get("title", "")
        return Decoded(stream.codec_context.name, float(stream.average_rate or 0), title, times, frames)
