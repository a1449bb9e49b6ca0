"""Saved: what the state of a Matrix-Game 2.0 world is made of, beside what all worlds have (model/chunk_world.py).

Names, shapes and types only; who fills and reads them is world.py.
"""

from __future__ import annotations

import numpy as np
import torch

from compile.buffers import Buffers
from model.chunk_world import array_type
from model.matrix_game.controls import ActionRing
from model.matrix_game.encoders import CONSTANT_FROM
from model.rings import Rings
from model.state import COUNTS, POSES, Layout

POSE_NUMBERS = 5  # of input.camera.Pose


def layout_of(network: Buffers, rings: Rings, actions: dict[str, ActionRing], dtype: torch.dtype) -> Layout:
    """What model/state.py checks; dtype: that of the network and of what it is conditioned on."""
    tensors = {f"ring.{name}": kind for name, kind in rings.layout().items()}
    tensors["image.latents"] = (CONSTANT_FROM + 1, *network.ports["image"].shape[1:]), dtype
    tensors["image.visual"] = network.ports["visual"].shape, dtype
    layout: dict[str, tuple[tuple[int, ...], np.dtype]]
    layout = {name: (shape, array_type(kind)) for name, (shape, kind) in tensors.items()}
    for name, ring in actions.items():
        layout |= {f"{name}.rows": (ring.buffer.shape, ring.buffer.dtype), f"{name}.count": ((), COUNTS)}
    return layout | {"pose": ((POSE_NUMBERS,), POSES)}
