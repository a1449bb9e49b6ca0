"""Full-size worlds with random weights: for speed and memory, which do not depend on what the weights are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn as nn

from model.checkpoint import on_meta
from model.graph import Contract
from model.matrix_game.assemble import Parts, assemble, contracts
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.encoders import CONSTANT_FROM, MASK_CHANNELS, ImageCondition
from model.matrix_game.load import describe
from model.matrix_game.network import MatrixGameNet
from model.matrix_game.world import MatrixGameWorld
from model.placement import Placement
from model.wan_vae import VaeDecoder
from model.world import LoadOptions
from model.worldfile import read_world_file

VARIANTS = ("matrix-game-2", "matrix-game-2-gta-drive", "matrix-game-2-templerun")


def variant(name: str) -> MatrixGameConfig:
    """The configuration of a bundled world."""
    from model.registry import find_world
    from model.settings import read_settings

    return read_settings(MatrixGameConfig, read_world_file(find_world(name)).config, name)


def tiny(config: MatrixGameConfig) -> MatrixGameConfig:
    """A few hundredths of the size, with every part: for a CPU, and to try a script before a GPU is spent on it."""
    actions = replace(config.network.actions, layers=(0, 1), heads=2, mouse_width=128, keyboard_width=128)
    network = replace(config.network, dim=256, layers=3, heads=2, ffn_dim=512, actions=actions)
    return replace(config, width=64, height=32, network=network, vae=replace(config.vae, width=8))


def randomised(module: nn.Module, placement: Placement, seed: int) -> nn.Module:
    """A module made on the meta device, with random weights of a size that keeps activations near 1.

    They are the same in every type but for rounding.
    """
    generator = torch.Generator(placement.device).manual_seed(seed)
    weights = {}
    for name, tensor in module.state_dict().items():
        fan = tensor[0].numel() if tensor.ndim > 1 else 0
        made = torch.empty(tensor.shape, device=placement.device)
        gain = name.endswith("gamma") or (tensor.ndim == 1 and name.endswith("weight"))
        made = made.fill_(1) if gain else made.normal_(0, fan**-0.5 if fan else 0.02, generator=generator)
        weights[name] = made.to(placement.dtype)
    module.load_state_dict(weights, assign=True)
    return module.requires_grad_(False).eval()


def filled(module: nn.Module, placement: Placement, seed: int | None) -> nn.Module:
    """A module made on the meta device with random weights; without a seed it stays there, to be counted, not run."""
    return module if seed is None else randomised(module, placement, seed)


def parts_of(config: MatrixGameConfig, seed: int | None) -> Parts:
    """The parts that official files would make, but for what the weights are; see `filled` for no seed."""

    def encode(picture: np.ndarray, place: Placement) -> ImageCondition:
        generator = torch.Generator(place.device).manual_seed(seed)
        latents = (CONSTANT_FROM + 1, MASK_CHANNELS + config.vae.latent_channels, *config.latent_size)
        visual = (config.clip.tokens, config.network.context_dim)
        parts = (torch.randn(size, generator=generator, device=place.device) for size in (latents, visual))
        return ImageCondition(*(part.to(place.dtype) for part in parts))

    return Parts(
        network=lambda place: filled(on_meta(MatrixGameNet, config.network), place, seed),
        decoder=lambda place: filled(on_meta(VaeDecoder, config.vae), place, None if seed is None else seed + 1),
        sketch=lambda: on_meta(VaeDecoder, config.vae),
        encode=encode,
        starts=[np.zeros((16, 16, 3), np.uint8)],
    )


def matrix_game(
    config: MatrixGameConfig, placement: Placement, seed: int = 0, options: LoadOptions | None = None
) -> MatrixGameWorld:
    """A world with random weights; its image condition is random too."""
    info = describe("random", "Random weights", config, placement, f"random {seed}", has_start=True)
    return assemble(config, info, parts_of(config, seed), placement, options or LoadOptions())


def sketch(config: MatrixGameConfig, placement: Placement) -> list[Contract]:
    """The contracts of such a world without weights or caches."""
    return contracts(config, "random", "random", parts_of(config, None), placement)
