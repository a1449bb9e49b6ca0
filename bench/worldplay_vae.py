"""HY-WorldPlay's two VAEs on fixtures: how they are run, and what official configurations mean here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn as nn

from bench.parity import Fixture, module
from model.hunyuan_vae import HunyuanVaeDecoder, HunyuanVaeEncoder, flat
from model.memory import Memory
from model.picture_config import HunyuanVaeConfig, Wan22VaeConfig
from model.stream import StreamDecoder, StreamEncoder, grouped
from model.wan22_vae import Wan22VaeDecoder, Wan22VaeEncoder

Outputs = dict[str, torch.Tensor]


def hunyuan_config(official: dict) -> HunyuanVaeConfig:
    halvings = official["ffactor_spatial"].bit_length() - 1
    temporal = official["ffactor_temporal"].bit_length() - 1
    return HunyuanVaeConfig(
        channels=tuple(official["block_out_channels"]),
        latent_channels=official["latent_channels"],
        blocks=official["layers_per_block"],
        temporal=tuple(level >= halvings - temporal for level in range(halvings)),
        scaling=official["scaling_factor"],
    )


def wan_config(official: dict) -> Wan22VaeConfig:
    return Wan22VaeConfig(
        width=official["base_dim"],
        decoder_width=official["decoder_base_dim"] or official["base_dim"],
        latent_channels=official["z_dim"],
        multipliers=tuple(official["dim_mult"]),
        blocks=official["num_res_blocks"],
        temporal=tuple(official["temperal_downsample"]),
        mean=tuple(official["latents_mean"]),
        std=tuple(official["latents_std"]),
    )


@contextmanager
def recorded(layers: dict[str, nn.Module]) -> Iterator[dict[str, list[torch.Tensor]]]:
    """What each of these layers gives, call by call."""
    made: dict[str, list[torch.Tensor]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_hook(lambda _, given, out, name=name: made[name].append(out))
        for name, layer in layers.items()
    ]
    yield made
    for hook in hooks:
        hook.remove()


def encode(encoder: StreamEncoder, frames: torch.Tensor) -> torch.Tensor:
    return torch.cat(list(encoder.encode(grouped(frames, 2 ** sum(encoder.config.temporal)))), 2)


def decode(decoder: StreamDecoder, latents: torch.Tensor) -> torch.Tensor:
    memory = Memory()
    return torch.cat([decoder.decode(latent, memory) for latent in latents.split(1, 2)], 2)


def stages(made: dict[str, list[torch.Tensor]]) -> Outputs:
    """Every recorded layer's output, named by the latent that it is of."""
    return {f"{name}.latent{index}": part for name, parts in made.items() for index, part in enumerate(parts)}


def vae(fixture: Fixture) -> Outputs:
    """The VAE of the 8B model. Its fixtures hold latents that are not scaled, and pictures that are not clamped."""
    config, dtype = hunyuan_config(fixture.notes["vae_config"]), fixture.dtype
    encoder = module(HunyuanVaeEncoder, config, fixture, lambda name: name.startswith("encoder."))
    decoder = module(HunyuanVaeDecoder, config, fixture, lambda name: name.startswith("decoder."))
    inputs = {name: tensor.to(dtype) for name, tensor in fixture.inputs.items()}
    layers, outputs = decoder.decoder, {}
    if "video" in inputs:
        with recorded({"moments": encoder.encoder}) as made:
            outputs["enc_mode"] = encode(encoder, inputs["video"]) / config.scaling
        outputs["enc_parameters"] = torch.cat(made["moments"], 2)
    if "image" in inputs:
        outputs["image_mode_scaled"] = encode(encoder, inputs["image"])
    if "latents" not in inputs:
        return outputs
    watched = {f"up{number}": flat([level])[-1] for number, level in enumerate(layers.up)}
    watched |= {"mid": layers.mid["block_2"], "pictures": layers.conv_out}
    for name, causal in (("video_uncached", True), ("video", False)):
        layers.mid["attn_1"].causal = causal
        with recorded(watched) as made:
            decode(decoder, inputs["latents"] * config.scaling)
        outputs[name] = torch.cat(made.pop("pictures"), 2)
    return outputs | stages(made)


def vae_wan(fixture: Fixture) -> Outputs:
    """The VAE of the 5B variant, on fixtures recorded from diffusers: see tests/data/wan22_vae.json."""
    config, dtype = wan_config(fixture.notes["vae_config"]), fixture.dtype
    encoding = ("encoder.", "quant_conv.")
    encoder = module(Wan22VaeEncoder, config, fixture, lambda name: name.startswith(encoding))
    decoder = module(Wan22VaeDecoder, config, fixture, lambda name: not name.startswith(encoding))
    inputs = {name: tensor.to(dtype) for name, tensor in fixture.inputs.items()}
    layers, outputs = decoder.decoder, {}
    if "image" in inputs:
        outputs["image_latent"] = encode(encoder, inputs["image"])
    if "clip" in inputs:
        with recorded({"moments": encoder.quant_conv}) as made:
            outputs["clip_latents"] = encode(encoder, inputs["clip"])
        outputs["clip_parameters"] = torch.cat(made["moments"], 2)
    if "latents" not in inputs:
        return outputs
    watched = {f"up{number}": block for number, block in enumerate(layers.up_blocks)}
    with recorded({**watched, "patches": layers.conv_out}) as made:
        outputs["video"] = decode(decoder, inputs["latents"])
    return outputs | stages(made)
