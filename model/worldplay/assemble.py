"""WorldPlay put together: its caches, contracts and engines (model/assembly.py).

What weights there are and whether they are right is load.py's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch.nn as nn

from compile.manager import make_ready
from model.assembly import Decoding, apart, arrange, in_place, is_streamed, network_runner, own_rings, resident_network
from model.graph import Contract
from model.placement import Placement
from model.ring_ports import buffers
from model.rings import Rings
from model.world import LoadOptions, WorldInfo
from model.worldplay.config import CHUNK, WorldPlayConfig
from model.worldplay.graphs import network_contract, rows_of
from model.worldplay.parts import decoder_of, network_of
from model.worldplay.sizes import sizes_of
from model.worldplay.told import Picture, Text
from model.worldplay.world import WorldPlayWorld

SMALLER = "let it look back on less (--context)"
# Whose passes see the whole buffer, with text of any length in front.
COMPACT = dict.fromkeys(("trt", "ort", "openvino"), "cannot run compact caches")


@dataclass(frozen=True)
class Parts:
    """What a world is made of, and how to come by it: `network` and `decoder` load weights to a placement; `embed` and
    `see` compute on one what a prompt and a picture become, for the world's own placement; `starts` are those of
    WorldPlayWorld.
    """

    network: Callable[[Placement], nn.Module]
    decoder: Callable[[Placement], nn.Module]
    embed: Callable[[str, Placement], Text]
    see: Callable[[np.ndarray, Placement], Picture]
    starts: list[np.ndarray]

    def decoding(self, config: WorldPlayConfig) -> Decoding:
        return Decoding(self.decoder, lambda: decoder_of(config), (1, config.net.channels, 1, *config.latent_size))


def assemble(
    config: WorldPlayConfig, info: WorldInfo, parts: Parts, placement: Placement, options: LoadOptions
) -> WorldPlayWorld:
    """The world, with each of its two contracts on an engine, arranged so that it fits."""
    found = arrange(lambda: sizes_of(config, placement.dtype.itemsize), placement, options, info.name, SMALLER)
    placement = in_place(placement, found)
    if found is not None and found.compact:
        config = replace(config, compact=True)
    rings = {row: own_rings(lambda *where: make_rings(config, *where), placement, options) for row in rows_of(config)}
    streamed = is_streamed(found, config.net.layers)
    network = network_contract(
        info.name,
        info.weights_sha256,
        config,
        lambda: resident_network(parts.network, placement, found if streamed else None),
        rings[""],
        placement.attend,
    )
    own = {f"{row}{name}": each for row, made in rings.items() for name, each in standing(made, config).items()}
    runners = [
        network_runner(network, own, placement, options, found, streamed, COMPACT if config.compact else None),
        parts.decoding(config).runner(info.name, info.weights_sha256, placement, options, found),
    ]
    where = apart(placement) if found is not None and found.encoders == "cpu" else placement
    world = WorldPlayWorld(
        config,
        info,
        *runners,
        rings,
        lambda prompt: parts.embed(prompt, where).to(placement),
        lambda picture: parts.see(picture, where).to(placement),
        parts.starts,
        placement,
    )
    make_ready(runners, options, world.rehearse)
    notes = (*info.notes, *runners[0].notes, *([found.line] if found else []))
    world.info = replace(info, backend=f"{world.backend}, {placement.backend}", notes=notes)
    return world


def make_rings(config: WorldPlayConfig, device, dtype) -> Rings:
    """The cache of one row of `config`, empty; on the meta device only its shapes."""
    return network_of(config).rings(config.window, config.grid, device, dtype, config.compact)


def standing(rings: Rings, config: WorldPlayConfig) -> dict:
    """The buffers of a row's ports."""
    return buffers(rings, config.memory.budget, gathered=True) | buffers(rings, CHUNK)


def contracts(config: WorldPlayConfig, name: str, identity: str, parts: Parts, placement: Placement) -> list[Contract]:
    """The contracts of a world that is whole and in one place, without caches of its own."""
    rings = make_rings(config, "meta", placement.dtype)
    return [
        network_contract(name, identity, config, lambda: parts.network(placement), rings, placement.attend),
        parts.decoding(config).contract(name, identity, placement),
    ]
