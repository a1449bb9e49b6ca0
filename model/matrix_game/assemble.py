"""Matrix-Game 2.0 put together: caches, contracts and engines, and where each part lies if memory is short.

What weights there are and whether they are right is load.py's affair; what runs the graphs, compile/manager.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from compile.fit import Fit, fit, require
from compile.manager import make_ready, prepare
from compile.plan import Place
from model.decode_graphs import decode_contract
from model.graph import Contract
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.encoders import ImageCondition
from model.matrix_game.graphs import make_rings, network_contract
from model.matrix_game.network import MatrixGameNet
from model.matrix_game.sizes import sizes_of
from model.matrix_game.world import MatrixGameWorld
from model.placement import Placement, place
from model.ring_ports import buffers
from model.rings import Rings
from model.tiles import TiledDecoder
from model.world import LoadOptions, WorldInfo

# What a process that uses CUDA has taken before anything is loaded: it counts against a budget, and is not free.
CONTEXT_BYTES = 400_000_000
LOW = ("fp8", "int8")
STREAMED = "cannot run blocks that are kept in host memory"
SPLIT = "cannot run a network that is split among processes"


@dataclass(frozen=True)
class Parts:
    """What a world is made of, and how to come by it: `network`, `decoder` and `encode` load weights to a placement,
    `sketch` gives the decoder on the meta device; `starts` are those of MatrixGameWorld.
    """

    network: Callable[[Placement], MatrixGameNet]
    decoder: Callable[[Placement], torch.nn.Module]
    sketch: Callable[[], torch.nn.Module]
    encode: Callable[[np.ndarray, Placement], ImageCondition]
    starts: list[np.ndarray]


def arrange(config: MatrixGameConfig, placement: Placement, options: LoadOptions, where: str) -> Fit | None:
    """How the world fits into the budget: --vram, or what is free of the GPU. None on a CPU that has no budget.

    Raises UserError, which names the least that will do, where it does not fit at all.
    """
    kind = placement.device.type
    if options.vram is not None:
        budget = int(options.vram * 1e9)
    elif kind == "cuda":
        budget = torch.cuda.mem_get_info(placement.device)[0] + CONTEXT_BYTES
    else:
        return None
    sizes = sizes_of(config, placement.dtype.itemsize, options.decoder)
    # Weights of fewer bits are made from these on a walk (compile/quantised.py): these have to fit before.
    own = {name: blocks for name, blocks in sizes.blocks.items() if name not in LOW}
    return require(fit(replace(sizes, blocks=own), budget, kind, tuple(own)), where)


def assemble(
    config: MatrixGameConfig, info: WorldInfo, parts: Parts, placement: Placement, options: LoadOptions
) -> MatrixGameWorld:
    """The world, with each of its two contracts on an engine, arranged so that it fits."""
    found = arrange(config, placement, options, info.name)
    rings = caches(config, placement, options)
    streamed = found is not None and found.resident < config.network.layers
    network = network_contract(
        info.name,
        info.weights_sha256,
        config,
        lambda: resident_network(parts, placement, found.resident if streamed else None),
        rings,
        placement.attend,
    )
    others = ("graph", "trt", "ort", "openvino")
    forbidden = dict.fromkeys(others, STREAMED) if streamed else {}
    forbidden |= dict.fromkeys(others, SPLIT) if options.team is not None else {}
    here = Place(placement.device.type, str(placement.device), torch.get_num_threads())
    runners = [
        prepare(network, here, options, buffers(rings, config.network.chunk), placement.dtype, forbidden),
        decoding(config, info, parts, placement, options, found.tiles if found else 1),
    ]
    encode = encoding(parts, placement, on_cpu=found is not None and found.encoders == "cpu")
    world = MatrixGameWorld(config, info, *runners, rings, encode, parts.starts, placement)
    make_ready(runners, options, world.rehearse)
    notes = (*info.notes, *runners[0].notes, *([found.line] if found else []))
    world.info = replace(info, backend=f"{world.backend}, {placement.backend}", notes=notes)
    return world


def caches(config: MatrixGameConfig, placement: Placement, options: LoadOptions) -> Rings:
    """The caches; of one process of several, its own."""
    if options.team is None:
        return make_rings(config, placement.device, placement.dtype)
    from compile.parallel import split_rings

    return split_rings(make_rings(config, "meta", placement.dtype), options.team, placement.device, placement.dtype)


def resident_network(parts: Parts, placement: Placement, resident: int | None) -> MatrixGameNet:
    """The network on its device; with `resident` blocks there and the others on the host, None for all there."""
    if resident is None:
        return parts.network(placement)
    from compile.host_weights import stream_blocks

    net = parts.network(replace(placement, device=torch.device("cpu")))
    stream_blocks(net.blocks, resident, placement.device)
    return net.to(placement.device)


def decoding(config: MatrixGameConfig, info: WorldInfo, parts: Parts, placement: Placement, options, tiles: int):
    """The decoder's runner: on a device of its own where one was asked for, in tiles where memory is short."""
    there = placement
    if options.decode_device != "auto":
        there = place(replace(options, device=options.decode_device), placement.dtype)
    decoder, sketch = parts.decoder, parts.sketch()
    if tiles > 1:
        sketch = TiledDecoder(sketch, tiles)

    def load() -> torch.nn.Module:
        return TiledDecoder(decoder(there), tiles) if tiles > 1 else decoder(there)

    contract = decode_contract(info.name, info.weights_sha256, load, sketch, latent_shape(config))
    here = Place(there.device.type, str(there.device), torch.get_num_threads())
    # The decoder is convolutions: 8 bits for matrices are not meant for it.
    own = replace(options, precision="auto") if options.precision in LOW else options
    return prepare(contract, here, own, {}, there.dtype)


def encoding(parts: Parts, placement: Placement, on_cpu: bool) -> Callable[[np.ndarray], ImageCondition]:
    """What makes the condition of a picture; on the CPU, in float32, where the device has no room for it."""
    if not on_cpu:
        return lambda picture: parts.encode(picture, placement)
    apart = replace(placement, device=torch.device("cpu"), dtype=torch.float32)

    def encode(picture: np.ndarray) -> ImageCondition:
        made = parts.encode(picture, apart)
        return ImageCondition(*(part.to(placement.device, placement.dtype) for part in (made.latents, made.visual)))

    return encode


def latent_shape(config: MatrixGameConfig) -> tuple[int, ...]:
    """Of a latent frame as decoders take it."""
    return (1, config.vae.latent_channels, 1, *config.latent_size)


def contracts(config: MatrixGameConfig, name: str, identity: str, parts: Parts, placement: Placement) -> list[Contract]:
    """The contracts of a world that is whole and in one place, without caches of its own."""
    rings = make_rings(config, "meta", placement.dtype)
    return [
        network_contract(name, identity, config, lambda: parts.network(placement), rings, placement.attend),
        decode_contract(name, identity, lambda: parts.decoder(placement), parts.sketch(), latent_shape(config)),
    ]
