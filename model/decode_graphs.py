"""Decoding as graphs (model/graph.py), for every decoder that goes latent frame by latent frame. Torch only.

Two graphs: `decode_first` for a clip's first latent frame, which may stand for fewer pictures, and `decode` for all
that follow. What the decoder remembers (model/memory.py) is state; pictures leave as BGRA bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn

from model.graph import STATE, Contract, Graph, Port
from model.lane import to_bgra
from model.memory import Memory


class BoundMemory(Memory):
    """A memory whose frames are the given tensors, and that has, or has not, seen the first frame."""

    def __init__(self, frames: dict[str, torch.Tensor], begun: bool) -> None:
        super().__init__()
        self.frames, self.begun = frames, begun


class DecodeModule(nn.Module):
    """One latent frame [1, C, 1, h, w] and the state to uint8 BGRA [T, H, W, 4] and the state after it."""

    def __init__(self, decoder: nn.Module, layers: tuple[str, ...], begun: bool) -> None:
        super().__init__()
        self.decoder, self.layers, self.begun = decoder, layers, begun

    def forward(self, latent: torch.Tensor, *state: torch.Tensor, seen=None) -> tuple[torch.Tensor, ...]:
        memory = BoundMemory(dict(zip(self.layers, state, strict=True)), self.begun)
        frames = to_bgra(self.decoder.decode(latent, memory))
        return frames, *(memory.frames[layer] for layer in self.layers)


def decode_contract(
    world: str, identity: str, decoder: Callable[[], nn.Module], sketch: nn.Module, latent: tuple[int, ...]
) -> Contract:
    """decoder: loads it; sketch: the same on the meta device, which tells the shapes; latent: [1, C, 1, h, w]."""
    graphs, layers = {}, {}
    memory = Memory()
    for name, output in (("decode_first", "first_frames"), ("decode", "frames")):
        pictures = sketch.decode(torch.zeros(latent, device="meta"), memory)
        layers[name] = tuple(memory.frames)
        state = tuple(Port(f"decoder.{key}", tuple(kept.shape), role=STATE) for key, kept in memory.frames.items())
        frames = Port(output, (pictures.shape[2], *pictures.shape[3:], 4), "uint8")
        graphs[name] = Graph(name, (Port("latent", latent), *state), (frames,))

    def modules() -> dict[str, nn.Module]:
        loaded = decoder()
        return {name: DecodeModule(loaded, layers[name], name == "decode") for name in graphs}

    return Contract(f"{world}.decoder", identity, graphs, modules)
