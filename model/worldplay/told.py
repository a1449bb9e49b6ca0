"""What WorldPlay is told of text and of its start picture, and how it gets into the graphs' buffers. Torch only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from compile.runner import Runner
from model.placement import Placement
from model.rings import Rings
from model.worldplay.config import NetworkConfig, WanConfig
from model.worldplay.graphs import suffix


@dataclass(frozen=True)
class Text:
    """The encoders' states: language [tokens, width]; glyph [tokens, width], of which there may be none."""

    language: torch.Tensor
    glyph: torch.Tensor

    def to(self, placement: Placement) -> Text:
        return Text(*(part.to(placement.device, placement.dtype) for part in (self.language, self.glyph)))


@dataclass(frozen=True)
class Picture:
    """latent: the encoded picture [C, h, w]; states: what the picture's encoder makes of it, none for the 5B."""

    latent: torch.Tensor
    states: torch.Tensor

    def to(self, placement: Placement) -> Picture:
        return Picture(*(part.to(placement.device, placement.dtype) for part in (self.latent, self.states)))

    def condition(self, frames: list[int]) -> torch.Tensor:
        """What lies beside the 8B's latent frames of these numbers, [frames, C + 1, h, w]: the picture and a mask."""
        made = self.latent.new_zeros(len(frames), len(self.latent) + 1, *self.latent.shape[1:])
        for place, frame in enumerate(frames):
            if frame == 0:
                made[place, :-1], made[place, -1] = self.latent, 1
        return made


def padded(states: torch.Tensor, rows: int) -> torch.Tensor:
    """[n, ...] to [rows, ...], zeros behind."""
    return torch.cat([states, states.new_zeros(rows - len(states), *states.shape[1:])])


def put_text(text: Text, picture: Picture, network: Runner, config: NetworkConfig | WanConfig, rings: Rings, row: str):
    """Have a row's caches hold `text`, with the picture's states where there are any. The slots are void then."""
    language = text.language[: config.language_tokens]
    network.put(f"{row}text.language", padded(language, config.language_tokens))
    graph = f"text{suffix(row)}"
    if not isinstance(config, NetworkConfig):
        network.run(graph)
        return
    glyph = text.glyph[: config.glyph_tokens]
    counts = config.picture_tokens, len(glyph), len(language)
    network.put("text.picture", picture.states)
    network.put(f"{row}text.glyph", padded(glyph, config.glyph_tokens))
    there, order = arranged(counts, (config.picture_tokens, config.glyph_tokens, config.language_tokens))
    network.put(f"{row}text.there", there[-config.language_tokens :])
    network.put(f"{row}text.order", order)
    network.put(f"{row}text.mask", np.arange(len(there)).reshape(1, 1, 1, -1) < sum(counts))
    rings.tell(sum(counts))
    network.run(graph, (len(language), len(glyph)))


def arranged(counts: tuple[int, ...], most: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Which of all tokens are there, bool [sum(most)], and their order with those in front, int64."""
    there = np.concatenate([np.arange(room) < count for count, room in zip(counts, most, strict=True)])
    return there, np.argsort(~there, kind="stable")
