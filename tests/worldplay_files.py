"""A tiny WorldPlay as official files in a folder, its prompts stored beside a world, so that no encoder is needed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from matrix_fixtures import random_weights
from PIL import Image
from worldplay_fixtures import tiny_config

from model.settings import write_settings

# What is stored; the first is the world's own, and begins a walk in which nobody says anything.
TEXTS = ("a street", 'a sign that reads "OPEN"', "fog at dusk")
MARK = "ab" * 32  # stands for the fingerprint of an encoder that is not here
# Our names to the official ones: what is undone by LAYOUT of model/worldplay/network.py and of wan_network.py.
OFFICIAL = {
    "8b": ((r"^blocks\.(\d+)\.", r"double_blocks.\1.img_"), (r"^text_blocks\.(\d+)\.", r"double_blocks.\1.txt_")),
    "5b": (
        (r"^(time|text|action)_embedding\.0\.", r"condition_embedder.\1_embedder.linear_1."),
        (r"^(time|text|action)_embedding\.2\.", r"condition_embedder.\1_embedder.linear_2."),
        (r"^time_projection\.1\.", "condition_embedder.time_proj."),
        (r"^head\.modulation$", "scale_shift_table"),
        (r"^head\.head\.", "proj_out."),
        (r"\.modulation$", ".scale_shift_table"),
        (r"\.self_attn\.", ".attn1."),
        (r"\.cross_attn\.", ".attn2."),
        (r"\.o_prope\.", ".to_out_prope.0."),
        (r"\.o\.", ".to_out.0."),
        (r"\.([qkv])\.", r".to_\1."),
        (r"\.norm3\.", ".norm2."),
        (r"\.ffn\.0\.", ".ffn.net.0.proj."),
        (r"\.ffn\.2\.", ".ffn.net.2."),
    ),
}


def stored_config(network: str = "8b", **changes):
    """`tiny_config` with encoders as wide as its network wants, and the official names of its files."""
    from model.encoders.glyph import GlyphByT5
    from model.encoders.qwen import Qwen
    from model.encoders.siglip import Siglip
    from model.encoders.umt5 import Umt5
    from model.worldplay.config import Encoders

    own = {"checkpoint": "wan_distilled_model/model.pt"} if network == "5b" else {}
    vocabulary = (("mouse", "look around"), ("forward", "walk forward"))
    config = tiny_config(network, **({"prompt": TEXTS[0], "vocabulary": vocabulary} | own | changes))
    eight, five = config.hunyuan, config.wan
    encoders = Encoders(
        Qwen(width=eight.language, most=eight.language_tokens),
        GlyphByT5(width=eight.glyph, most=eight.glyph_tokens),
        Siglip(width=eight.picture, most=eight.picture_tokens),
        Umt5(width=five.language, most=five.language_tokens),
    )
    return replace(config, encoders=encoders)


def official(name: str, network: str) -> str:
    """The official name of our parameter."""
    for pattern, replacement in OFFICIAL[network]:
        name = re.sub(pattern, replacement, name)
    return name


def network_weights(config) -> dict:
    """The transformer's weights under our names."""
    from model.worldplay.parts import network_of

    return random_weights(network_of(config))


def vae_weights(config) -> dict:
    """Those of both halves of the VAE, whose names are the official ones."""
    from model.worldplay.parts import decoder_of, encoder_of

    return random_weights(encoder_of(config), 1) | random_weights(decoder_of(config), 2)


def write_tensors(path: Path, tensors: dict, inside: str = "") -> Path:
    """A safetensors file, or a .pt with the tensors under the key `inside`."""
    import torch
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({inside: tensors} if inside else tensors, path)
    return path


def official_network(config) -> dict:
    """The transformer's weights as its file has them."""
    prefix = "model." if config.network == "5b" else ""
    return {f"{prefix}{official(name, config.network)}": value for name, value in network_weights(config).items()}


def write_weights(folder: Path, config) -> Path:
    """The official files of `config`'s sizes."""
    write_tensors(folder / config.checkpoint, official_network(config), "generator")
    write_tensors(folder / config.vae_file, vae_weights(config))
    return folder


def start_picture() -> np.ndarray:
    return np.linspace(0, 255, 48 * 80 * 3).reshape(48, 80, 3).astype(np.uint8)


def states(what: object, tokens: int, width: int):
    """States of an encoder that is not here: a function of `what`, in the type of stored ones."""
    import torch

    seed = int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6], "big")
    return torch.randn(tokens, width, generator=torch.Generator().manual_seed(seed)).half()


def write_prompts(folder: Path, config, texts=TEXTS, pictures=()) -> Path:
    """States of `texts`, the empty one among them, and of the start picture and others, in `folder`."""
    from model.encoders.base import EMPTY, pixels_digest
    from model.prompts.listed import FILE
    from model.prompts.stored import Stored, write_stored
    from model.worldplay.files import conditioning_of, cropped

    wanted, made = conditioning_of(config), {}
    for text in (EMPTY, *texts):
        made[text] = {
            encoder.name: states((encoder.name, text), 1 + len(text) % encoder.most, encoder.width)
            if encoder.reads(text)
            else None
            for encoder in wanted.texts
        }
    eye, seen = wanted.picture, {}
    for pixels in (start_picture(), *pictures) if eye else ():
        digest = pixels_digest(cropped(pixels))
        seen[digest] = states(digest, eye.most, eye.width)
    users = {name for mine in made.values() for name, tensor in mine.items() if tensor is not None}
    write_stored(folder / FILE, Stored(made, seen, dict.fromkeys(users | ({eye.name} if seen else set()), MARK)))
    return folder / FILE


def write_world(folder: Path, config, **facts) -> Path:
    """A world of `config` in `folder`, its weights in FOLDER/weights, a start picture, and what is stored of both."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "weights", config)
    Image.fromarray(start_picture()).save(folder / "start.png")
    write_prompts(folder, config)
    described = {
        "title": "Tiny WorldPlay",
        "summary": "random weights",
        "family": "worldplay",
        "starts": ["start.png"],
        "files": {config.checkpoint: "", config.vae_file: ""},
        "config": write_settings(config),
    }
    (folder / "world.yaml").write_text(yaml.safe_dump(described | facts), encoding="utf-8")
    return folder
