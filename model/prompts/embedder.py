"""Embedder: the states of a prompt or of a start picture: from what is stored, from memory, or by an encoder.

Stored states are looked at first, so that a machine that has them needs no encoder, and gives the same ones as the
machine that made them. It is not thread safe: a world's thread owns it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from model.encoders.base import EMPTY, Conditioning, Encoder, fingerprint, pixels_digest
from model.encoders.loading import INSTALL
from model.progress import UNWATCHED, Watcher
from model.prompts.listed import asked, files_in, lack_of
from model.prompts.stored import States, Stored, read_stored, require_same
from runtime.errors import UserError, brief

KEPT = 16  # prompts and pictures in memory, a few MB each
LISTED = 8  # stored prompts that an error line names


class Embedder:
    """`folders` are where states are stored, best first; `weights` has encoders' files, if any; `device` computes."""

    def __init__(
        self,
        wanted: Conditioning,
        weights: Path,
        folders: Sequence[Path] = (),
        device: torch.device | str = "cpu",
        progress: Watcher = UNWATCHED,
    ) -> None:
        self._wanted, self._weights, self._progress = wanted, weights, progress
        self._device = torch.device(device)
        self.stored = Stored()
        for path in reversed(files_in(folders)):
            found = read_stored(path, wanted)
            require_same(found, wanted, weights, path)
            self.stored = self.stored.merged(found)
        self._kept: OrderedDict[str, States | torch.Tensor] = OrderedDict()

    def on(self, device: torch.device) -> Embedder:
        """This one; what has to be encoded from now on is encoded there."""
        self._device = device
        return self

    def embed(self, prompt: str) -> States:
        """The states of `prompt` by encoder, on the CPU; raises UserError where there is no way to them."""
        prompt = prompt or EMPTY
        if (found := self.stored.texts.get(prompt)) is not None:
            return found
        key = f"text {prompt}"
        if key not in self._kept:
            if why := self._absent(asked(self._wanted, self.stored, [prompt])):
                texts = [text for text in self.stored.texts if text != EMPTY]
                known = ", ".join(brief(text) for text in texts[:LISTED]) or "none"
                raise UserError(f"the text {brief(prompt)} is not stored, and {why}", f"stored: {known}", INSTEAD)
            self._kept[key] = self.encode_texts([prompt])[prompt]
        return self._remembered(key)

    def see(self, pixels: np.ndarray) -> torch.Tensor:
        """The states of a start picture, which the family has prepared, uint8 RGB [h, w, 3]; raises UserError."""
        digest = pixels_digest(pixels)
        if (found := self.stored.pictures.get(digest)) is not None:
            return found
        key = f"picture {digest}"
        if key not in self._kept:
            if why := self._absent(asked(self._wanted, self.stored, [], [digest])):
                what = f"the start picture is not stored, and {why}"
                raise UserError(what, f"stored: {len(self.stored.pictures)} pictures", INSTEAD)
            self._kept[key] = self.encode_pictures([pixels])[digest]
        return self._remembered(key)

    def encode_texts(self, prompts: Sequence[str]) -> dict[str, States]:
        """The states of all `prompts`, made anew: each encoder is read once, one after the other."""
        made: dict[str, dict[str, torch.Tensor | None]] = {prompt or EMPTY: {} for prompt in prompts}
        for encoder in self._wanted.texts:
            read = [prompt for prompt in made if encoder.reads(prompt)]
            found = encoder.encode(read, self._weights, self._device, self._progress) if read else []
            states = dict(zip(read, found, strict=True))
            for prompt, mine in made.items():
                mine[encoder.name] = states.get(prompt)
        return made

    def encode_pictures(self, pictures: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """The states of all `pictures`, made anew, by the SHA-256 of their pixels."""
        different = {pixels_digest(pixels): pixels for pixels in pictures}
        states = self._wanted.picture.encode([*different.values()], self._weights, self._device, self._progress)
        return dict(zip(different, states, strict=True))

    def made(self, texts: dict[str, States], pictures: dict[str, torch.Tensor]) -> Stored:
        """What was encoded just now, as it is stored."""
        names = {name for states in texts.values() for name, tensor in states.items() if tensor is not None}
        names |= {self._wanted.picture.name} if pictures else set()
        encoders = [encoder for encoder in self._wanted.encoders if encoder.name in names]
        return Stored(texts, pictures, {encoder.name: fingerprint(encoder, self._weights) for encoder in encoders})

    def _remembered(self, key: str) -> States | torch.Tensor:
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _absent(self, encoders: Sequence[Encoder]) -> str:
        """Why these cannot be asked, in words; empty where they can."""
        lack = lack_of(encoders, self._weights)
        if packages := lack.packages:
            return f"{', '.join(packages)} {'is' if len(packages) == 1 else 'are'} not installed"
        more = f" and {len(lack.files) - 1} more" if len(lack.files) > 1 else ""
        return f"{self._weights} has no {lack.files[0]}{more}" if lack.files else ""


INSTEAD = f"choose one that is stored, fetch the encoders and {INSTALL}, or store it elsewhere: python -m model.prompts"
