"""SigLIP as HunyuanVideo 1.5 looks at a start picture: the last states of its vision tower, one for each patch.

The specification of WorldPlay, section 10; Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training". The
pooling head is not used, so it is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image

from model.encoders import loading
from model.encoders.base import CPU
from model.layout import RESTORE, Layout
from model.progress import STEPS, UNWATCHED, Watcher
from runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    import torch.nn as nn


@dataclass(frozen=True)
class Siglip:
    """`folder` is that of a repository in which FLUX.1-Redux-dev's image_encoder and feature_extractor are."""

    name: ClassVar[str] = "siglip"
    recipe: ClassVar[str] = "siglip last_hidden_state 1"

    folder: str = "vision_encoder/siglip"
    width: int = 1152
    most: int = 729

    @property
    def config(self) -> str:
        return f"{self.folder}/image_encoder/config.json"

    @property
    def extractor(self) -> str:
        return f"{self.folder}/feature_extractor/preprocessor_config.json"

    def files(self, weights: Path) -> list[str]:
        return [self.config, self.extractor, *loading.weight_files(weights, f"{self.folder}/image_encoder")]

    def encode(
        self,
        pictures: Sequence[np.ndarray],
        weights: Path,
        device: torch.device | str = CPU,
        progress: Watcher = UNWATCHED,
    ) -> list[torch.Tensor]:
        """See PictureEncoder."""
        loading.prepare()
        config, extractor = self._config(weights), Extractor.read(weights / self.extractor)
        inputs = [extractor.prepared(picture, config.image_size) for picture in pictures]
        files = [weights / name for name in loading.weight_files(weights, f"{self.folder}/image_encoder")]
        return loading.borrowed(
            lambda: sketch(config), files, RECIPE, device, progress, lambda net: look(net, inputs, progress)
        )

    def _config(self, weights: Path):
        from transformers import SiglipVisionConfig

        path = weights / self.config
        values = loading.read_json(path) | {"vision_use_head": False}
        config = loading.config_of(SiglipVisionConfig, values, path)
        loading.require_width(config.hidden_size, self.width, path)
        if (config.image_size // config.patch_size) ** 2 != self.most:
            what = f"another encoder: {config.image_size} pixels in patches of {config.patch_size}"
            raise UserError(what, str(path), RESTORE)
        return config


@dataclass(frozen=True)
class Extractor:
    """What a picture is made into: squared to the network's size by `resample`, Pillow's number of a filter, then
    (pixel * scale - mean) / std per channel.
    """

    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> Extractor:
        """From the file of the library's image processor; raises UserError."""
        values = loading.read_json(path)
        try:
            mean, std = (tuple(float(v) for v in values[name]) for name in ("image_mean", "image_std"))
            resample = Image.Resampling(values["resample"])
            found = cls(resample, float(values["rescale_factor"]), mean, std)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"no settings of an image processor: {error!r}", str(path), RESTORE) from error
        if len(mean) != 3 or len(std) != 3 or 0 in std:
            raise UserError("no settings of an image processor: its channels are not three", str(path), RESTORE)
        return found

    def prepared(self, picture: np.ndarray, size: int) -> torch.Tensor:
        """uint8 RGB [h, w, 3] to float32 [1, 3, size, size]."""
        import torch

        squared = Image.fromarray(picture).resize((size, size), self.resample)
        pixels = torch.from_numpy(np.array(squared)).float() * self.scale
        return ((pixels - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)[None]


def sketch(config) -> nn.Module:
    from transformers import SiglipVisionModel

    network = SiglipVisionModel(config)
    return getattr(network, "vision_model", network)  # within which older versions of the library have everything


def number(network: nn.Module) -> None:
    """Number the patches."""
    import torch

    embeddings = network.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions)[None]


RECIPE = loading.Recipe(Layout(strip=("vision_model.",), unused=("head.*",)), "float16", "float32", number)


def look(network: nn.Module, inputs: Sequence[torch.Tensor], progress: Watcher) -> list[torch.Tensor]:
    """The states of every prepared picture, [patches, width] on the CPU."""
    weight, found = next(network.parameters()), []
    progress.stage("encoding", len(inputs), STEPS)
    for done, pixels in enumerate(inputs):
        progress.advance(done)
        seen = network(pixel_values=pixels.to(weight.device, weight.dtype)).last_hidden_state[0]
        found.append(loading.checked(seen))
    return found
