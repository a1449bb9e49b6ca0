"""Blocks whose weights stay in host memory and come to the device one after the other, just before they run.

For networks that are larger than the device's memory. Some blocks stay on the device; each other one is a flat buffer
on the host (pinned, for a GPU), and two standing slots on the device take turns: while a block runs in one, and those
behind it that stay, the next block's weights are copied into the other, on a stream of its own. A pass goes round:
behind the last streamed block comes the first, for the next pass. Nothing waits on the host, and nothing is allocated
in a pass. Torch only.

How many blocks that should be, and which, is compile/fit.py's affair. It is not for captured passes
(CUDA graphs): a replay would not know what lies in the slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn

from compile.fit import SLOTS, streamed

ALIGNMENT = 256  # of every tensor in a slot, in bytes: what a device's own allocator gives


@dataclass(frozen=True)
class Part:
    """Where a parameter lies in its block's buffer, and the places in modules that hold it."""

    holders: tuple[tuple[nn.Module, str], ...]
    offset: int
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    @property
    def stop(self) -> int:
        span = 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        return self.offset + (span if self.shape.numel() else 0) * self.dtype.itemsize

    def view(self, buffer: torch.Tensor) -> torch.Tensor:
        """The parameter's tensor in a buffer of bytes."""
        return buffer[self.offset : self.stop].view(self.dtype).as_strided(self.shape, self.stride)


class Slot:
    """A standing buffer on the device. `holds`: the block whose weights are there, or on their way."""

    def __init__(self, nbytes: int, device: torch.device) -> None:
        self.buffer = torch.empty(nbytes, dtype=torch.uint8, device=device)
        self.holds: StreamedBlock | None = None
        self.arrived: object = None


class Courier:
    """Copies from the host beside the device's work; on a CPU, at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def send(self, host: torch.Tensor, slot: Slot) -> None:
        """Queue the copy of a block's bytes behind all that the device was given to do until now."""
        if self._stream is None:
            slot.buffer[: len(host)].copy_(host)
            return
        if torch.cuda.is_current_stream_capturing():
            raise RuntimeError("blocks that stay on the host cannot be captured in a CUDA graph")
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            slot.buffer[: len(host)].copy_(host, non_blocking=True)
            # The allocator must not hand the slot to others while a copy is still under way.
            slot.buffer.record_stream(self._stream)
            slot.arrived = self._stream.record_event()

    def wait(self, slot: Slot) -> None:
        """What the device is given to do from here on comes after the copy into `slot`."""
        if self._stream is not None:
            torch.cuda.current_stream(self.device).wait_event(slot.arrived)


class Conveyor:
    """The slots that streamed blocks share, and the order in which they come."""

    def __init__(self, courier: Courier, nbytes: int, count: int) -> None:
        self.courier = courier
        self.slots = [Slot(nbytes, courier.device) for _ in range(min(SLOTS, count))]
        self.order: list[StreamedBlock] = []
        self._last: Slot | None = None

    def present(self, block: StreamedBlock) -> None:
        """Have `block` in a slot for all that is done next on this thread's stream, and its successor on the way."""
        slot = next((slot for slot in self.slots if slot.holds is block), None) or self._bring(block)
        self.courier.wait(slot)
        block.look_at(self.slots.index(slot))
        self._last = slot
        follower = self.order[(block.place + 1) % len(self.order)]
        if all(slot.holds is not follower for slot in self.slots):
            self._bring(follower)

    def _bring(self, block: StreamedBlock) -> Slot:
        """Into the slot that was not used last: all that read it was given to the device before this moment."""
        slot = next(slot for slot in self.slots if slot is not self._last)
        self.courier.send(block.host, slot)
        slot.holds = block
        return slot


class StreamedBlock(nn.Module):
    """A block whose parameters are views of a slot; it is called as before, and so are its parts.

    Whoever asks for a part of it (`block.cross_attn`) has the weights there until another streamed block runs or is
    asked for a part; nobody may keep a part for later.
    """

    def __init__(self, block: nn.Module, parts: list[Part], host: torch.Tensor, belt: Conveyor, place: int) -> None:
        super().__init__()
        self.block = block
        self.host, self.place, self._belt = host, place, belt
        self._parts, self._slot = parts, -1
        self._views = [[nn.Parameter(part.view(slot.buffer), False) for part in parts] for slot in belt.slots]
        self.look_at(0)

    def forward(self, *inputs: object, **named: object) -> object:
        self._belt.present(self)
        return self.block(*inputs, **named)

    def compile(self, *options: object, **named: object) -> None:
        """Compile the block alone, as for one that stays: the copies remain outside of what is traced."""
        self.block.compile(*options, **named)

    def __getattr__(self, name: str) -> object:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") or not hasattr(self.block, name):
                raise
        self._belt.present(self)
        return getattr(self.block, name)

    def look_at(self, slot: int) -> None:
        """Make the parameters views of this slot. With an odd number of blocks it is another one every pass."""
        if slot != self._slot:
            self._slot = slot
            for part, view in zip(self._parts, self._views[slot], strict=True):
                for module, name in part.holders:
                    home_of(module, name)[name] = view


@dataclass(frozen=True)
class HostWeights:
    """How many blocks stay and how many are streamed, and what they take in bytes: `device` for those that stay and the
    slots, `host` for the others' buffers.
    """

    resident: int
    streamed: int
    device: int
    host: int


@torch.inference_mode(False)
@torch.no_grad()
def stream_blocks(blocks: nn.ModuleList, resident: int, device: torch.device | str) -> HostWeights:
    """Let `resident` of the blocks stay on `device`, and the others' weights come from the host when they run.

    blocks: on the CPU, with weights, quantised already if they are to be; streamed ones are replaced in the list. The
    resident ones and two slots are all that is ever on the device, so with one or two streamed ones nothing is gained.
    From here on their parameters must not be written to, moved or saved. Buffers, which a block may write to, stay on
    the device.
    """
    if not 0 <= resident <= len(blocks):
        raise ValueError(f"{resident} of {len(blocks)} blocks cannot stay on the device")
    if any(isinstance(block, StreamedBlock) for block in blocks):
        raise ValueError("the blocks are streamed already")
    device = torch.device(device)
    layouts = {number: parts_of(blocks[number]) for number in streamed(len(blocks), resident)}
    belt = Conveyor(Courier(device), max(map(size_of, layouts.values()), default=0), len(layouts))
    kept = [slot.buffer for slot in belt.slots]
    for number, block in enumerate(blocks):
        if number in layouts:
            blocks[number] = streamed_block(block, layouts[number], belt)
            modules = (module for module in block.modules() if not getattr(module, "weights_are_buffers", False))
            kept += [own for module in modules for own in module._buffers.values() if own is not None]
        else:
            kept += [*block.to(device).parameters(), *block.buffers()]
    host = sum(pinned_bytes(each.host) for each in belt.order)
    return HostWeights(resident, len(layouts), stored(kept), host)


def streamed_block(block: nn.Module, parts: list[Part], belt: Conveyor) -> StreamedBlock:
    """`block`, with its weights packed on the host, as the next one on `belt`."""
    device = belt.courier.device
    for module in block.modules():
        if not getattr(module, "weights_are_buffers", False):
            own = {name: kept.to(device) for name, kept in module._buffers.items() if kept is not None}
            module._buffers.update(own)
    made = StreamedBlock(block, parts, on_host(parts, device.type == "cuda"), belt, len(belt.order))
    belt.order.append(made)
    return made


def parts_of(block: nn.Module) -> list[Part]:
    """Every parameter of a block, once, with its place in the block's buffer."""
    holders: dict[nn.Parameter, list[tuple[nn.Module, str]]] = {}
    for module in block.modules():
        for name, parameter in weights_of(module):
            if parameter is not None:
                holders.setdefault(parameter, []).append((module, name))
    parts, offset = [], 0
    for parameter, places in holders.items():
        part = Part(tuple(places), offset, parameter.shape, parameter.stride(), parameter.dtype)
        parts.append(part)
        offset = -(-part.stop // ALIGNMENT) * ALIGNMENT
    return parts


def weights_of(module: nn.Module) -> list[tuple[str, torch.Tensor | None]]:
    """A module's own weights: its parameters, and, of a layer that says so, what it has in buffers."""
    buffers = module._buffers.items() if getattr(module, "weights_are_buffers", False) else ()
    return [*module._parameters.items(), *buffers]


def home_of(module: nn.Module, name: str) -> dict:
    """Where a module keeps a tensor: quantised layers have their weights as buffers."""
    return module._parameters if name in module._parameters else module._buffers


def size_of(parts: list[Part]) -> int:
    return max((part.stop for part in parts), default=0)


def on_host(parts: list[Part], pinned: bool) -> torch.Tensor:
    """One flat buffer with the contents of `parts`; pinned memory is what copies go beside other work from."""
    buffer = torch.zeros(size_of(parts), dtype=torch.uint8, pin_memory=pinned)
    for part in parts:
        module, name = part.holders[0]
        part.view(buffer).copy_(home_of(module, name)[name])
    return buffer


def pinned_bytes(host: torch.Tensor) -> int:
    """What a buffer takes of the host: torch pins powers of two (unless pinned_max_round_threshold_mb is set)."""
    return 1 << (host.nbytes - 1).bit_length() if host.is_pinned() else host.nbytes


def stored(tensors: list[torch.Tensor]) -> int:
    """Bytes behind tensors; memory that they share counts once."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())
