"""The buffers of the key-value caches of every family: fixed-size rings of any granularity, side by side. Torch only.

A ring belongs to one kind of attention (over all tokens, per position, per latent frame) and holds one buffer for all
of its layers. Passes write into the slots that `stage` opened and see what is filled; a later pass over the same chunk
overwrites it in place, and `commit` is what makes the chunk past. Which slot is whose: model/cache.py.

Everything that a pass reads lies at addresses that do not change from chunk to chunk, so that a captured pass can be
replayed (compile/graphs.py): what a chunk brings anew is copied in.
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

    layers: the numbers of the network's layers that have this attention. grid: rows and columns of tokens of a latent
    frame; (1, 1) where a latent frame has one token per batch row.
    """

    window: Window
    layers: tuple[int, ...]
    heads: int
    head_dim: int
    axes: Axes
    grid: tuple[int, int] = (1, 1)
    batch: int = 1

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1]


@dataclass(frozen=True)
class Opened:
    """The open place on the device: which tokens are written, how many are seen, and what queries and keys turn by.

    kept: which of the pass's tokens are written, None for all. keys: None where keys are stored turned.
    """

    target: torch.Tensor
    kept: torch.Tensor | None
    filled: int
    turn: Table
    keys: Table | None


@dataclass(frozen=True)
class LayerRing:
    """One layer's part of a ring, [batch, heads, capacity * tokens, head_dim] each, with the place that is open."""

    keys: torch.Tensor
    values: torch.Tensor
    place: Opened

    def turned(self, queries: torch.Tensor) -> torch.Tensor:
        """Queries [..., pass's tokens, head_dim] at their positions in time."""
        return rotate(queries, *self.place.turn)

    def write(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put keys and values [batch, heads, pass's tokens, head_dim], not yet turned, into the open place.

        Returns what the pass sees, keys turned: views [batch, heads, filled * tokens, head_dim] (keys of a relative
        window are a copy). Slots that nothing was written to yet are not among it.
        """
        place = self.place
        if place.keys is None:
            keys = rotate(keys, *place.turn)
        if place.kept is not None:
            keys, values = keys[:, :, place.kept], values[:, :, place.kept]
        self.keys.index_copy_(2, place.target, keys.to(self.keys.dtype))
        self.values.index_copy_(2, place.target, values.to(self.values.dtype))
        seen, values = self.keys[:, :, : place.filled], self.values[:, :, : place.filled]
        return (seen if place.keys is None else rotate(seen, *place.keys)), values


class Ring:
    """One kind of attention's keys and values, of all layers. `window` may differ from ring to ring of a network."""

    def __init__(self, shape: RingShape, device: torch.device | str, dtype: torch.dtype) -> None:
        self.shape, self.device = shape, torch.device(device)
        length = shape.window.capacity * shape.tokens
        size = (2, len(shape.layers), shape.batch, shape.heads, length, shape.head_dim)
        self.buffer = torch.zeros(size, device=device, dtype=dtype)
        self._parts = {number: tuple(self.buffer[:, index]) for index, number in enumerate(shape.layers)}
        self._indices: dict[tuple[int, ...], torch.Tensor] = {}
        self._standing: dict[tuple, torch.Tensor] = {}

    def open(self, place: Place) -> None:
        """Make `place` the one that is written to, and that queries and keys are turned by."""
        kept = tuple(frame for frame, slot in enumerate(place.slots) if slot != DROPPED)
        slots = tuple(place.slots[frame] for frame in kept)
        self.opened = Opened(
            self._stand("target", self._tokens_of(slots)),
            None if len(kept) == len(place.slots) else self._tokens_of(kept),
            place.filled * self.shape.tokens,
            self._table("turn", place.queries),
            None if place.keys is None else self._table("keys", place.keys),
        )

    def layer(self, number: int) -> LayerRing | None:
        """The part of layer `number`; None where that layer has no such attention."""
        return LayerRing(*self._parts[number], self.opened) if number in self._parts else None

    def _tokens_of(self, frames: tuple[int, ...]) -> torch.Tensor:
        """The tokens of frames or slots. A ring comes back to the same few sets for ever: they stay on the device."""
        if frames not in self._indices:
            index = torch.tensor(frames, dtype=torch.long)[:, None] * self.shape.tokens
            self._indices[frames] = (index + torch.arange(self.shape.tokens)).flatten().to(self.device)
        return self._indices[frames]

    def _table(self, name: str, positions: tuple[int, ...]) -> Table:
        axes, grid = self.shape.axes, self.shape.grid
        line = grid == (1, 1)
        made = axes.line(positions, self.device) if line else axes.grid(positions, *grid, self.device)
        return tuple(self._stand(f"{name}.{part}", tensor) for part, tensor in zip(("cos", "sin"), made, strict=True))

    def _stand(self, name: str, content: torch.Tensor) -> torch.Tensor:
        """`content` in a buffer of its name and shape that stays where it is."""
        key = (name, *content.shape)
        if key not in self._standing:
            self._standing[key] = torch.empty_like(content)
        return self._standing[key].copy_(content)


class Rings:
    """All caches of one network, and how many latent frames they have committed."""

    def __init__(self, shapes: Mapping[str, RingShape], device: torch.device | str, dtype: torch.dtype) -> None:
        self._rings = {name: Ring(shape, device, dtype) for name, shape in shapes.items()}
        self.committed = 0
        self._staged = 0

    def __getitem__(self, name: str) -> Ring:
        return self._rings[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._rings)

    def layer(self, number: int) -> dict[str, LayerRing]:
        """Every ring's part of layer `number`, by the ring's name."""
        parts = {name: ring.layer(number) for name, ring in self._rings.items()}
        return {name: part for name, part in parts.items() if part is not None}

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
    def filled(self) -> tuple[int, ...]:
        """How much of each ring the open place sees, in tokens: a captured pass is good for one such tuple."""
        return tuple(ring.opened.filled for ring in self._rings.values())

    @property
    def bytes(self) -> int:
        return sum(ring.buffer.nbytes for ring in self._rings.values())

    @property
    def indices(self) -> int:
        """Index tensors that are kept, which must not grow."""
        return sum(len(ring._indices) + len(ring._standing) for ring in self._rings.values())

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next pass depends on, as copies on the CPU, between a commit and the next stage."""
        buffers = {name: ring.buffer.to("cpu", copy=True) for name, ring in self._rings.items()}
        return buffers | {"committed": torch.tensor(self.committed)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        for name, ring in self._rings.items():
            ring.buffer.copy_(state[name])
        self.committed, self._staged = int(state["committed"]), 0
