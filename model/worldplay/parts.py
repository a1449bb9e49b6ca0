"""The modules that WorldPlay's two variants are made of, on the meta device. Torch only."""

from __future__ import annotations

import torch.nn as nn

from model import hunyuan_vae, wan22_vae
from model.checkpoint import on_meta
from model.layout import Layout
from model.stream import StreamDecoder, StreamEncoder
from model.worldplay import network, wan_network
from model.worldplay.config import WorldPlayConfig


def network_of(config: WorldPlayConfig) -> nn.Module:
    kind = network.WorldPlayNet if config.network == "8b" else wan_network.WorldPlayWanNet
    return on_meta(kind, config.net)


def network_layout(config: WorldPlayConfig) -> Layout:
    """How the names of the official file become the network's."""
    return network.LAYOUT if config.network == "8b" else wan_network.LAYOUT


def decoder_of(config: WorldPlayConfig) -> StreamDecoder:
    kind = hunyuan_vae.HunyuanVaeDecoder if config.network == "8b" else wan22_vae.Wan22VaeDecoder
    return on_meta(kind, config.vae)


def encoder_of(config: WorldPlayConfig) -> StreamEncoder:
    kind = hunyuan_vae.HunyuanVaeEncoder if config.network == "8b" else wan22_vae.Wan22VaeEncoder
    return on_meta(kind, config.vae)


def vae_layouts(config: WorldPlayConfig) -> tuple[Layout, Layout]:
    """Those of the VAE's file for its encoder and its decoder."""
    module = hunyuan_vae if config.network == "8b" else wan22_vae
    return module.ENCODER_LAYOUT, module.DECODER_LAYOUT
