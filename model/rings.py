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

import torch

from model.cache import DROPPED, Gathered, Place
from model.layer_ring import LayerRing, Opened, RingShape
from model.rotary import Table
from model.split import WHOLE, Split


class Ring:
    """One kind of attention's keys and values, of all layers. `window` may differ from ring to ring of a network."""

    def __init__(self, shape: RingShape, device: torch.device | str, dtype: torch.dtype) -> None:
        self.shape, self.device = shape, torch.device(device)
        size = (2, len(shape.layers), shape.batch, shape.heads, shape.length, shape.head_dim)
        self.buffer = torch.zeros(size, device=device, dtype=dtype)
        self._parts = {number: tuple(self.buffer[:, index]) for index, number in enumerate(shape.layers)}
        self._mask = torch.zeros((1, 1, 1, shape.length), dtype=torch.bool, device=device)
        self._indices: dict[tuple[int, ...], torch.Tensor] = {}
        self._firsts: dict[tuple[int, ...], torch.Tensor] = {}
        self._masks: dict[tuple[int, ...], torch.Tensor] = {}
        self._standing: dict[tuple, torch.Tensor] = {}
        gathered = isinstance(shape.window, Gathered)  # a slot's position is its number then: one table has them all
        self._slots = self._table("slots", tuple(range(shape.window.capacity))) if gathered else None
        self.opened: Opened | None = None
        self.told = 0  # tokens of the prefix that hold something: the slots begin behind them

    def open(self, place: Place, turn: Table | None = None) -> None:
        """Make `place` the one that is written to, and that queries and keys are turned by; turn: its queries' table,
        where it stands already. Called within a chunk: nothing here waits for what a GPU was given before.
        """
        kept = tuple(frame for frame, slot in enumerate(place.slots) if slot != DROPPED)
        slots = tuple(place.slots[frame] for frame in kept)
        seen = tuple(range(place.filled)) if place.visible is None else place.visible
        self._mask.copy_(self._mask_of(seen))
        if turn is None and self._slots is not None:
            turn = self._stand_table("turn", self._of_slots(place.slots[0], len(place.slots)))
        self.opened = Opened(
            self._starts(slots) if len(kept) == len(place.slots) else None,
            self._stand("target", self._tokens_of(slots, self.told)),
            None if len(kept) == len(place.slots) else self._tokens_of(kept),
            self.told + len(seen) * self.shape.tokens,
            turn or self._table("turn", place.queries),
            self._key_table(place),
            self._visible(place),
            slots=self._of_slots(0, len(seen)) if self.shape.compact else None,
        )

    def gather(self, count: int) -> None:
        """Open the place of the first `count` of the frames that a Gathered window can choose: see Rings.gather."""
        self.open(self.shape.window.gather(count), self._of_slots(0, count))

    def layer(self, number: int) -> LayerRing | None:
        """The part of layer `number`; None where that layer has no such attention."""
        return LayerRing(*self._parts[number], self.opened) if number in self._parts else None

    def tell(self, tokens: int) -> None:
        """The prefix holds `tokens` tokens from now on; what the slots held is void, for they begin behind them."""
        if not 0 <= tokens <= self.shape.prefix:
            raise ValueError(f"{tokens} tokens do not fit into a prefix of {self.shape.prefix}")
        if tokens != self.told:
            self.told = tokens
            for kept in (self._indices, self._firsts, self._masks):
                kept.clear()

    def _tokens_of(self, frames: tuple[int, ...], base: int = 0) -> torch.Tensor:
        """The tokens of frames, or of slots behind `base` tokens. A ring comes back to the same few sets for ever: they
        stay on the device.
        """
        if (base, *frames) not in self._indices:
            firsts = base + torch.tensor(frames, dtype=torch.long)[:, None] * self.shape.tokens
            index = (firsts + torch.arange(self.shape.tokens)).flatten()
            self._indices[base, *frames] = index.to(self.device, non_blocking=True)
        return self._indices[base, *frames]

    def _mask_of(self, slots: tuple[int, ...]) -> torch.Tensor:
        """Which tokens are those of `slots`; kept on the device, as `_tokens_of` keeps them."""
        if slots not in self._masks:
            mask = torch.zeros_like(self._mask)
            mask[..., : self.told] = True
            self._masks[slots] = mask.index_fill_(-1, self._tokens_of(slots, self.told), True)
        return self._masks[slots]

    def _starts(self, slots: tuple[int, ...]) -> torch.Tensor:
        firsts = slots[: self.shape.pieces(len(slots))]
        if firsts not in self._firsts:
            tokens = self.told + torch.tensor(firsts, dtype=torch.long)[:, None] * self.shape.tokens
            self._firsts[firsts] = tokens.repeat(1, self.shape.batch).to(self.device, non_blocking=True)
        return self._stand("start", self._firsts[firsts])

    def _of_slots(self, first: int, count: int) -> Table:
        """The part of `_slots` of so many slots."""
        start, stop = first * self.shape.tokens, (first + count) * self.shape.tokens
        return tuple(part[start:stop] for part in self._slots)

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
        return self._stand_table(name, made)

    def _stand_table(self, name: str, table: Table) -> Table:
        return tuple(self._stand(f"{name}.{part}", tensor) for part, tensor in zip(("cos", "sin"), table, strict=True))

    def _stand(self, name: str, content: torch.Tensor) -> torch.Tensor:
        """`content` in a buffer of its name and shape that stays where it is."""
        key = (name, *content.shape)
        if key not in self._standing:
            self._standing[key] = torch.empty_like(content)
        return self._standing[key].copy_(content)

    @property
    def kept(self) -> int:
        """Tensors beside the buffer."""
        return len(self._indices) + len(self._firsts) + len(self._masks) + len(self._standing)

    def standing(self, frames: int, gathered: bool = False) -> dict[str, torch.Tensor]:
        """What a pass over `frames` latent frames in a row, or over as many gathered ones, reads, by name: see
        model/ring_ports.py.
        """
        if gathered:
            self.gather(frames)
        else:
            self.open(self.shape.window.stage(0, frames))
        turn, found = self.opened.turn, {"start": self.opened.start, "mask": self._mask}
        found |= {"gathered_cos": turn[0], "gathered_sin": turn[1]} if gathered else {"cos": turn[0], "sin": turn[1]}
        if self.shape.compact:
            found |= dict(zip(("slots_cos", "slots_sin"), self._slots, strict=True))
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

    def tell(self, tokens: int) -> None:
        """Begin anew behind a condition of `tokens` tokens, in all rings that have room for one (RingShape.prefix)."""
        for ring in self._rings.values():
            if ring.shape.prefix:
                ring.tell(tokens)
        self.reset()

    def gather(self, count: int) -> None:
        """Open the first `count` slots for a pass over frames that were chosen; chunks are staged behind them."""
        for ring in self._rings.values() if count else ():
            ring.gather(count)
        self.committed, self._staged = count, 0

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
        return sum(ring.kept for ring in self._rings.values())

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next pass depends on, as copies on the CPU, between a commit and the next stage."""
        buffers = {name: ring.buffer.to("cpu", copy=True) for name, ring in self._rings.items()}
        return buffers | {"committed": torch.tensor(self.committed)}

    def layout(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """The shape and the type of every tensor of `state`."""
        buffers = {name: (tuple(ring.buffer.shape), ring.buffer.dtype) for name, ring in self._rings.items()}
        return buffers | {"committed": ((), torch.long)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        for name, ring in self._rings.items():
            ring.buffer.copy_(state[name])
        self.committed, self._staged = int(state["committed"]), 0
