"""A contact sheet of a recording: frames at even distances in time, side by side, as one PNG.

python -m bench.sheet walk.mp4 docs/walk.png --columns 4 --rows 4
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import numpy as np
import pygame


def contact_sheet(path: Path, columns: int, rows: int, width: int) -> np.ndarray:
    """uint8 RGB [rows * h, columns * width, 3]: frames of the video in reading order."""
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    picked = [frames[i] for i in np.linspace(0, len(frames) - 1, columns * rows).round().astype(int)]
    height = round(width * picked[0].shape[0] / picked[0].shape[1])
    down = np.arange(height) * picked[0].shape[0] // height
    across = np.arange(width) * picked[0].shape[1] // width
    small = np.stack([frame[down][:, across] for frame in picked]).reshape(rows, columns, height, width, 3)
    return np.ascontiguousarray(small.transpose(0, 2, 1, 3, 4)).reshape(rows * height, columns * width, 3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sheet", description=__doc__.split("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--width", type=int, default=256, help="pixels of each frame")
    options = parser.parse_args(argv)
    sheet = contact_sheet(options.video, options.columns, options.rows, options.width)
    size = (sheet.shape[1], sheet.shape[0])
    pygame.image.save(pygame.image.frombuffer(sheet.tobytes(), size, "RGB"), str(options.png))


if __name__ == "__main__":
    main()
