"""WorldPlay from its official files: what is in which, and whether they are the right ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from model.assembly import info_of
from model.checkpoint import fill, load, open_tensors, require_fit
from model.encoders.base import Conditioning
from model.fetch import weights_folder
from model.graph import Contract
from model.official import require_files
from model.placement import Placement, place, place_ahead
from model.progress import STEPS, UNWATCHED, Watcher
from model.prompts.embedder import Embedder
from model.world import LoadOptions, WorldInfo
from model.worldfile import WorldFile, identity
from model.worldplay.assemble import Parts, assemble, contracts
from model.worldplay.config import CHUNK, WorldPlayConfig
from model.worldplay.files import conditioning_of, config_of, cropped, located, official, storing
from model.worldplay.parts import decoder_of, encoder_of, network_layout, network_of, vae_layouts
from model.worldplay.picture import prepare
from model.worldplay.told import Picture, Text
from model.worldplay.world import WorldPlayWorld
from runtime.errors import UserError
from runtime.image import load_image

GUIDE = "docs/worldplay.md"


def load_world(folder: Path, described: WorldFile, options: LoadOptions) -> WorldPlayWorld:
    """The world of `folder`, with the weights of `options`, or of where --fetch puts them.

    What is quick to find wrong is looked at first: the start pictures, which files there are, the VAE's contents, what
    is stored of prompts.
    """
    starts = [load_image(folder / name).pixels for name in described.starts]
    placement = place(options)
    config, weights, digest = checked(folder, described, options)
    info = describe(folder.name, described.title, config, placement, digest, bool(starts))
    return assemble(config, info, parts_of(config, folder, weights, options, starts), placement, options)


def conditioning(folder: Path, described: WorldFile) -> Conditioning:
    """What the networks are told of text and of the start picture: see model/prompts."""
    return conditioning_of(config_of(folder, described))


def checked(folder: Path, described: WorldFile, options: LoadOptions) -> tuple[WorldPlayConfig, Path, str]:
    """The configuration, the folder of the weights and a digest over both, once all files are there and right.

    Of the encoders nothing is asked here: what is stored beside the world needs none.
    """
    if options.decoder != "full":
        raise UserError("there is no tiny decoder for this world", "--decoder", "leave it out")
    declared, weights = config_of(folder, described, options), options.weights or weights_folder(folder.name)
    config = located(declared, weights)
    require_files(folder.name, weights, official(config), GUIDE, described.source is not None)
    path, (layout, _) = weights / config.vae_file, vae_layouts(config)
    require_fit(encoder_of(config), open_tensors(path, layout), str(path))
    digests = {name: described.every_file.get(name, "") for name in (declared.checkpoint, declared.vae_file)}
    called = {declared.checkpoint: config.checkpoint}
    return config, weights, identity(weights, digests, declared, options.progress, called)


def parts_of(
    config: WorldPlayConfig, folder: Path, weights: Path, options: LoadOptions, starts: list[np.ndarray]
) -> Parts:
    """Raises UserError where prompts are stored and cannot be read."""
    wanted = conditioning_of(config)
    embedder = Embedder(wanted, weights, storing(folder, weights), progress=options.progress)

    def embed(prompt: str, where: Placement) -> Text:
        states = embedder.on(where.device).embed(prompt)
        found = [states.get(encoder.name) for encoder in wanted.texts]
        none = torch.empty(0, config.encoders.glyph.width)
        return Text(found[0], none if len(found) < 2 or found[1] is None else found[1])

    def see(pixels: np.ndarray, where: Placement) -> Picture:
        latent = encode_picture(pixels, config, weights, where, options.progress)
        states = embedder.on(where.device).see(cropped(pixels)) if wanted.picture else torch.empty(0, 0)
        return Picture(latent, states)

    return Parts(
        network=lambda where: load_network(config, weights, where, options.progress),
        decoder=lambda where: load_decoder(config, weights, where, options.progress),
        embed=embed,
        see=see,
        starts=starts,
    )


def contracts_of(folder: Path, described: WorldFile, options: LoadOptions) -> list[Contract]:
    """What the world computes, without playing it: for engines that are built ahead of time."""
    config, weights, digest = checked(folder, described, options)
    placement = place_ahead(options)
    parts = parts_of(config, folder, weights, options, [])
    return contracts(config, folder.name, digest, parts, placement)


def load_network(
    config: WorldPlayConfig, weights: Path, placement: Placement, progress: Watcher = UNWATCHED
) -> torch.nn.Module:
    path = weights / config.checkpoint
    tensors = open_tensors(path, network_layout(config))
    return fill(network_of(config), tensors, str(path), placement.device, placement.dtype, progress)


def load_decoder(
    config: WorldPlayConfig, weights: Path, placement: Placement, progress: Watcher = UNWATCHED
) -> torch.nn.Module:
    _, layout = vae_layouts(config)
    return load(decoder_of(config), weights / config.vae_file, layout, placement.device, placement.dtype, progress)


@torch.inference_mode()
def encode_picture(
    pixels: np.ndarray, config: WorldPlayConfig, weights: Path, placement: Placement, progress: Watcher = UNWATCHED
) -> torch.Tensor:
    """uint8 RGB [h, w, 3] of any size to its latent [C, h, w]: the posterior's mean, of which the official 5B draws.

    Loads the VAE's encoder, and lets it go.
    """
    layout, _ = vae_layouts(config)
    encoder = load(encoder_of(config), weights / config.vae_file, layout, placement.device, placement.dtype, progress)
    progress.stage("encoding", 1, STEPS)
    picture = torch.from_numpy(prepare(pixels, config.width, config.height).copy()).permute(2, 0, 1)
    clip = (picture.float() / 127.5 - 1)[None, :, None].to(placement.device, placement.dtype)
    (latent,) = encoder.encode(iter([clip]))
    return latent[0, :, 0]


def describe(
    name: str, title: str, config: WorldPlayConfig, placement: Placement, digest: str, has_start: bool
) -> WorldInfo:
    own = {"latent_frames_per_chunk": CHUNK, "takes_text": True, "context": config.memory.budget}
    return info_of(name, title, config, placement, digest, has_start, config.net.dim, **own)
