"""Clips: pictures, depth, cameras and input of short walks, made from seeds alone and packed into shards.

Seeds below HELD_OUT are for training, seeds from it on for judging; they never share a map. Writing:
python -m train.clips --out DIR --clips N --seed S
"""

from __future__ import annotations

import argparse
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from input.camera import Intrinsics, Pose
from train.maps import make_map
from train.render import render
from train.textures import MOODS
from train.walker import walk

HELD_OUT = 1_000_000
FOV = math.radians(75)
FPS = 20
# Neighbouring seeds share a map, whose tables take longer to light than a clip to draw.
CLIPS_PER_MAP = 8
SHARD_CLIPS = 64


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames of a walk: rgb uint8 [T, H, W, 3], depth float16 [T, H, W] metres along the axis (1e4 is sky), c2w
    float32 [T, 4, 4], intrinsics float32 [4], rows float32 [T, 4] (row t leads from pose t - 1 to t, but for
    collisions), held uint16 [T] (bits by MOVEMENT_ACTIONS), mouse float32 [T, 2] pixels, mood by name."""

    rgb: np.ndarray
    depth: np.ndarray
    c2w: np.ndarray
    intrinsics: np.ndarray
    rows: np.ndarray
    held: np.ndarray
    mouse: np.ndarray
    mood: str
    seed: int


def make_clip(
    seed: int, frames: int = 25, size: tuple[int, int] = (128, 72), fps: float = FPS, start: Pose | None = None
) -> Clip:
    """The clip of a seed; `size` is (width, height). It begins in mid-motion, or standing at `start`."""
    map_ = make_map(seed // CLIPS_PER_MAP)
    done = walk(map_, np.random.default_rng([seed, 0x77616C6B]), frames, fps, start)
    width, height = size
    pinhole = Intrinsics.from_fov(width, height, FOV)
    intrinsics = np.array([pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy], np.float32)
    rgb, depth = render(map_, done.c2w, intrinsics, height, width)
    mood = MOODS[map_.mood].name
    return Clip(rgb, depth.astype(np.float16), done.c2w, intrinsics, done.rows, done.held, done.mouse, mood, seed)


def write_shard(
    path: str | Path, seeds: list[int], frames: int = 25, size: tuple[int, int] = (128, 72), fps: float = FPS
) -> Path:
    """Make the clips of the seeds and write them, stacked, into one safetensors file that appears only when whole."""
    clips = [make_clip(seed, frames, size, fps) for seed in seeds]
    names = ("rgb", "depth", "c2w", "intrinsics", "rows", "held", "mouse")
    tensors = {name: np.stack([getattr(clip, name) for clip in clips]) for name in names}
    tensors["seeds"] = np.array(seeds, np.int64)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(tensors, partial, metadata={"fps": str(fps)})
    partial.replace(path)
    return path


def size_of(text: str) -> tuple[int, int]:
    """(width, height) from text such as 128x72."""
    width, height = (int(part) for part in text.split("x"))
    return width, height


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.clips", description="Draw clips of the training world.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--clips", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0, help=f"of the first clip; from {HELD_OUT} on held out")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--size", type=size_of, default=(128, 72), help="WIDTHxHEIGHT")
    parser.add_argument("--frames", type=int, default=25, help="per clip")
    options = parser.parse_args(argv)
    if options.seed < HELD_OUT < options.seed + options.clips:
        parser.error(f"seeds {options.seed} to {options.seed + options.clips - 1} would run into the held-out ones")
    began = time.perf_counter()
    end = options.seed + options.clips
    starts = range(options.seed, end, SHARD_CLIPS)
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [
            pool.submit(
                write_shard,
                options.out / f"clips-{first:07d}-{min(first + SHARD_CLIPS, end) - first:03d}.safetensors",
                list(range(first, min(first + SHARD_CLIPS, end))),
                options.frames,
                options.size,
            )
            for first in starts
        ]
        for job in jobs:
            print(job.result(), flush=True)
    seconds = time.perf_counter() - began
    rate = options.clips * options.frames / seconds
    print(f"{options.clips} clips in {seconds:.1f} s: {rate:.0f} frames/s, {rate / FPS:.1f} times real time")


if __name__ == "__main__":
    main()
