"""Which of WorldPlay's official files play needs, by which names: what loading asks, and who only looks. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.encoders.base import EMPTY, Conditioning, pixels_digest
from model.official import Lack, absent
from model.prompts.listed import asked, lack_of, list_stored
from model.settings import read_settings
from model.world import LoadOptions
from model.worldfile import WorldFile
from model.worldplay.config import CHUNK, WorldPlayConfig
from model.worldplay.picture import bucket, prepare
from runtime.errors import UserError

# What the official downloader calls a checkpoint, beside its name on the hub.
ALSO = "diffusion_pytorch_model.safetensors"


def config_of(folder: Path, described: WorldFile, options: LoadOptions | None = None) -> WorldPlayConfig:
    """The settings of a world; a person may have it look back on less, or more (LoadOptions.context)."""
    config = read_settings(WorldPlayConfig, described.config, str(folder / "world.yaml"))
    require_states(config, str(folder / "world.yaml"))
    if options is None or options.context in (None, config.memory.budget):
        return config
    try:
        return replace(config, memory=config.memory.limited(options.context))
    except ValueError as error:
        remedy = f"give a multiple of {CHUNK}, {config.most_context} at most"
        raise UserError(str(error), "--context", remedy) from error


def require_states(config: WorldPlayConfig, where: str) -> None:
    """Raise UserError unless the encoders give the states that the network takes."""
    net, encoders = config.net, config.encoders
    taken = {encoders.umt5: (net.language_tokens, net.language)}
    if config.network == "8b":
        taken = {
            encoders.qwen: (net.language_tokens, net.language),
            encoders.glyph: (net.glyph_tokens, net.glyph),
            encoders.siglip: (net.picture_tokens, net.picture),
        }
    for encoder, (most, width) in taken.items():
        if (encoder.most, encoder.width) != (most, width):
            given = f"{encoder.most} states of {encoder.width} of {encoder.name}"
            remedy = "correct one of both, or restore the file from the repository"
            raise UserError(f"the network takes {most} states of {width}, not {given}", where, remedy)


def conditioning_of(config: WorldPlayConfig) -> Conditioning:
    encoders = config.encoders
    if config.network == "5b":
        return Conditioning((encoders.umt5,), prompt=config.prompt)
    return Conditioning((encoders.qwen, encoders.glyph), encoders.siglip, cropped, config.prompt)


def cropped(pixels: np.ndarray) -> np.ndarray:
    """A start picture as the picture's encoder is given it: in the size of its bucket, whatever size is dreamt in."""
    return prepare(pixels, *bucket(pixels.shape[1], pixels.shape[0]))


def located(config: WorldPlayConfig, weights: Path) -> WorldPlayConfig:
    """`config` with the checkpoint by that of its accepted names which is in `weights`; its own where none is."""
    other = str(Path(config.checkpoint).with_name(ALSO))
    found = absent(weights, [config.checkpoint]) and not absent(weights, [other])
    return replace(config, checkpoint=other) if found else config


def official(config: WorldPlayConfig) -> list[str]:
    """The files without which there is nothing to load."""
    return [config.checkpoint, config.vae_file]


def storing(folder: Path, weights: Path) -> tuple[Path, ...]:
    """Where states of prompts and pictures may be stored, best first."""
    return folder, weights


def lacking(folder: Path, described: WorldFile, weights: Path, starts: Sequence[np.ndarray]) -> Lack:
    """What play lacks that begins from the world's own pictures, `starts`, and in which nobody says anything.

    By the names of files, and of what is stored: an encoder is wanted only for what is not. Raises UserError.
    """
    config = located(config_of(folder, described), weights)
    texts = [config.prompt or EMPTY, *([EMPTY] if config.guided else [])]
    pictures = (pixels_digest(cropped(start)) for start in starts)
    encoders = asked(conditioning_of(config), list_stored(storing(folder, weights)), texts, pictures)
    lack = lack_of(encoders, weights)
    return replace(lack, files=(*absent(weights, official(config)), *lack.files))
