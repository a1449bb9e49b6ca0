"""Quality of a world on places that training never saw: `make eval`. Plays the exported graphs, as a player would.

Three questions, each answered on the generated frames: is the first chunk right (PSNR against the renderer, beside what
repeating the last frame would score), does the picture turn as commanded, and does a walk of a
minute keep its sharpness and its colours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from input.camera import Pose, yaw_pitch
from input.controls import Motion, Velocity, advance
from model.dream.config import DreamConfig
from model.registry import DEFAULT_WORLD, load_world
from train.clips import CLIPS_PER_MAP, HELD_OUT, make_clip

TURN_DEGREES_PER_FRAME = 4.0


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of uint8 pictures, in dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255.0**2 / max(error, 1e-9)))


def step_rgb(world, rows: np.ndarray) -> np.ndarray:
    """One chunk as RGB, uint8 [F, H, W, 3]."""
    return np.stack(list(world.step(rows.astype(np.float32))))[..., 2::-1]


def walked_rows(c2w: np.ndarray) -> np.ndarray:
    """The control rows [T - 1, 4] that lead exactly along the cameras c2w [T, 4, 4], collisions included."""
    c2w = c2w.astype(np.float64)
    yaw, pitch = yaw_pitch(c2w)
    step, after = np.diff(c2w[:, :3, 3], axis=0), yaw[1:]
    right = step[:, 0] * np.cos(after) - step[:, 2] * np.sin(after)
    forward = step[:, 0] * np.sin(after) + step[:, 2] * np.cos(after)
    turn = (np.diff(yaw) + np.pi) % (2 * np.pi) - np.pi
    return np.stack([right, forward, turn, np.diff(pitch)], -1)


def begin(world, clip, seed: int) -> None:
    """Start a walk from the clip's first frame, and from its camera's true pitch."""
    yaw, pitch = yaw_pitch(clip.c2w[0].astype(np.float64))
    world.begin(clip.rgb[0], Pose(yaw=float(yaw), pitch=float(pitch)), seed)


def first_chunks(world, clips: int) -> dict[str, float]:
    """PSNR of the first chunk after a held-out start picture, where the camera moves."""
    config: DreamConfig = world.config
    scores, repeats = [], []
    seed = HELD_OUT
    while len(scores) < clips:
        clip = make_clip(seed, frames=1 + config.frames, size=(config.width, config.height))
        seed += CLIPS_PER_MAP  # another place each time
        rows = walked_rows(clip.c2w)
        if np.abs(rows[:, :2]).sum() < 0.05 and np.abs(rows[:, 2:]).sum() < 0.02:
            continue  # a walker that stands still says nothing
        begin(world, clip, seed)
        scores.append(psnr(step_rgb(world, rows), clip.rgb[1:]))
        repeats.append(psnr(np.broadcast_to(clip.rgb[0], clip.rgb[1:].shape), clip.rgb[1:]))
    return {
        "clips": clips,
        "psnr_first_chunk": round(float(np.mean(scores)), 2),
        "psnr_repeat_last_frame": round(float(np.mean(repeats)), 2),
        "gain_db": round(float(np.mean(np.array(scores) - repeats)), 2),
    }


def realised_yaw(before: np.ndarray, after: np.ndarray, config: DreamConfig, limit: float = 8.0) -> float:
    """Degrees of yaw between two pictures, uint8 [H, W, 3], found in the pictures alone: the rotation whose homography
    maps the one best onto the other, on a band about the horizon. Positive turns right."""
    angles = np.linspace(-limit, limit, 161)
    band = slice(config.height // 4, config.height * 3 // 4)
    u = np.arange(config.width) + 0.5 - config.width / 2
    before, after = before[band].astype(np.float64).mean(2), after[band].astype(np.float64).mean(2)
    errors = []
    for angle in np.radians(angles):
        # What stands at angle a after the turn stood at a + yaw before it; what was out of the picture is not compared.
        source = config.focal * np.tan(np.arctan(u / config.focal) + angle) + config.width / 2 - 0.5
        inside = (source >= 0) & (source <= config.width - 1.001)
        left = np.floor(source[inside]).astype(int)
        share = source[inside] - left
        looked_up = before[:, left] * (1 - share) + before[:, left + 1] * share
        errors.append(np.mean(np.abs(looked_up - after[:, inside])))
    return float(angles[int(np.argmin(errors))])


def held_turns(world, clips: int, chunks: int = 5) -> dict[str, float]:
    """Commanded against realised yaw per frame, over turns held on the spot at several speeds to either side."""
    config: DreamConfig = world.config
    commanded, realised = [], []
    for number in range(clips):
        clip = make_clip(HELD_OUT + (1000 + number) * CLIPS_PER_MAP, frames=1, size=(config.width, config.height))
        begin(world, clip, number)
        speed = TURN_DEGREES_PER_FRAME * (1 - 2 * (number % 2)) * (0.4 + 0.6 * ((number // 2) % 4) / 3)
        rows = np.tile(np.array([0, 0, np.radians(speed), 0]), (config.frames, 1))
        frames = np.concatenate([clip.rgb[:1], *(step_rgb(world, rows) for _ in range(chunks))])
        for before, after in zip(frames, frames[1:], strict=False):
            commanded.append(speed)
            realised.append(realised_yaw(before, after, config))
    commanded, realised = np.array(commanded), np.array(realised)
    per_turn, sign = realised.reshape(clips, -1).mean(1), np.sign(commanded.reshape(clips, -1)[:, 0])
    return {
        "yaw_correlation": round(float(np.corrcoef(commanded, realised)[0, 1]), 4),
        "yaw_right_sign_turns": f"{int((np.sign(per_turn) == sign).sum())}/{clips}",
        "yaw_gain": round(float(np.sum(commanded * realised) / np.sum(commanded**2)), 3),
    }


def gradient_energy(frames: np.ndarray) -> float:
    """Mean squared difference of neighbouring pixels, uint8 frames [T, H, W, 3]: falls with blur, rises with noise."""
    picture = frames.astype(np.float64)
    return float(np.mean(np.diff(picture, axis=2) ** 2) + np.mean(np.diff(picture, axis=1) ** 2))


def wander(seconds: float, fps: float, seed: int) -> Iterator[np.ndarray]:
    """Control rows of a visitor who walks, turns and looks about, one per frame; nobody tells it where walls are."""
    random, motion, velocity = np.random.default_rng(seed), Motion(), Velocity()
    held: frozenset[str] = frozenset()
    left = 0
    for _ in range(round(seconds * fps)):
        if left == 0:
            left = int(random.integers(10, 40))
            choices = [{"forward"}, {"forward", "turn_left"}, {"forward", "turn_right"}, {"turn_left"}, {"turn_right"}]
            held = frozenset(choices[random.choice(5, p=[0.4, 0.18, 0.18, 0.12, 0.12])])
        left -= 1
        velocity, row = advance(motion, velocity, held, (0.0, 0.0), 1 / fps)
        yield row


def long_walk(world, seconds: float, walks: int) -> dict[str, float]:
    """The last ten seconds of long walks beside real clips: sharpness, mean and spread of the colours, as ratios."""
    config: DreamConfig = world.config
    size = (config.width, config.height)
    real = np.concatenate(
        [make_clip(HELD_OUT + (2000 + i) * CLIPS_PER_MAP, frames=5, size=size).rgb for i in range(40)]
    )
    ends = []
    for walk in range(walks):
        begin(world, make_clip(HELD_OUT + (3000 + walk) * CLIPS_PER_MAP, frames=1, size=size), walk)
        rows = np.stack(list(wander(seconds, config.fps, walk)))
        chunks = [step_rgb(world, part) for part in rows[: len(rows) // 4 * 4].reshape(-1, config.frames, 4)]
        ends.append(np.concatenate(chunks[-round(10 * config.fps / config.frames) :]))
    end = np.concatenate(ends)
    return {
        "walks": walks,
        "seconds": seconds,
        "sharpness_ratio": round(gradient_energy(end) / gradient_energy(real), 3),
        "colour_mean_ratio": [round(float(v), 3) for v in end.mean((0, 1, 2)) / real.mean((0, 1, 2))],
        "colour_spread_ratio": [round(float(v), 3) for v in end.std((0, 1, 2)) / real.std((0, 1, 2))],
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.eval", description="quality on held-out places")
    parser.add_argument("--world", default=DEFAULT_WORLD)
    parser.add_argument("--clips", type=int, default=64, help="held-out clips of the first-chunk figure")
    parser.add_argument("--walks", type=int, default=4, help="walks of --seconds each")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON too")
    options = parser.parse_args(argv)
    world = load_world(options.world)
    figures = {
        "world": options.world,
        "first_chunk": first_chunks(world, options.clips),
        "turns": held_turns(world, 16),
        "long_walk": long_walk(world, options.seconds, options.walks),
    }
    print(json.dumps(figures, indent=1))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
