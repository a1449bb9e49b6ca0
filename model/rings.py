"""The buffers of the key-value caches of every family: fixed-size rings of any granularity, side by side. Torch only.

A ring belongs to one kind of attention (over all tokens, per position, per latent frame) and holds one buffer for all
of its layers. Passes write into the slots that `stage` opened and see what is filled; a later pass over the same chunk
overwrites it in place, and `commit` is what makes the chunk past. Which slot is whose: model/cache.py.

Everything that a pass reads lies at addresses that do not change from chunk to chunk, so that a captured pass can be
replayed: what a chunk brings anew is copied in. As ports of a graph (model/graph.py) a ring is its buffers, the first
token that is written, the tables, and a mask of what is filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from model.attention import Attend, sdpa
from model.cache import DROPPED, Place, Window
from model.rotary import Axes, Table, rotate
from model.split import WHOLE, Split


def scatter_tokens(cache: torch.Tensor, update: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """`cache` [B, heads, capacity, head_dim] with `update` [B, heads, tokens, head_dim] written into it.

    starts: int64 [pieces, B], the token that each of as many equal pieces of the update begins at, the same for all of
    a batch. In an exported graph this is ONNX opset 24's TensorScatter, which engines run in place; so does inference
    mode, and what is compiled, which is only ever played; elsewhere (training) the cache stays as it was.
    """
    tokens = update.shape[2] // starts.shape[0]
    if torch.onnx.is_in_onnx_export():
        for piece in range(starts.shape[0]):
            cache = torch.onnx.ops.symbolic(
                "TensorScatter",
                (cache, update[:, :, piece * tokens : (piece + 1) * tokens], starts[piece]),
                attrs={"axis": 2, "mode": "linear"},
                dtype=cache.dtype,
                shape=cache.shape,
                version=24,
            )
        return cache
    target = (starts[:, :1] + torch.arange(tokens, device=starts.device)).flatten()
    # In this order: to ask for inference mode breaks a graph that is being compiled.
    if torch.compiler.is_compiling() or torch.is_inference_mode_enabled():
        return cache.index_copy_(2, target, update)
    return cache.index_copy(2, target, update)


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

    @property
    def length(self) -> int:
        """Tokens that the buffer of a layer holds."""
        return self.window.capacity * self.tokens

    def pieces(self, frames: int) -> int:
        """In how many pieces a chunk of `frames` lies: one where the window is made of whole chunks, else per frame."""
        whole = self.window.sink % frames == 0 and self.window.ring % frames == 0
        return 1 if whole else frames


@dataclass(frozen=True)
class Opened:
    """The open place on the device: which tokens are written, how many are seen, and what queries and keys turn by.

    start: int64 [pieces, batch], see `scatter_tokens`; target: all of them, which need not be in a row (None where
    they are). kept: which of the pass's tokens are written, None for all. filled: tokens that are seen; visible: which,
    None for the first ones. keys: what all slots' keys turn by, None where they are stored turned.
    mask: bool [1, 1, 1, length], what is filled, for passes of one shape that see the whole buffer; None for passes
    that see the `filled` tokens alone.
    """

    start: torch.Tensor | None
    target: torch.Tensor | None
    kept: torch.Tensor | None
    filled: int
    turn: Table
    keys: Table | None
    visible: torch.Tensor | None = None
    mask: torch.Tensor | None = None


@dataclass(frozen=True)
class LayerRing:
    """One layer's part of a ring, [batch, heads, capacity * tokens, head_dim] each, with the place that is open.

    written: the whole buffers after `write`: the same ones, but for exported graphs, where nothing is in place.
    """

    keys: torch.Tensor
    values: torch.Tensor
    place: Opened
    written: list[torch.Tensor] = field(default_factory=list)

    def turned(self, queries: torch.Tensor) -> torch.Tensor:
        """Queries [..., pass's tokens, head_dim] at their positions in time."""
        return rotate(queries, *self.place.turn)

    def write(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put keys and values [batch, heads, pass's tokens, head_dim], not yet turned, into the open place.

        Returns what the pass sees, keys turned: views [batch, heads, filled, head_dim] (copies where keys are turned
        only now, or are picked out). What the pass does not see is not among it, or is hidden by `mask`.
        """
        place = self.place
        if place.keys is None:
            keys = rotate(keys, *place.turn)
        if place.kept is not None:
            keys, values = keys[:, :, place.kept], values[:, :, place.kept]
        self.written[:] = [self._put(self.keys, keys), self._put(self.values, values)]
        keys, values = self.written
        if place.keys is not None:
            keys = rotate(keys, *place.keys)
        if place.mask is not None:
            return keys, values
        if place.visible is not None:
            return keys.index_select(2, place.visible), values.index_select(2, place.visible)
        return keys[:, :, : place.filled], values[:, :, : place.filled]

    def _put(self, cache: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
        if self.place.target is None:
            return scatter_tokens(cache, update.to(cache.dtype), self.place.start)
        return cache.index_copy_(2, self.place.target, update.to(cache.dtype))

    def attend(self, attend: Attend, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Queries to what `write` returned, by the back end `attend`; where a mask counts, by torch's own."""
        if self.place.mask is None:
            return attend(q, keys, values)
        return sdpa(q, keys, values, self.place.mask.expand(-1, -1, q.shape[2], -1))


class Ring:
    """One kind of attention's keys and values, of all layers. `window` may differ from ring to ring of a network."""

    def __init__(self, shape: RingShape, device: torch.device | str, dtype: torch.dtype) -> None:
        self.shape, self.device = shape, torch.device(device)
        size = (2, len(shape.layers), shape.batch, shape.heads, shape.length, shape.head_dim)
        self.buffer = torch.zeros(size, device=device, dtype=dtype)
        self._parts = {number: tuple(self.buffer[:, index]) for index, number in enumerate(shape.layers)}
        self._mask = torch.zeros((1, 1, 1, shape.length), dtype=torch.bool, device=device)
        self._indices: dict[tuple[int, ...], torch.Tensor] = {}
        self._standing: dict[tuple, torch.Tensor] = {}

    def open(self, place: Place) -> None:
        """Make `place` the one that is written to, and that queries and keys are turned by."""
        kept = tuple(frame for frame, slot in enumerate(place.slots) if slot != DROPPED)
        slots = tuple(place.slots[frame] for frame in kept)
        seen = tuple(range(place.filled)) if place.visible is None else place.visible
        self._mask.zero_()
        self._mask[..., self._tokens_of(seen)] = True
        self.opened = Opened(
            self._starts(slots) if len(kept) == len(place.slots) else None,
            self._stand("target", self._tokens_of(slots)),
            None if len(kept) == len(place.slots) else self._tokens_of(kept),
            len(seen) * self.shape.tokens,
            self._table("turn", place.queries),
            self._key_table(place),
            self._visible(place),
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

    def _starts(self, slots: tuple[int, ...]) -> torch.Tensor:
        firsts = torch.tensor(slots[: self.shape.pieces(len(slots))], dtype=torch.long, device=self.device)
        return self._stand("start", (firsts[:, None] * self.shape.tokens).expand(-1, self.shape.batch))

    def _key_table(self, place: Place) -> Table | None:
        """What the slots' keys turn by; those that hold nothing, or nothing that is seen, by anything."""
        if place.keys is None:
            return None
        return self._table("keys", place.keys + (0,) * (self.shape.window.capacity - len(place.keys)))

    def _visible(self, place: Place) -> torch.Tensor | None:
        """The tokens that are seen, at the head of a buffer that has room for all that ever are."""
        if place.visible is None:
            return None
        window, tokens = self.shape.window, self.shape.tokens
        most = window.sink + window.past + window.chunk
        whole = self._stand("visible", self._tokens_of(place.visible + (0,) * (most - len(place.visible))))
        return whole[: len(place.visible) * tokens]

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

    def standing(self, frames: int) -> dict[str, torch.Tensor]:
        """What a pass over `frames` latent frames in a row reads, by name: see model/ring_ports.py."""
        self.open(self.shape.window.stage(0, frames))
        turn, found = self.opened.turn, {"start": self.opened.start, "mask": self._mask}
        found |= {"cos": turn[0], "sin": turn[1]}
        if self.opened.keys is not None:
            found |= dict(zip(("key_cos", "key_sin"), self.opened.keys, strict=True))
        if self.opened.visible is not None:
            (found["visible"],) = (part for (name, *_), part in self._standing.items() if name == "visible")
        for number, (keys, values) in self._parts.items():
            found |= {f"keys{number}": keys, f"values{number}": values}
        return found


class Rings:
    """All caches of one network, how many latent frames they have committed, and whose tokens a process computes."""

    split: Split = WHOLE

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
