"""How long WorldPlay's choice of context takes after an hour of play, and how near it is to the exact one. No network.

`python -m bench.context` walks `--chunks` chunks at random for each size, by keys that are held for seconds, and tells
of the last `--last` chunks the milliseconds of one core that remembering the cameras and choosing took (the thread's
own time: what else runs does not count); and of every `--every`-th of them, whether counting all clips that are kept
would have chosen others, and how much nearer those are, as a share of the view.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from bench.report import table
from bench.synthetic_worldplay import variant
from input.camera import c2w_from_arrays
from model.worldplay.config import CHUNK
from model.worldplay.history import History
from model.worldplay.overlap import distance

HEAD = ("world", "walk", "p50 ms", "p95 ms", "worst ms", "sampled", "another clip", "farther by at most")
SIZES = ("worldplay", "worldplay-5b")
# Per latent: units to walk, radians to turn and to look up, by keys that are held for so many latents.
WALKS = {
    "level": (0.08, np.radians(3), 0.0),
    "free": (0.08, np.radians(3), np.radians(1)),
    "spot": (0, np.radians(3), 0),
}
HELD = 8


@dataclass(frozen=True)
class Taken:
    """Of each of the last chunks the milliseconds; of the sampled ones how much farther than need be, 0 to 1."""

    milliseconds: np.ndarray
    farther: np.ndarray

    def row(self) -> tuple[str, ...]:
        p50, p95 = np.percentile(self.milliseconds, (50, 95))
        times = (f"{value:.2f}" for value in (p50, p95, self.milliseconds.max()))
        return *times, str(len(self.farther)), str(np.count_nonzero(self.farther)), f"{self.farther.max(initial=0):.4f}"


def walk(kind: str, latents: int, seed: int) -> np.ndarray:
    """Cameras c2w [latents, 4, 4] of somebody who walks by keys."""
    step, turn, tilt = WALKS[kind]
    keys = np.random.default_rng(seed).integers(-1, 2, (latents // HELD + 1, 3)).repeat(HELD, 0)[:latents]
    yaw, pitch = np.cumsum(keys[:, 0] * turn), np.clip(np.cumsum(keys[:, 1] * tilt), -0.6, 0.6)
    ways = np.stack([np.sin(yaw), np.zeros(latents), np.cos(yaw)], -1)
    return c2w_from_arrays(np.cumsum(ways * (keys[:, 2:] * step), 0), yaw, pitch)


def farther(history: History, current: int, chosen: tuple[int, ...]) -> float:
    """How much farther the clips that were `chosen` are than the nearest of all that are kept."""
    memory, queries = history.memory, history.conditions(range(current, current + CHUNK))[0]
    given = set(memory.context(current, []))
    kept = [int(number - 1) * CHUNK for number in np.sort(history.numbers[history.numbers > 0])]
    starts = [start for start in kept if start not in given and start < current]
    clips = np.stack([history.conditions([start + i for i in memory.scored])[0] for start in starts])
    away = distance(history.views.counts(queries, clips[..., :3, 3], clips[..., :3, 2]), history.views.points)
    taken = [at for at, start in enumerate(starts) if start in set(chosen)]
    return float(away[taken].sum() - np.sort(away)[: len(taken)].sum())


def measure(name: str, kind: str, chunks: int, last: int, every: int, seed: int = 0) -> Taken:
    config = variant(name)
    history, labels = History(config.memory, config.kept), np.zeros(CHUNK, np.int64)
    cameras = walk(kind, chunks * CHUNK, seed).reshape(chunks, CHUNK, 4, 4)
    milliseconds, sampled = [], []
    for chunk in range(chunks):
        start = time.thread_time()
        history.append(cameras[chunk], labels)
        if chunk < chunks - last:
            continue
        chosen = history.choose(chunk * CHUNK)
        milliseconds.append(1e3 * (time.thread_time() - start))
        if chunk % every == 0 and chunk * CHUNK > config.memory.budget:
            sampled.append(farther(history, chunk * CHUNK, chosen))
    return Taken(np.array(milliseconds), np.array(sampled))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.context", description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=5400, help="two thirds of a second each: 5400 are an hour")
    parser.add_argument("--last", type=int, default=400, help="how many of them are timed")
    parser.add_argument("--every", type=int, default=20, help="of those, which are compared with counting all")
    asked = parser.parse_args(arguments)
    cases = [(name, kind) for name in SIZES for kind in WALKS]
    print(table(HEAD, [[*case, *measure(*case, asked.chunks, asked.last, asked.every).row()] for case in cases]))


if __name__ == "__main__":
    main()
