"""Putting a world of an official family together: what fits where, and on which engine each contract runs.

What the parts are, and how to come by them, is the family's affair (its assemble.py); how engines are chosen,
compile/manager.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn as nn

from compile.fit import Fit, Sizes, fit, require
from compile.manager import prepare
from compile.plan import Place
from compile.runner import Runner
from model.decode_graphs import decode_contract
from model.graph import Contract
from model.official import slow
from model.placement import Placement, place
from model.rings import Rings
from model.tiles import TiledDecoder
from model.world import LoadOptions, WorldInfo
from runtime.errors import UserError

# What a process that uses CUDA has taken before anything is loaded: it counts against a budget, and is not free.
CONTEXT_BYTES = 400_000_000
LOW = ("fp8", "int8")
OTHERS = ("graph", "trt", "ort", "openvino")
STREAMED = "cannot run blocks that are kept in host memory"
SPLIT = "cannot run a network that is split among processes"
CROWDED = "has no room to be tried in beside play"
UNQUANTISED = "makes 8-bit weights of full ones, which have to fit first"


def arrange(
    sizes: Callable[[], Sizes], placement: Placement, options: LoadOptions, where: str, remedy: str = ""
) -> Fit | None:
    """How a world fits into the budget: --vram, or what is free of the GPU. None on a CPU that has no budget.

    Raises UserError, which names the least that will do, and the `remedy`, where it does not fit at all.
    """
    kind = placement.device.type
    if options.vram is not None:
        budget = int(options.vram * 1e9)
    elif kind == "cuda":
        budget = torch.cuda.mem_get_info(placement.device)[0] + CONTEXT_BYTES
    else:
        return None
    counted = sizes()
    # Weights of fewer bits are made from these on a walk (compile/quantised.py): these have to fit before.
    own = {name: blocks for name, blocks in counted.blocks.items() if name not in LOW}
    return require(fit(replace(counted, blocks=own), budget, kind, tuple(own)), where, remedy)


def in_place(placement: Placement, found: Fit | None) -> Placement:
    """`placement`, where decoding is in turn with denoising if memory asks for that."""
    return replace(placement, in_turn=found is not None and found.in_turn)


def is_streamed(found: Fit | None, layers: int) -> bool:
    """Whether some layers stay in host memory."""
    return found is not None and (found.resident < layers or found.seldom == "host")


def own_rings(
    make: Callable[[torch.device | str, torch.dtype], Rings], placement: Placement, options: LoadOptions
) -> Rings:
    """The caches; of one process of several, its own. Raises UserError where there is no memory for them."""
    if options.team is None:
        try:
            return make(placement.device, placement.dtype)
        except RuntimeError as error:  # as torch says it, on a CPU and on a GPU
            if "allocate" not in str(error):
                raise
            remedy = "choose a smaller world, or one that looks back on less (--context)"
            raise UserError("there is no memory for the caches", placement.where, remedy) from error
    from compile.parallel import split_rings

    return split_rings(make("meta", placement.dtype), options.team, placement.device, placement.dtype)


def resident_network(load: Callable[[Placement], nn.Module], placement: Placement, found: Fit | None) -> nn.Module:
    """The network on its device; where `found` says so, some of its layers on the host (compile/host_weights.py)."""
    if found is None:
        return load(placement)
    from compile.host_weights import stream_blocks

    net = load(replace(placement, device=torch.device("cpu")))
    stream_blocks(net.blocks, found.resident, placement.device)
    if found.seldom == "host" and (seldom := getattr(net, "seldom", None)):
        stream_blocks(seldom, 0, placement.device)
    return net.to(placement.device)


def network_runner(
    contract: Contract,
    buffers: dict[str, torch.Tensor],
    placement: Placement,
    options: LoadOptions,
    found: Fit | None,
    streamed: bool,
    barred: Mapping[str, str] | None = None,
) -> Runner:
    """The network's runner over the caches' buffers. barred: engines that the family knows to be of no use, and why."""
    forbidden = dict(barred or {}) | crowded(found)
    if streamed:  # what is in the slots is the affair of the one engine that plays
        forbidden |= dict.fromkeys(("compile", *OTHERS), STREAMED)
        forbidden |= {"eager": UNQUANTISED} if options.precision in LOW else {}
    forbidden |= dict.fromkeys(OTHERS, SPLIT) if options.team is not None else {}
    return prepare(contract, here(placement), options, buffers, placement.dtype, forbidden)


def crowded(found: Fit | None) -> dict[str, str]:
    """Engines other than the one that a world begins on, where there is no room for any, and why."""
    return {} if found is None or found.roomy else dict.fromkeys(("compile", *OTHERS), CROWDED)


@dataclass(frozen=True)
class Decoding:
    """A decoder: `load` gives it on a placement, `sketch` on the meta device; latent: the shape of what it is given."""

    load: Callable[[Placement], nn.Module]
    sketch: Callable[[], nn.Module]
    latent: tuple[int, ...]

    def contract(self, world: str, identity: str, placement: Placement, tiles: int = 1) -> Contract:
        sketch = self.sketch()
        if tiles == 1:
            return decode_contract(world, identity, lambda: self.load(placement), sketch, self.latent)
        made = TiledDecoder(sketch, tiles)
        return decode_contract(world, identity, lambda: TiledDecoder(self.load(placement), tiles), made, self.latent)

    def runner(
        self, world: str, identity: str, placement: Placement, options: LoadOptions, found: Fit | None
    ) -> Runner:
        """On a device of its own where one was asked for, in tiles where memory is short."""
        there = placement
        if options.decode_device != "auto":
            there = place(replace(options, device=options.decode_device), placement.dtype)
        # A decoder is convolutions: 8 bits for matrices are not meant for it.
        own = replace(options, precision="auto") if options.precision in LOW else options
        contract = self.contract(world, identity, there, 1 if found is None else found.tiles)
        return prepare(contract, here(there), own, {}, there.dtype, crowded(found))


def info_of(
    name: str, title: str, config: object, placement: Placement, digest: str, has_start: bool, dim: int, **own: object
) -> WorldInfo:
    """What is said of a world. config: a family's, with the sizes of pictures and chunks; dim: the network's width;
    own: what the family says beside.
    """
    return WorldInfo(
        name=name,
        title=title,
        width=config.width,
        height=config.height,
        fps=config.fps,
        first_chunk_frames=config.first_chunk_frames,
        chunk_frames=config.chunk_frames,
        needs_image=not has_start,
        needs_text=False,
        backend=placement.backend,
        device=placement.where,
        weights_sha256=digest,
        vocabulary=config.vocabulary,
        notes=(placement.note, *slow(placement, dim)),
        overlaps=placement.device.type == "cuda",
        **own,
    )


def here(placement: Placement) -> Place:
    return Place(placement.device.type, str(placement.device), torch.get_num_threads())


def apart(placement: Placement) -> Placement:
    """The CPU, in float32: for encoders that the device has no room for."""
    return replace(placement, device=torch.device("cpu"), dtype=torch.float32)
