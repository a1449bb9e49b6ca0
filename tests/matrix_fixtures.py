"""A tiny Matrix-Game 2.0 with random weights, as official files in a folder and a world beside them, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from model.settings import write_settings

NETWORK_FILE, VAE_FILE, CLIP_FILE, TINY_FILE = "network.safetensors", "vae.pth", "clip.pth", "tiny.safetensors"


def tiny_config(**changes):
    """The smallest config that has every part: evictions, both action branches, all three caches."""
    from model.matrix_game.config import ActionConfig, Checkpoints, MatrixGameConfig, NetworkConfig
    from model.picture_config import ClipConfig, VaeConfig

    mouse = changes.pop("mouse_dim", 2)
    window = changes.pop("window", 6)
    keyboard = changes.get("keyboard", ("forward", "back", "left", "right"))
    keys = len(keyboard) + changes.get("one_hot", False)
    actions = ActionConfig(
        layers=(0,),
        heads=2,
        mouse_dim=mouse,
        mouse_width=32,
        keyboard_dim=keys,
        keyboard_width=32,
        keyboard_embedding=8,
    )
    network = NetworkConfig(
        dim=24, layers=2, heads=2, ffn_dim=32, timestep_width=16, context_dim=16, window=window, actions=actions
    )
    settings = {
        "width": 64,
        "height": 32,
        "vocabulary": (("forward", "walk forward"), ("mouse", "look around")),
        "checkpoints": Checkpoints(NETWORK_FILE, VAE_FILE, CLIP_FILE, TINY_FILE),
        "tiny_widths": (8, 8, 8, 8),
        "network": network,
        "vae": VaeConfig(width=4),
        "clip": ClipConfig(image_size=28, dim=16, heads=2, layers=1),
    }
    return MatrixGameConfig(**(settings | changes))


def random_weights(module, seed: int = 0):
    """A state dict for a module that was made on the meta device."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, tensor in module.state_dict().items():
        # Gains about one and small everything else: the pictures then keep some contrast.
        gain = name.endswith("gamma") or ("norm" in name and name.endswith("weight"))
        fan = max(1, tensor[0].numel()) if tensor.ndim > 1 else 1
        noise = torch.randn(tensor.shape, generator=generator)
        weights[name] = 1 + 0.1 * noise if gain else noise * (0.1 if tensor.ndim < 2 else fan**-0.5)
    return weights


def write_weights(folder: Path, config) -> Path:
    """Official files of `config`'s sizes, with official names, prefixes and unused tensors."""
    import torch
    from safetensors.torch import save_file

    from model.checkpoint import on_meta
    from model.clip import ClipImageEncoder
    from model.matrix_game.network import MatrixGameNet
    from model.taehv import TinyDecoder
    from model.wan_vae import VaeDecoder, VaeEncoder

    folder.mkdir(parents=True, exist_ok=True)
    network = {
        f"model.{name}": tensor for name, tensor in random_weights(on_meta(MatrixGameNet, config.network)).items()
    }
    network["model.blocks.0.action_model.key_attn_q_norm.weight"] = torch.full((16,), 7.0)  # stored, never read
    save_file(network, folder / NETWORK_FILE)
    halves = [random_weights(on_meta(half, config.vae), 1) for half in (VaeEncoder, VaeDecoder)]
    torch.save(halves[0] | halves[1], folder / VAE_FILE)
    tower = random_weights(on_meta(ClipImageEncoder, config.clip), 2)
    torch.save(tower | {"textual.token": torch.zeros(3), "log_scale": torch.zeros(())}, folder / CLIP_FILE)
    tiny = random_weights(on_meta(TinyDecoder, config.tiny_widths), 3)
    save_file(tiny | {"encoder.0.weight": torch.zeros(2)}, folder / TINY_FILE)
    return folder


def write_world(folder: Path, config, **facts) -> Path:
    """A world of `config` in `folder`, with its weights in FOLDER/weights and a start picture."""
    write_weights(folder / "weights", config)
    gradient = np.linspace(0, 255, 96 * 160 * 3).reshape(96, 160, 3).astype(np.uint8)
    Image.fromarray(gradient).save(folder / "start.png")
    described = {
        "title": "Tiny Matrix",
        "summary": "random weights",
        "family": "matrix-game",
        "starts": ["start.png"],
        "files": {name: "" for name in (NETWORK_FILE, VAE_FILE, CLIP_FILE)},
        "config": write_settings(config),
    }
    (folder / "world.yaml").write_text(yaml.safe_dump(described | facts))
    return folder
