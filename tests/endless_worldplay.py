"""Two thousand chunks of a tiny WorldPlay that comes back to where it was, again and again, in a process of its own as
tests/endless.py is. The 5B walks less of that, with less room to remember in.

A lap: turn around and back, walk along a square, go on to the next of twelve places on a ring. So every view is met
again within the lap, and every place again after twelve laps, when much was forgotten.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

WALKS = {"8b": (2000, 3600), "5b": (600, 1920)}  # chunks, and latents that are kept: there are 468 views to be had
AT_ONCE, ON = 100, 20  # chunks between two measurements; chunks that the saved walk goes on for
# Chunks as (forward, turn), in lengths of a side's half and in twelfths of a circle.
AROUND = [(0, 1)] * 6 + [(0, -1)] * 6
SQUARE = ([(1, 0)] * 2 + [(0, 1)] * 3) * 4
LAP = AROUND + SQUARE + [(1, 0)] * 6 + [(0, 1)]
REVISITS = (9, 10, 11, len(AROUND + SQUARE) - 1)  # chunks of a lap in which all that is seen was seen before
UNITS_PER_LATENT = 0.2


def rows(world) -> np.ndarray:
    """Controls of the next chunk; in the first one the walk has not set out."""
    forward, turn = LAP[(world.chunk - 1) % len(LAP)] if world.chunk else (0, 0)
    made = np.zeros((world.info.chunk_frames if world.chunk else world.info.first_chunk_frames, 4), np.float32)
    scale, frames = world.config.scale, world.info.chunk_frames
    made[:, 1] = forward * UNITS_PER_LATENT / 4 / scale.units_per_metre
    made[:, 2] = turn * np.pi / 6 / frames / scale.turn
    return made


class Watch:
    """What is looked back on, chunk by chunk: how long choosing took, whether it is what was drawn then, and where."""

    def __init__(self, world, chunks: int) -> None:
        self.world, self.drawn = world, np.zeros(4 * (chunks + ON), np.uint32)
        self.seconds, self.chosen = [], ()
        choose, start = world.history.choose, world.lane.start

        def timed(current: int) -> tuple[int, ...]:
            started = time.thread_time()
            self.chosen = choose(current)
            self.seconds.append(time.thread_time() - started)
            return self.chosen

        def record(latents):
            first = 4 * world.chunk
            self.drawn[first : first + 4] = [crc32(latent.numpy().tobytes()) for latent in latents]
            return start(latents)

        world.history.choose, world.lane.start = timed, record

    def is_what_was_drawn(self) -> bool:
        given = self.world.network.buffers["gathered.x"][: len(self.chosen)]
        return [crc32(latent.numpy().tobytes()) for latent in given] == self.drawn[list(self.chosen)].tolist()

    def apart(self) -> tuple[float, float, int]:
        """Degrees and units from the chunk's cameras to those of the clip that was retrieved, and its age in chunks."""
        memory, current = self.world.config.memory, 4 * self.world.chunk - 4
        old = [each for each in self.chosen if memory.first_candidate <= each < current - memory.recent]
        (there, _), (here, _) = (self.world.history.conditions(part) for part in (old, range(current, current + 4)))
        looks = [cameras[:, :3, 2].mean(0) for cameras in (there, here)]
        cosine = looks[0] @ looks[1] / np.prod([np.linalg.norm(look) for look in looks])
        away = np.linalg.norm(there[:, :3, 3].mean(0) - here[:, :3, 3].mean(0))
        return float(np.degrees(np.arccos(min(cosine, 1.0)))), float(away), (current - old[0]) // 4


def sizes(world) -> tuple[int, ...]:
    """Of everything that could grow."""
    memory = world.network.buffers.bytes + world.decoder.buffers.bytes
    own = [value for owner in (world.history, world.history._redundancy) for value in vars(owner).values()]
    arrays = sum(value.nbytes for value in own if isinstance(value, np.ndarray))
    return memory, world.rings[""].bytes, world.rings[""].indices, len(world._sent), world.latents.nbytes, arrays


def step(world) -> np.ndarray:
    return np.stack(list(world.step(rows(world))))


def goes_on_alike(world, other) -> bool:
    """Whether another world that is given the state goes on bit for bit; the first one goes on with it."""
    state = world.state()
    other.reset(None, "elsewhere", 2)
    step(other)
    other.load_state(state)
    return all(np.array_equal(step(world), step(other)) for _ in range(ON))


def walk(network: str, chunks: int, kept: int) -> dict:
    """Walk all chunks, and tell what was measured."""
    from worldplay_fixtures import open_world, tiny_config

    from runtime import process

    config = tiny_config(network, kept=kept, **({"steps": 1} if network == "8b" else {"timesteps": (1000.0,)}))
    few = {"hunyuan": replace(config.hunyuan, layers=1), "wan": replace(config.wan, layers=1)}
    config = replace(config, width=32, height=32, **few)
    world = open_world(config)
    world.reset(None, "a town", 1)
    watch, told = Watch(world, chunks), {"sizes": [], "memory_mb": [], "cpu_s_per_chunk": [], "choice_s": []}
    told |= {"revisits": [], "wrong": 0, "spread": 255.0}
    while world.chunk < chunks:
        if world.chunk == chunks // 2:
            told["alike"] = goes_on_alike(world, open_world(config))
        started, before = time.process_time(), world.chunk
        while world.chunk < min(chunks, before + AT_ONCE - before % AT_ONCE):
            at = (world.chunk - 1) % len(LAP)
            pictures = step(world)
            told["wrong"] += not watch.is_what_was_drawn()
            if at in REVISITS and world.chunk > len(LAP):
                told["revisits"].append(watch.apart())
        told["spread"] = min(told["spread"], float(pictures[-1][..., :3].std()))
        told["cpu_s_per_chunk"].append((time.process_time() - started) / (world.chunk - before))
        told["choice_s"].append(float(np.median(watch.seconds[-AT_ONCE:])))
        watch.seconds.clear()
        told["sizes"].append(sizes(world))
        told["memory_mb"].append(process.rss_mb())
    remembered = int((world.history.numbers > 0).sum())
    return told | {"chunks": world.chunk, "remembered": 4 * remembered, "latents": len(world.latents)}


if __name__ == "__main__":
    root = Path(__file__).resolve().parent
    sys.path[:0] = [str(root.parent), str(root)]
    print(json.dumps({network: walk(network, *how) for network, how in WALKS.items()}))
