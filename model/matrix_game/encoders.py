"""What Matrix-Game 2.0 is told of its start picture: made once per picture, by networks that are freed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model.checkpoint import load, on_meta, open_tensors, require_fit
from model.clip import ClipImageEncoder
from model.layout import Layout
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.picture import prepare
from model.placement import Placement
from model.progress import STEPS, UNWATCHED, Watcher
from model.wan_vae import VaeEncoder

MASK_CHANNELS = 4
# An image followed by grey: the encoder's memory ends, and from this latent frame on all are the same to the bit.
CONSTANT_FROM = 29
# The halves of the VAE's file.
ENCODER_LAYOUT = Layout(unused=("decoder.*", "conv2.*"))
DECODER_LAYOUT = Layout(unused=("encoder.*", "conv1.*"))


@dataclass(frozen=True)
class ImageCondition:
    """latents: [30, 20, h, w], 4 channels of mask and 16 of image latents, of latent frames 0 .. 29, the last for ever.

    visual: CLIP's tokens [257, context_dim].
    """

    latents: torch.Tensor
    visual: torch.Tensor

    def of(self, first: int, frames: int) -> torch.Tensor:
        """The condition of latent frames first .. first + frames - 1, [frames, 20, h, w]."""
        return torch.stack([self.latents[min(frame, CONSTANT_FROM)] for frame in range(first, first + frames)])

    def equals(self, other: ImageCondition) -> bool:
        """Whether all bits are the same."""
        return torch.equal(self.latents, other.latents) and torch.equal(self.visual, other.visual)


def encode_image(
    picture: np.ndarray, config: MatrixGameConfig, weights: Path, placement: Placement, progress: Watcher = UNWATCHED
) -> ImageCondition:
    """uint8 RGB [h, w, 3] of any size to its condition. Loads both encoders, one after the other, and lets them go."""
    pixels = torch.from_numpy(prepare(picture, config.width, config.height).copy()).permute(2, 0, 1)
    image = (pixels.float() / 127.5 - 1)[None].to(placement.device, placement.dtype)
    where = (config, weights, placement, progress)
    return ImageCondition(_latents(image, *where), _visual(image, *where))


def _latents(
    image: torch.Tensor, config: MatrixGameConfig, weights: Path, placement: Placement, progress: Watcher
) -> torch.Tensor:
    encoder = on_meta(VaeEncoder, config.vae)
    load(encoder, weights / config.checkpoints.vae, ENCODER_LAYOUT, placement.device, placement.dtype, progress)

    def clip() -> Iterator[torch.Tensor]:
        progress.stage("encoding", 1 + CONSTANT_FROM, STEPS)
        yield image.unsqueeze(2)
        for done in range(CONSTANT_FROM):
            progress.advance(1 + done)
            yield image.new_zeros(1, 3, 4, *image.shape[2:])

    latents = torch.cat(list(encoder.encode(clip())), 2)[0].transpose(0, 1)
    mask = latents.new_zeros(len(latents), MASK_CHANNELS, *latents.shape[2:])
    mask[0] = 1
    return torch.cat([mask, latents], 1)


def _visual(
    image: torch.Tensor, config: MatrixGameConfig, weights: Path, placement: Placement, progress: Watcher
) -> torch.Tensor:
    tower = on_meta(ClipImageEncoder, config.clip)
    layout = Layout(unused=config.clip.unused)
    load(tower, weights / config.checkpoints.clip, layout, placement.device, placement.dtype, progress)
    return tower(image)[0]


def require_encoders(config: MatrixGameConfig, weights: Path) -> None:
    """Raise UserError where a file of the encoders will not do, before a person has waited for all the others."""
    for encoder, name, layout in (
        (on_meta(VaeEncoder, config.vae), config.checkpoints.vae, ENCODER_LAYOUT),
        (on_meta(ClipImageEncoder, config.clip), config.checkpoints.clip, Layout(unused=config.clip.unused)),
    ):
        path = weights / name
        require_fit(encoder, open_tensors(path, layout), str(path))
