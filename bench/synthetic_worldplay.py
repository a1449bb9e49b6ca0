"""WorldPlay with random weights, full size or tiny: for speed and memory, which do not depend on what weights are."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import torch

from bench.synthetic import filled
from model.graph import Contract, Seen
from model.hunyuan_vae import HunyuanVaeConfig
from model.placement import Placement
from model.registry import find_world
from model.wan22_vae import Wan22VaeConfig
from model.world import LoadOptions, WorldInfo
from model.worldfile import read_world_file
from model.worldplay.assemble import Parts, assemble, contracts, make_rings
from model.worldplay.config import CHUNK, NetworkConfig, WanConfig, WorldPlayConfig
from model.worldplay.graphs import rows_of, suffix
from model.worldplay.load import config_of
from model.worldplay.parts import decoder_of, network_of
from model.worldplay.told import Picture, Text
from model.worldplay.world import WorldPlayWorld

WORDS = 120  # tokens of language that a prompt of a sentence becomes, template and all


def variant(name: str, options: LoadOptions | None = None) -> WorldPlayConfig:
    """The configuration of a bundled world; options may give it another context."""
    folder = find_world(name)
    return config_of(folder, read_world_file(folder), options)


def tiny(config: WorldPlayConfig) -> WorldPlayConfig:
    """A few thousandths of the size, with every part: for a CPU, and to try a script before a GPU is spent on it."""
    hunyuan = NetworkConfig(
        dim=64,
        layers=3,
        heads=4,
        channels=8,
        picture_channels=9,
        rotary=(4, 6, 6),
        language=24,
        glyph=20,
        picture=20,
        glyph_inner=32,
        glyph_middle=32,
        language_tokens=16,
        glyph_tokens=6,
        picture_tokens=5,
    )
    wan = WanConfig(dim=48, layers=2, heads=4, ffn_dim=80, channels=4, language=20, language_tokens=6)
    return replace(
        config,
        width=64,
        height=32,
        hunyuan=hunyuan,
        wan=wan,
        hunyuan_vae=HunyuanVaeConfig(channels=(8, 8, 8, 8, 16), latent_channels=8, blocks=1),
        wan_vae=Wan22VaeConfig(8, 8, 4, blocks=1, mean=(0.1,) * 4, std=(1.5,) * 4),
    )


def generator(*what: object) -> torch.Generator:
    """A generator that is a function of `what`, wherever it runs."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))


def invented_text(prompt: str, config: WorldPlayConfig) -> Text:
    """States that are a function of the prompt; of glyphs there are as many as the prompt has quotes."""
    network, draws = config.net, generator(prompt)
    count = min(network.language_tokens, WORDS + len(prompt) % 7)
    quotes = prompt.count('"') if isinstance(network, NetworkConfig) else 0
    width = getattr(network, "glyph", 0)
    return Text(torch.randn(count, network.language, generator=draws), torch.randn(quotes, width, generator=draws))


def invented_picture(pixels: np.ndarray, config: WorldPlayConfig) -> Picture:
    network, draws = config.net, generator(pixels.tobytes())
    states = getattr(network, "picture_tokens", 0), getattr(network, "picture", 0)
    latent = torch.randn(network.channels, *config.latent_size, generator=draws)
    return Picture(latent, torch.randn(states, generator=draws))


def describe(config: WorldPlayConfig, placement: Placement) -> WorldInfo:
    return WorldInfo(
        name="random",
        title="Random weights",
        width=config.width,
        height=config.height,
        fps=config.fps,
        first_chunk_frames=config.first_chunk_frames,
        chunk_frames=config.chunk_frames,
        latent_frames_per_chunk=CHUNK,
        needs_image=False,
        needs_text=False,
        backend=placement.backend,
        device=placement.where,
        weights_sha256="random",
        overlaps=placement.device.type == "cuda",
        takes_text=True,
        context=config.memory.budget,
    )


def parts_of(config: WorldPlayConfig, seed: int | None) -> Parts:
    """The parts that official files would make, but for what the weights are; states of text and picture are invented.

    seed: None for modules that can be counted but not run.
    """
    return Parts(
        network=lambda place: filled(network_of(config), place, seed),
        decoder=lambda place: filled(decoder_of(config), place, None if seed is None else seed + 1),
        embed=lambda prompt, _: invented_text(prompt, config),
        see=lambda pixels, _: invented_picture(pixels, config),
        starts=[np.zeros((16, 16, 3), np.uint8)],
    )


def worldplay(
    config: WorldPlayConfig, placement: Placement, seed: int = 0, options: LoadOptions | None = None
) -> WorldPlayWorld:
    """A world with random weights."""
    parts = parts_of(config, seed)
    return assemble(config, describe(config, placement), parts, placement, options or LoadOptions())


def sketch(config: WorldPlayConfig, placement: Placement) -> list[Contract]:
    """The contracts of such a world without weights or caches."""
    return contracts(config, "random", "random", parts_of(config, None), placement)


def fullest(config: WorldPlayConfig) -> dict[str, Seen]:
    """What of the caches is filled behind a prompt of WORDS tokens once the context is full, by graph."""
    network, rings = config.net, make_rings(config, "meta", torch.float32)
    told = min(WORDS, network.language_tokens)
    if isinstance(network, NetworkConfig):
        rings.tell(told + network.picture_tokens)
    rings.gather(config.memory.budget)
    found = {"text": (told, 0), "context": (*rings.filled, config.memory.budget)}
    rings.stage(CHUNK)
    found["denoise"] = rings.filled
    return {f"{name}{suffix(row)}": seen for name, seen in found.items() for row in rows_of(config)}
