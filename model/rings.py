"""The buffers of the key-value caches of every family: fixed-size rings of any granularity, side by side. Torch only.

A ring belongs to one kind of attention (over all tokens, per position, per latent frame) and holds one buffer for all
of its layers. Passes write into the slots that `stage` opened and see what is filled; a later pass over the same chunk
overwrites it in place, and `commit` is what makes the chunk past. Which slot is whose: model/cache.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from model.cache import DROPPED, Place, Window
from model.rotary import Axes, Table, rotate


@dataclass(frozen=True)
class RingShape:
    """What fixes a ring's buffers: [2 (keys, values), layers, batch, heads, capacity * tokens, head_dim].

    tokens: those of one latent frame, as rows x columns; (1, 1) where a latent frame has one token per batch row.
    """

    window: Window
    layers: int
    heads: int
    head_dim: int
    axes: Axes
    grid: tuple[int, int] = (1, 1)
    batch: int = 1

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1]


class Ring:
    """One kind of attention's keys and values, of all layers. `window` may differ from ring to ring of a network."""

    def __init__(self, shape: RingShape, device: torch.device | str, dtype: torch.dtype) -> None:
        self.shape, self.device = shape, torch.device(device)
        length = shape.window.capacity * shape.tokens
        size = (2, shape.layers, shape.batch, shape.heads, length, shape.head_dim)
        self.buffer = torch.zeros(size, device=device, dtype=dtype)
        self._targets: dict[tuple[int, ...], torch.Tensor] = {}
        self._kept: torch.Tensor | None = None

    def open(self, place: Place) -> None:
        """Make `place` the one that `write` writes to and `queries` and `keys` are turned by."""
        kept = [frame for frame, slot in enumerate(place.slots) if slot != DROPPED]
        slots = tuple(place.slots[frame] for frame in kept)
        # A ring comes back to the same few sets of slots for ever: their indices stay on the device.
        if slots not in self._targets:
            self._targets[slots] = self._token_index(slots)
        self._target = self._targets[slots]
        self._kept = None if len(kept) == len(place.slots) else self._token_index(tuple(kept))
        self._filled = place.filled * self.shape.tokens
        self.turn = self._table(place.queries)
        self._key_turn = None if place.keys is None else self._table(place.keys)

    def _token_index(self, frames: tuple[int, ...]) -> torch.Tensor:
        tokens = self.shape.tokens
        index = torch.tensor(frames, dtype=torch.long)[:, None] * tokens + torch.arange(tokens)
        return index.flatten().to(self.device)

    def _table(self, positions: tuple[int, ...]) -> Table:
        shape = self.shape
        if shape.grid == (1, 1):
            return shape.axes.line(positions, self.device)
        return shape.axes.grid(positions, *shape.grid, self.device)

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put keys and values [batch, heads, pass's tokens, head_dim], not yet turned, into the open place.

        Returns what the pass sees, keys turned: views [batch, heads, filled * tokens, head_dim] (keys of a relative
        window are a copy). Slots that nothing was written to yet are not among it.
        """
        relative = self._key_turn is not None
        if not relative:
            keys = rotate(keys, *self.turn)
        if self._kept is not None:
            keys, values = keys[:, :, self._kept], values[:, :, self._kept]
        held_keys, held_values = self.buffer[0, layer], self.buffer[1, layer]
        held_keys.index_copy_(2, self._target, keys.to(held_keys.dtype))
        held_values.index_copy_(2, self._target, values.to(held_values.dtype))
        seen_keys, seen_values = held_keys[:, :, : self._filled], held_values[:, :, : self._filled]
        return (rotate(seen_keys, *self._key_turn) if relative else seen_keys), seen_values


class Rings:
    """All caches of one network, and how many latent frames they have committed."""

    def __init__(self, shapes: Mapping[str, RingShape], device: torch.device | str, dtype: torch.dtype) -> None:
        self._rings = {name: Ring(shape, device, dtype) for name, shape in shapes.items()}
        self.committed = 0
        self._staged = 0

    def __getitem__(self, name: str) -> Ring:
        return self._rings[name]

    def reset(self) -> None:
        """Begin a new walk. What the slots held is never seen again: only what was filled since is."""
        self.committed = self._staged = 0

    def stage(self, count: int) -> None:
        """Open the slots of the next `count` latent frames in every ring; the oldest ones lose theirs."""
        for ring in self._rings.values():
            ring.open(ring.shape.window.stage(self.committed, count))
        self._staged = count

    def commit(self) -> None:
        """What was staged is past from now on. Call it after the pass over the clean chunk."""
        self.committed += self._staged
        self._staged = 0

    def recache(self, count: int) -> None:
        """Open the last `count` committed latent frames for a pass that computes them anew; commits nothing."""
        for ring in self._rings.values():
            ring.open(ring.shape.window.recache(self.committed, count))
        self._staged = 0

    @property
    def bytes(self) -> int:
        return sum(ring.buffer.nbytes for ring in self._rings.values())

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next pass depends on, as copies on the CPU, between a commit and the next stage."""
        buffers = {name: ring.buffer.to("cpu", copy=True) for name, ring in self._rings.items()}
        return buffers | {"committed": torch.tensor(self.committed)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        for name, ring in self._rings.items():
            ring.buffer.copy_(state[name])
        self.committed, self._staged = int(state["committed"]), 0
