"""The embedded world from its folder: configuration, graphs, start pictures. Without torch."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from compile.manager import make_ready, prepare
from compile.plan import Place
from model.dream.config import DreamConfig
from model.dream.graphs import dream_contract, shipped
from model.dream.world import EmbeddedWorld
from model.graph import Contract
from model.progress import UNWATCHED, Watcher
from model.settings import read_settings
from model.world import LoadOptions, WorldInfo
from model.worldfile import WorldFile, identity

MOST_THREADS = 4
VOCABULARY = (
    ("mouse", "look around"),
    ("forward", "walk forward"),
    ("back", "walk back"),
    ("left", "step left"),
    ("right", "step right"),
    ("turn_left", "turn left"),
    ("turn_right", "turn right"),
    ("look_up", "look up"),
    ("look_down", "look down"),
    ("run", "run"),
)


def load_world(folder: Path, described: WorldFile, options: LoadOptions) -> EmbeddedWorld:
    """The world of `folder`, on as many threads as `options` says, by default all cores up to four."""
    config, contract = described_contract(folder, described, options.progress)
    threads = options.threads or min(MOST_THREADS, os.cpu_count() or 1)
    runner = prepare(contract, Place(threads=threads), options)
    info = WorldInfo(
        name=folder.name,
        title=described.title,
        width=config.width,
        height=config.height,
        fps=config.fps,
        first_chunk_frames=config.frames,
        chunk_frames=config.frames,
        latent_frames_per_chunk=1,
        needs_image=False,
        needs_text=False,
        backend=runner.backend,
        device=f"CPU, {threads} threads",
        weights_sha256=contract.identity,
        vocabulary=VOCABULARY,
        notes=runner.notes,
    )
    with np.load(folder / described.starts[0], allow_pickle=False) as starts:
        pictures = starts["rgb"]
    world = EmbeddedWorld(config, info, pictures, runner)
    make_ready([runner], options, world.rehearse)
    world.info = replace(info, backend=runner.backend)
    return world


def described_contract(
    folder: Path, described: WorldFile, progress: Watcher = UNWATCHED
) -> tuple[DreamConfig, Contract]:
    """The world's graphs, with those that ship with it; every file is looked at first."""
    config = read_settings(DreamConfig, described.config, str(folder / "world.yaml"))
    digest = identity(folder, described.files, progress=progress)
    return config, dream_contract(folder.name, digest, config, folder, shipped(folder))


def contracts_of(folder: Path, described: WorldFile, options: LoadOptions) -> list[Contract]:
    """What the world computes, without playing it: for engines that are built ahead of time."""
    return [described_contract(folder, described)[1]]
