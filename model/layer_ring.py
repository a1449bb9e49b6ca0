"""One layer's part of a ring of keys and values, and the place in it that a pass writes to and sees. Torch only.

The buffers themselves, and who opens which place, are in model/rings.py; which slot is whose, in model/cache.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from model.attention import Attend, sdpa
from model.cache import Gathered, Window
from model.rotary import Axes, Table, rotate


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
    """What fixes a ring's buffers: [2 (keys, values), layers, batch, heads, prefix + capacity * tokens, head_dim].

    layers: the numbers of the network's layers that have this attention. grid: rows and columns of tokens of a latent
    frame; (1, 1) where a latent frame has one token per batch row. prefix: the most tokens of a condition (text) that
    all passes see and that lie in front of the slots, without a gap. compact: keys and values are stored as they are,
    and what passes see of the slots is made when it is read (model/prope.py).
    """

    window: Window | Gathered
    layers: tuple[int, ...]
    heads: int
    head_dim: int
    axes: Axes
    grid: tuple[int, int] = (1, 1)
    batch: int = 1
    prefix: int = 0
    compact: bool = False

    def __post_init__(self) -> None:
        if self.prefix and not isinstance(self.window, Gathered):
            raise ValueError("only a context that is gathered anew can lie behind a prefix that changes its length")

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def length(self) -> int:
        """Tokens that the buffer of a layer holds."""
        return self.prefix + self.window.capacity * self.tokens

    def pieces(self, frames: int) -> int:
        """In how many pieces a chunk of `frames` lies: one where the window is made of whole chunks, else per frame."""
        if isinstance(self.window, Gathered):
            return 1
        whole = self.window.sink % frames == 0 and self.window.ring % frames == 0
        return 1 if whole else frames


@dataclass(frozen=True)
class Opened:
    """The open place on the device: which tokens are written, how many are seen, and what queries and keys turn by.

    start: int64 [pieces, batch], see `scatter_tokens`; target: all of them, which need not be in a row (None where
    they are). kept: which of the pass's tokens are written, None for all. filled: tokens that are seen; visible: which,
    None for the first ones. keys: what all slots' keys turn by, None where they are stored turned.
    mask: bool [1, 1, 1, length], what is filled, for passes of one shape that see the whole buffer; None for passes
    that see the `filled` tokens alone. slots: of a compact ring, what the keys of all filled slots turn by.
    """

    start: torch.Tensor | None
    target: torch.Tensor | None
    kept: torch.Tensor | None
    filled: int
    turn: Table
    keys: Table | None
    visible: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    slots: Table | None = None


@dataclass(frozen=True)
class LayerRing:
    """One layer's part of a ring, [batch, heads, capacity * tokens, head_dim] each, with the place that is open.

    written: the whole buffers after `write`: the same ones, but for exported graphs, where nothing is in place.
    """

    keys: torch.Tensor
    values: torch.Tensor
    place: Opened | None
    written: list[torch.Tensor] = field(default_factory=list)

    def turned(self, queries: torch.Tensor) -> torch.Tensor:
        """Queries [..., pass's tokens, head_dim] at their positions in time."""
        return rotate(queries, *self.place.turn)

    def write(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put keys and values [batch, heads, pass's tokens, head_dim], not yet turned, into the open place.

        Returns what the pass sees, keys turned: see `put`.
        """
        place = self.place
        return self.put(keys if place.keys is not None else rotate(keys, *place.turn), values)

    def put(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`write` for keys that are as they shall be stored.

        Returns views [batch, heads, filled, head_dim] (copies where keys are turned only now, or are picked out). What
        the pass does not see is not among it, or is hidden by `mask`.
        """
        place = self.place
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

    def tell(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put a condition's keys and values [1, heads, tokens, head_dim] into the prefix, for all of the batch."""
        starts = torch.zeros((1, len(self.keys)), dtype=torch.long, device=keys.device)
        rows = ((self.keys, keys), (self.values, values))
        self.written[:] = [
            scatter_tokens(cache, part.expand(len(cache), -1, -1, -1).to(cache.dtype), starts) for cache, part in rows
        ]

    def _put(self, cache: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
        if self.place.target is None:
            return scatter_tokens(cache, update.to(cache.dtype), self.place.start)
        return cache.index_copy_(2, self.place.target, update.to(cache.dtype))

    def attend(self, attend: Attend, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Queries to what `write` returned, by the back end `attend`; where a mask counts, by torch's own."""
        if self.place.mask is None:
            return attend(q, keys, values)
        return sdpa(q, keys, values, self.place.mask.expand(-1, -1, q.shape[2], -1))
