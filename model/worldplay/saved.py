"""Saved: what the state of a WorldPlay world is made of, beside what all worlds have (model/chunk_world.py).

Names, shapes and types only; who fills and reads them is world.py. It has the latents that are kept, and no cache: that
is computed anew for every chunk.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.state import COUNTS, POSES, Layout
from model.worldplay.config import CHUNK, NetworkConfig, WorldPlayConfig

POSE_NUMBERS = 5  # of input.camera.Pose
HISTORY = "history."


def layout_of(config: WorldPlayConfig, chunks: int, states: np.dtype) -> Layout:
    """For a walk of so many chunks; states: the type of all that is computed in the world's own precision."""
    network, kept = config.net, min(chunks * CHUNK, config.kept)
    latent = (network.channels, *config.latent_size)
    layout: dict[str, tuple[tuple[int, ...], np.dtype]] = {
        "latents": ((kept, *latent), states),
        "picture.latent": (latent, states),
        "text.language": ((network.language_tokens, network.language), states),
        "text.language_tokens": ((), COUNTS),
        "pose": ((POSE_NUMBERS,), POSES),
    }
    if isinstance(network, NetworkConfig):
        layout["picture.states"] = (network.picture_tokens, network.picture), states
        layout["text.glyph"] = (network.glyph_tokens, network.glyph), states
        layout["text.glyph_tokens"] = (), COUNTS
    return layout


def part(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
