"""Saved: what the state of a Matrix-Game 2.0 world is made of, and tensors as arrays that may be kept.

Names, shapes and types only; who fills and reads them is world.py.
"""

from __future__ import annotations

import numpy as np
import torch

from compile.buffers import Buffers
from model.graph import STATE
from model.matrix_game.controls import ActionRing
from model.matrix_game.encoders import CONSTANT_FROM
from model.rings import Rings
from model.state import COUNTS, POSES, Layout

POSE_NUMBERS = 5  # of input.camera.Pose


def decoder_state(decoder: Buffers) -> list[str]:
    """The names of what a decoder remembers."""
    return [port.name for port in decoder.ports.values() if port.role == STATE]


def layout_of(
    network: Buffers, decoder: Buffers, rings: Rings, actions: dict[str, ActionRing], dtype: torch.dtype
) -> Layout:
    """What model/state.py checks; dtype: that of the network and of what it is conditioned on."""
    tensors = {f"ring.{name}": kind for name, kind in rings.layout().items()}
    tensors |= {name: (decoder.ports[name].shape, decoder[name].dtype) for name in decoder_state(decoder)}
    tensors["image.latents"] = (CONSTANT_FROM + 1, *network.ports["image"].shape[1:]), dtype
    tensors["image.visual"] = network.ports["visual"].shape, dtype
    layout = {name: (shape, as_array(torch.empty(0, dtype=kind)).dtype) for name, (shape, kind) in tensors.items()}
    for name, ring in actions.items():
        layout |= {f"{name}.rows": (ring.buffer.shape, ring.buffer.dtype), f"{name}.count": ((), COUNTS)}
    counts = {"chunk": ((), COUNTS), "seed": ((), np.dtype(np.uint64)), "begun": ((), np.dtype(bool))}
    return layout | counts | {"pose": ((POSE_NUMBERS,), POSES)}


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor on the CPU as an array that may be kept; bfloat16, which NumPy lacks, as int16 of the same bits."""
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()


def as_tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Back from `as_array`, for tensors of the world's own `dtype` and whole numbers."""
    tensor = torch.from_numpy(array.copy())
    return tensor.view(dtype) if tensor.dtype == torch.int16 else tensor
