"""Matrix-Game 2.0 from its official files: what is in which, and whether they are the right ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

from model.assembly import info_of
from model.checkpoint import fill, load, on_meta, open_tensors
from model.fetch import weights_folder
from model.graph import Contract
from model.layout import Layout
from model.matrix_game.assemble import Parts, assemble, contracts
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.encoders import DECODER_LAYOUT, encode_image, require_encoders
from model.matrix_game.files import config_of, official
from model.matrix_game.network import UNUSED, MatrixGameNet
from model.matrix_game.world import MatrixGameWorld
from model.official import require_files
from model.placement import Placement, place, place_ahead
from model.progress import UNWATCHED, Watcher
from model.taehv import IGNORED, TinyDecoder
from model.wan_vae import VaeDecoder
from model.world import LoadOptions, WorldInfo
from model.worldfile import WorldFile, identity
from runtime.errors import UserError
from runtime.image import load_image

# The distilled files were saved from a wrapper.
NETWORK_LAYOUT = Layout(strip=("model.",), unused=UNUSED)
KEYBOARD = "blocks.0.action_model.keyboard_embed.0.weight"  # [embedding, keyboard_dim]: tells the variants apart
GUIDE = "docs/matrix-game-2.md"
VARIANTS = {4: "matrix-game-2", 2: "matrix-game-2-gta-drive", 7: "matrix-game-2-templerun"}


def load_world(folder: Path, described: WorldFile, options: LoadOptions) -> MatrixGameWorld:
    """The world of `folder`, with the weights of `options`, or of where --fetch puts them.

    What is quick to find wrong is looked at first: the start pictures, which files there are, the encoders' contents.
    """
    starts = [load_image(folder / name).pixels for name in described.starts]
    placement = place(options)
    config, weights, digest = checked(folder, described, options)
    info = describe(folder.name, described.title, config, placement, digest, bool(starts))
    return assemble(config, info, parts_of(config, weights, options, starts), placement, options)


def checked(folder: Path, described: WorldFile, options: LoadOptions) -> tuple[MatrixGameConfig, Path, str]:
    """The configuration, the folder of the weights and a digest over both, once all files are there and right."""
    config, weights = config_of(folder, described), options.weights or weights_folder(folder.name)
    files = official(config)
    require_files(folder.name, weights, files, GUIDE, fetchable=described.source is not None)
    if options.decoder == "tiny":
        require_files(folder.name, weights, [config.checkpoints.tiny], GUIDE, fetchable=False)
        files.append(config.checkpoints.tiny)
    require_encoders(config, weights)
    digests = {name: described.files.get(name, "") for name in files}
    return config, weights, identity(weights, digests, config, options.progress)


def parts_of(config: MatrixGameConfig, weights: Path, options: LoadOptions, starts: list[np.ndarray]) -> Parts:
    sketch = partial(on_meta, VaeDecoder, config.vae)
    if options.decoder == "tiny":
        sketch = partial(on_meta, TinyDecoder, config.tiny_widths)
    return Parts(
        network=lambda place: load_network(config, weights, place, options.progress),
        decoder=lambda place: load_decoder(config, weights, place, options.decoder, options.progress),
        sketch=sketch,
        encode=lambda picture, place: encode_image(picture, config, weights, place, options.progress),
        starts=starts,
    )


def contracts_of(folder: Path, described: WorldFile, options: LoadOptions) -> list[Contract]:
    """What the world computes, without playing it: for engines that are built ahead of time."""
    config, weights, digest = checked(folder, described, options)
    placement = place_ahead(options)
    return contracts(config, folder.name, digest, parts_of(config, weights, options, []), placement)


def load_network(
    config: MatrixGameConfig, weights: Path, placement: Placement, progress: Watcher = UNWATCHED
) -> MatrixGameNet:
    """The transformer; a checkpoint of another variant is named as such."""
    path = weights / config.checkpoints.network
    tensors = open_tensors(path, NETWORK_LAYOUT)
    keyboard = tensors.get(KEYBOARD)
    wanted = config.network.actions.keyboard_dim
    if keyboard is not None and keyboard.ndim == 2 and keyboard.shape[1] != wanted:
        other = VARIANTS.get(keyboard.shape[1])
        remedy = f"play it with --world {other}" if other else "choose the world that it belongs to"
        what = f"a checkpoint of another variant: its keyboard has {keyboard.shape[1]} columns, not {wanted}"
        raise UserError(what, str(path), remedy)
    net = on_meta(MatrixGameNet, config.network)
    return fill(net, tensors, str(path), placement.device, placement.dtype, progress)


def load_decoder(
    config: MatrixGameConfig, weights: Path, placement: Placement, kind: str, progress: Watcher = UNWATCHED
) -> torch.nn.Module:
    if kind == "tiny":
        tiny, layout = on_meta(TinyDecoder, config.tiny_widths), Layout(unused=IGNORED)
        return load(tiny, weights / config.checkpoints.tiny, layout, placement.device, placement.dtype, progress)
    full = on_meta(VaeDecoder, config.vae)
    return load(full, weights / config.checkpoints.vae, DECODER_LAYOUT, placement.device, placement.dtype, progress)


def describe(
    name: str, title: str, config: MatrixGameConfig, placement: Placement, digest: str, has_start: bool
) -> WorldInfo:
    own = {"latent_frames_per_chunk": config.network.chunk, "held_columns": config.keyboard}
    return info_of(name, title, config, placement, digest, has_start, config.network.dim, **own)
