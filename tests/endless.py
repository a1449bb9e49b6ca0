"""Ten thousand chunks of a tiny Matrix-Game, in a process of its own that lets all others go first: it takes minutes of
one core, so it begins before the other tests (tests/conftest.py) and is looked at when its turn comes.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import cos, pi, sin, tau
from pathlib import Path

CHUNKS, AT_ONCE = 10_000, 500


def largest_angle_error(world) -> float:
    """Of the present angles against arithmetic in whole turns, and of the distance between neighbours, in radians."""
    import torch

    with torch.inference_mode():
        world.rings.stage(3)
    cosine, sine = world.rings["self"].opened.turn
    tokens = world.rings["self"].shape.tokens
    worst = 0.0
    for frame, first in enumerate(range(0, 3 * tokens, tokens)):
        position = world.rings.committed + frame
        # The fastest pair turns by one radian per frame: leave out whole turns exactly.
        angle = float(Fraction(position) - int(position / tau) * Fraction(tau))
        worst = max(worst, abs(cosine[first, 0].item() - cos(angle)), abs(sine[first, 0].item() - sin(angle)))
    angles = torch.atan2(sine[::tokens, 0], cosine[::tokens, 0]).double().tolist()
    return max(worst, *(abs((b - a + pi) % tau - pi - 1) for a, b in pairwise(angles)))


def sizes(world) -> tuple[int, ...]:
    """Of everything that could grow."""
    memory = world.network.buffers.bytes + world.decoder.buffers.bytes
    return world.rings.bytes, world.rings.indices, memory, world.keyboard.buffer.nbytes, world.mouse.buffer.nbytes


def walk(folder: Path) -> dict:
    """Walk all chunks, and tell what was measured after every AT_ONCE of them."""
    from matrix_fixtures import tiny_config, write_world
    from test_matrix_world import open_world, rows

    from runtime import process

    config = tiny_config(width=32, height=32, steps=(1000,))
    config = replace(config, network=replace(config.network, layers=1))
    world = open_world(write_world(folder, config), decoder="tiny")
    world.reset(None, None, 1)
    held, spread = [rows(world, 0), rows(world, 1)], []
    told = {"sizes": [], "memory_mb": [], "cpu_s_per_chunk": []}
    for _ in range(CHUNKS // AT_ONCE):
        started = time.process_time()
        for _ in range(AT_ONCE):
            pictures = list(world.step(held[min(world.chunk, 1)]))
        spread.append(float(pictures[-1][..., :3].std()))
        told["cpu_s_per_chunk"].append((time.process_time() - started) / AT_ONCE)
        told["sizes"].append(sizes(world))
        told["memory_mb"].append(process.rss_mb())
    counts = {"chunks": world.chunk, "committed": world.rings.committed}
    return told | counts | {"spread": min(spread), "largest_angle_error": largest_angle_error(world)}


if __name__ == "__main__":
    root = Path(__file__).resolve().parent
    sys.path[:0] = [str(root.parent), str(root)]
    print(json.dumps(walk(Path(sys.argv[1]))))
