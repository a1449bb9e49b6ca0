"""Encoders without networks, their files, and what they have stored, for tests of what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from model.encoders.base import EMPTY, Conditioning
from model.prompts.embedder import Embedder
from model.prompts.listed import FILE
from model.prompts.stored import Stored, write_stored

SIGN = 'a sign that reads "OPEN"'
PICTURE = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)


class Letters:
    """An encoder without a network: a row per letter. `upper` reads capitals only."""

    recipe = "letters 1"

    def __init__(self, name, width, most=9, upper=False):
        self.name, self.width, self.most, self.upper, self.calls = name, width, most, upper, []

    def files(self, weights):
        return [f"{self.name}/config.json", f"{self.name}/model.safetensors"]

    def _read(self, prompt):
        return [letter for letter in prompt if letter.isupper()] if self.upper else list(prompt)

    def reads(self, prompt):
        return bool(self._read(prompt))

    def encode(self, prompts, weights, device=None, progress=None):
        self.calls.append(list(prompts))
        rows = [[ord(letter) for letter in self._read(prompt)][: self.most] for prompt in prompts]
        return [torch.tensor(row, dtype=torch.float16)[:, None].repeat(1, self.width) for row in rows]


class Pixels(Letters):
    """One row for each of four corners."""

    def encode(self, pictures, weights, device=None, progress=None):
        self.calls.append([picture.shape for picture in pictures])
        corners = [picture[:: len(picture) - 1, :: picture.shape[1] - 1, 0].reshape(4, 1) for picture in pictures]
        return [torch.from_numpy(corner.copy()).to(torch.bfloat16).repeat(1, self.width) for corner in corners]


def half(pixels):
    return np.ascontiguousarray(pixels[::2, ::2])


def wanted_by_a_family() -> Conditioning:
    return Conditioning((Letters("long", 5), Letters("loud", 3, 4, upper=True)), Pixels("eye", 7, 4), half, "calm")


def write_files(wanted: Conditioning, folder: Path) -> Path:
    """Give `folder` every encoder's files."""
    for encoder in wanted.encoders:
        (folder / encoder.name).mkdir(parents=True)
        for name in encoder.files(folder):
            (folder / name).write_bytes(encoder.name.encode() * 5000)
    return folder


def stored_in(folder, wanted, weights, texts=(EMPTY, SIGN), pictures=(PICTURE,)) -> Stored:
    """Store these in `folder`; gives what was stored."""
    embedder = Embedder(wanted, weights)
    made = embedder.made(embedder.encode_texts(texts), embedder.encode_pictures(pictures))
    folder.mkdir(exist_ok=True)
    write_stored(folder / FILE, made)
    for encoder in wanted.encoders:
        encoder.calls.clear()
    return made


def same(a, b):
    return (a is None and b is None) or (a.dtype == b.dtype and torch.equal(a, b))
