"""Matrix-Game 2.0 put together: its caches, contracts and engines (model/assembly.py).

What weights there are and whether they are right is load.py's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from compile.manager import make_ready
from model.assembly import Decoding, apart, arrange, in_place, is_streamed, network_runner, own_rings, resident_network
from model.graph import Contract
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.encoders import ImageCondition
from model.matrix_game.graphs import make_rings, network_contract
from model.matrix_game.network import MatrixGameNet
from model.matrix_game.sizes import sizes_of
from model.matrix_game.world import MatrixGameWorld
from model.placement import Placement
from model.ring_ports import buffers
from model.world import LoadOptions, WorldInfo


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

    def decoding(self, config: MatrixGameConfig) -> Decoding:
        return Decoding(self.decoder, self.sketch, latent_shape(config))


def assemble(
    config: MatrixGameConfig, info: WorldInfo, parts: Parts, placement: Placement, options: LoadOptions
) -> MatrixGameWorld:
    """The world, with each of its two contracts on an engine, arranged so that it fits."""
    found = arrange(lambda: sizes_of(config, placement.dtype.itemsize, options.decoder), placement, options, info.name)
    placement = in_place(placement, found)
    rings = own_rings(lambda *where: make_rings(config, *where), placement, options)
    streamed = is_streamed(found, config.network.layers)
    network = network_contract(
        info.name,
        info.weights_sha256,
        config,
        lambda: resident_network(parts.network, placement, found if streamed else None),
        rings,
        placement.attend,
    )
    runners = [
        network_runner(network, buffers(rings, config.network.chunk), placement, options, found, streamed),
        parts.decoding(config).runner(info.name, info.weights_sha256, placement, options, found),
    ]
    encode = encoding(parts, placement, on_cpu=found is not None and found.encoders == "cpu")
    world = MatrixGameWorld(config, info, *runners, rings, encode, parts.starts, placement)
    make_ready(runners, options, world.rehearse)
    notes = (*info.notes, *runners[0].notes, *([found.line] if found else []))
    world.info = replace(info, backend=f"{world.backend}, {placement.backend}", notes=notes)
    return world


def encoding(parts: Parts, placement: Placement, on_cpu: bool) -> Callable[[np.ndarray], ImageCondition]:
    """What makes the condition of a picture; on the CPU, in float32, where the device has no room for it."""
    if not on_cpu:
        return lambda picture: parts.encode(picture, placement)

    def encode(picture: np.ndarray) -> ImageCondition:
        made = parts.encode(picture, apart(placement))
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
        parts.decoding(config).contract(name, identity, placement),
    ]
