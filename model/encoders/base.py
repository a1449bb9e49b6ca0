"""Encoder: what makes states of text and of pictures, as families and stored embeddings see it. Loads nothing.

An encoder is a frozen dataclass that says which of its files lies where in a folder of weights, without torch. Its
network is read for one call and let go. Several may be needed for one prompt; each has a name, by which its states are
known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from model.official import absent
from model.progress import UNWATCHED, Watcher

if TYPE_CHECKING:
    import torch

# What a fingerprint looks at in each file: so many pieces of so many bytes, from its beginning to its end.
PIECES, PIECE = 16, 4096
# What stands for no text at all: official code sends one space to encoders that must be sent something.
EMPTY = " "
CPU = "cpu"


class Encoder(Protocol):
    """`name` in stored files, `width` of a state, `most` states of a text or a picture.

    `recipe` changes when the same files give other states: it is part of what stored embeddings are known by.
    """

    name: str
    recipe: str
    width: int
    most: int

    def files(self, weights: Path) -> list[str]:
        """The names, relative to `weights`, of all files that it reads; raises UserError where an index is damaged."""


class TextEncoder(Encoder, Protocol):
    def reads(self, prompt: str) -> bool:
        """Whether anything in `prompt` is for this encoder."""

    def encode(
        self, prompts: Sequence[str], weights: Path, device: torch.device | str = CPU, progress: Watcher = UNWATCHED
    ) -> list[torch.Tensor]:
        """The states of each prompt that it reads, [1 .. most, width] on the CPU; raises UserError."""


class PictureEncoder(Encoder, Protocol):
    def encode(
        self,
        pictures: Sequence[np.ndarray],
        weights: Path,
        device: torch.device | str = CPU,
        progress: Watcher = UNWATCHED,
    ) -> list[torch.Tensor]:
        """The states of each picture, uint8 RGB [h, w, 3], as [most, width] on the CPU; raises UserError."""


@dataclass(frozen=True)
class Conditioning:
    """What a family's networks are told of text and of start pictures.

    `prepare` makes of a start picture, uint8 RGB of any size, the one that the picture's encoder is given. prompt: what
    they are told where a person says nothing.
    """

    texts: tuple[TextEncoder, ...]
    picture: PictureEncoder | None = None
    prepare: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels
    prompt: str = ""

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        return (*self.texts, self.picture) if self.picture else self.texts


def missing(encoder: Encoder, weights: Path) -> list[str]:
    """The encoder's files that are not in `weights`."""
    return absent(weights, encoder.files(weights))


def fingerprint(encoder: Encoder, weights: Path) -> str:
    """What tells the encoder in `weights` from another: a SHA-256 over its recipe and its files' names, sizes, pieces.

    Sixteen gigabytes are not read for it, so it is no guard against one who means to deceive. Raises OSError.
    """
    whole = hashlib.sha256(f"{encoder.recipe}\n".encode())
    for name in sorted(encoder.files(weights)):
        with (weights / name).open("rb") as file:
            size = file.seek(0, 2)
            whole.update(f"{name} {size}\n".encode())
            for piece in range(PIECES):
                file.seek(max(0, size - PIECE) * piece // (PIECES - 1))
                whole.update(file.read(PIECE))
    return whole.hexdigest()


def pixels_digest(pixels: np.ndarray) -> str:
    """The SHA-256 of a picture's size and pixels, in hex."""
    return hashlib.sha256(f"{pixels.shape}\n".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
