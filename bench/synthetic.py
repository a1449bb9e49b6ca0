"""Full-size worlds with random weights: for speed and memory, which do not depend on what the weights are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn as nn

from model.checkpoint import on_meta
from model.matrix_game.assemble import Parts, assemble
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


def matrix_game(
    config: MatrixGameConfig,
    placement: Placement,
    seed: int = 0,
    options: LoadOptions | None = None,
    sketch: bool = False,
) -> MatrixGameWorld:
    """The world that official files would make, but for what the weights are; its image condition is random too.

    sketch: the modules stay on the meta device, where they can be counted but not run.
    """

    def filled(module: nn.Module, place: Placement, its_seed: int) -> nn.Module:
        return module if sketch else randomised(module, place, its_seed)

    def encode(picture: np.ndarray, place: Placement) -> ImageCondition:
        generator = torch.Generator(place.device).manual_seed(seed)
        latents = (CONSTANT_FROM + 1, MASK_CHANNELS + config.vae.latent_channels, *config.latent_size)
        visual = (config.clip.tokens, config.network.context_dim)
        parts = (torch.randn(size, generator=generator, device=place.device) for size in (latents, visual))
        return ImageCondition(*(part.to(place.dtype) for part in parts))

    parts = Parts(
        network=lambda place: filled(on_meta(MatrixGameNet, config.network), place, seed),
        decoder=lambda place: filled(on_meta(VaeDecoder, config.vae), place, seed + 1),
        sketch=lambda: on_meta(VaeDecoder, config.vae),
        encode=encode,
        starts=[np.zeros((16, 16, 3), np.uint8)],
    )
    info = describe("random", "Random weights", config, placement, f"random {seed}", has_start=True)
    return assemble(config, info, parts, placement, options or LoadOptions())
