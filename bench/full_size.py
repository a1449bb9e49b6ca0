"""The full-size network in bf16 on this machine's CPU: python bench/full_size.py, as slow as it is.

Random weights, three chunks by default (with evictions from the third on), decoded to pictures. Says how long each
chunk took and what memory it all took at its peak; fails where a latent is not finite or a picture has a wrong shape.
Takes about 12 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from bench.synthetic import VARIANTS, matrix_game, variant  # noqa: E402
from model.checkpoint import on_meta  # noqa: E402
from model.matrix_game.network import MatrixGameNet  # noqa: E402
from model.placement import place  # noqa: E402
from model.world import LoadOptions  # noqa: E402
from runtime.process import peak_rss_mb  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench/full_size.py", description=__doc__.split("\n")[0])
    parser.add_argument("--world", choices=VARIANTS, default=VARIANTS[0])
    parser.add_argument("--chunks", type=int, default=3)
    options = parser.parse_args(argv)
    config = variant(options.world)
    world = matrix_game(config, place(LoadOptions(device="cpu", threads=os.cpu_count()), torch.bfloat16))
    net = on_meta(MatrixGameNet, config.network)
    millions = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    print(f"{options.world}: {millions:.0f} M parameters, {world.rings.bytes / 1e6:.0f} MB of caches", flush=True)
    world.reset(None, None, seed=1)
    denoised = []
    world.lane.start = spied(world.lane.start, denoised)
    for chunk in range(options.chunks):
        frames = config.chunk_frames if chunk else config.first_chunk_frames
        started = time.perf_counter()
        pictures = np.stack(list(world.step(np.zeros((frames, world.info.control_columns), np.float32))))
        assert pictures.shape == (frames, config.height, config.width, 4), pictures.shape
        assert all(latents.isfinite().all() for latents in denoised), "a latent is not finite"
        assert denoised[-1].shape == (config.network.chunk, 16, *config.latent_size), denoised[-1].shape
        spread = denoised[-1].std().item()
        seconds = time.perf_counter() - started
        print(f"chunk {chunk}: {len(pictures)} pictures, latents spread {spread:.2f}, {seconds:.0f} s", flush=True)
    print(f"finite, right shapes; peak memory {peak_rss_mb():.0f} MB")
    return 0


def spied(start, seen: list[torch.Tensor]):
    """`start`, which keeps in `seen` what it is given."""

    def wrapped(latents: torch.Tensor):
        seen.append(latents)
        return start(latents)

    return wrapped


if __name__ == "__main__":
    sys.exit(main())
