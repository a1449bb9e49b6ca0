"""A tiny WorldPlay with random weights, and hands that walk it, for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

VARIANTS = ("8b", "5b")
DISTILLED_5B = (1000.0, 960.0, 888.8889, 727.2728)
# Those that two processes share; the 5B has two tokens per frame, as many as its caches have branches.
SPLIT = {
    "8b": {"network": "8b", "width": 48, "height": 48},
    "8b-guided": {"network": "8b", "guidance": 3.0, "steps": 2, "compact": True},
    "5b": {"network": "5b"},
}


def tiny_config(network: str = "8b", **changes):
    """The smallest configuration that has every part."""
    from bench.synthetic_worldplay import tiny
    from model.worldplay.config import WorldPlayConfig
    from model.worldplay.overlap import MEMORY_5B, MEMORY_8B

    fives = {"timesteps": DISTILLED_5B, "memory": MEMORY_5B}
    own = fives if network == "5b" else {"memory": MEMORY_8B}
    return tiny(WorldPlayConfig(**({"network": network, "kept": 48} | own | changes)))


def open_world(config, **options):
    """A world of this configuration on the CPU, in float32."""
    import torch

    from bench.synthetic_worldplay import worldplay
    from model.placement import place
    from model.world import LoadOptions

    wanted = LoadOptions(**({"device": "cpu", "precision": "fp32", "threads": 1, "attention": "sdpa"} | options))
    return worldplay(config, place(wanted, torch.float32), options=wanted)


def open_split(name: str, **options):
    """A world of SPLIT, which has so little to look back on that it chooses from the fourth chunk on."""
    config = tiny_config(**SPLIT[name])
    return open_world(replace(config, memory=config.memory.limited(8)), **options)


def rows(world, forward: float = 0.02, yaw: float = 0.0) -> np.ndarray:
    """Controls of the next chunk: metres and radians per frame."""
    frames = world.info.chunk_frames if world.chunk else world.info.first_chunk_frames
    made = np.zeros((frames, world.info.control_columns), np.float32)
    made[:, 1], made[:, 2] = forward, yaw
    return made


def walk(world, chunks: int, **controls) -> list[np.ndarray]:
    """Chunks of pictures."""
    return [np.stack(list(world.step(rows(world, **controls)))) for _ in range(chunks)]


def recorded(world) -> list[np.ndarray]:
    """A list that every chunk's clean latents will go to."""
    latents, start = [], world.lane.start

    def record(chunk):
        latents.append(chunk.numpy().copy())
        return start(chunk)

    world.lane.start = record
    return latents


def smaller(config, budget: int):
    """With less to look back on."""
    return replace(config, memory=replace(config.memory, budget=budget))
