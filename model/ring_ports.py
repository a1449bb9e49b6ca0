"""Rings as ports of a graph (model/graph.py): their names and shapes, and the caches of a pass made from them.

A chunk is written to one block of slots where the window is made of whole chunks, else to a block per latent frame; so
nothing ever wraps around the buffer's end. Torch only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from model.graph import CACHE, Port, Seen
from model.layer_ring import LayerRing, Opened
from model.rings import Rings
from model.split import WHOLE, Split


def ports(rings: Rings, frames: int, gathered: bool = False) -> tuple[Port, ...]:
    """Every ring's ports for passes over `frames` latent frames, in a row or gathered: tables, start and mask first,
    then the caches.
    """
    found = []
    for name in rings.names:
        for part, tensor in rings[name].standing(frames, gathered).items():
            role = CACHE if part.startswith(("keys", "values")) else ""
            dtype = "float" if role else str(tensor.dtype).removeprefix("torch.")
            found.append(Port(f"{name}.{part}", tuple(tensor.shape), dtype, role))
    return tuple(sorted(found, key=lambda port: bool(port.role)))


def buffers(rings: Rings, frames: int, gathered: bool = False) -> dict[str, torch.Tensor]:
    """The buffers behind `ports`, which `stage`, `recache` and `gather` of as many latent frames bring up to date."""
    standing = {name: rings[name].standing(frames, gathered) for name in rings.names}
    return {f"{name}.{part}": tensor for name, parts in standing.items() for part, tensor in parts.items()}


class PortRings:
    """The caches of one pass, from the tensors of a graph's ports. Has `layer` as Rings has it.

    seen: tokens filled per ring, in the order of `names`; with it a pass works in place on these alone. Without it the
    masks count, and `written` has what leaves the graph.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        tensors: Mapping[str, torch.Tensor],
        seen: Seen | None,
        split: Split = WHOLE,
        gathered: int = 0,
        slots: int = 0,
    ) -> None:
        """gathered: the tokens of a pass over gathered frames; 0 for other passes. slots: of all filled slots, where
        rings are compact.
        """
        self.split, self._gathered, self._slots = split, gathered, slots
        self._tensors, self._layers = tensors, {}
        self._opened = {
            name: self._open(name, None if seen is None else seen[index]) for index, name in enumerate(names)
        }

    def _open(self, name: str, seen: int | None) -> Opened:
        def part(key: str) -> torch.Tensor | None:
            return self._tensors.get(f"{name}.{key}")

        keys = None if part("key_cos") is None else (part("key_cos"), part("key_sin"))
        turn = part("cos"), part("sin")
        if self._gathered:
            turn = part("gathered_cos")[: self._gathered], part("gathered_sin")[: self._gathered]
        if seen is None:
            return Opened(part("start"), None, None, 0, turn, keys, mask=part("mask"))
        visible = None if part("visible") is None else part("visible")[:seen]
        slots = None
        if part("slots_cos") is not None:
            slots = part("slots_cos")[: self._slots], part("slots_sin")[: self._slots]
        return Opened(part("start"), None, None, seen, turn, keys, visible, slots=slots)

    def layer(self, number: int) -> dict[str, LayerRing]:
        """Every ring's part of layer `number`, by the ring's name."""
        found = {}
        for name, opened in self._opened.items():
            keys = self._tensors.get(f"{name}.keys{number}")
            if keys is not None:
                found[name] = LayerRing(keys, self._tensors[f"{name}.values{number}"], opened)
        self._layers[number] = found
        return found

    def written(self, port: str) -> torch.Tensor:
        """The cache of `port` after the pass."""
        name, _, part = port.rpartition(".")
        kind = "keys" if part.startswith("keys") else "values"
        ring = self._layers[int(part.removeprefix(kind))][name]
        return ring.written[kind == "values"]
