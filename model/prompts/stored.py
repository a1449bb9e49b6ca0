"""Stored: states of prompts and of start pictures, made before, in one safetensors file. Who has it needs no encoder.

Every prompt has the states of every encoder that reads it, every picture those of its encoder. The file says by what
they were made (model/encoders/base.py: fingerprint), and holds a SHA-256 over everything in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model.checkpoint import ACCEPTED
from model.encoders.base import Conditioning, Encoder, fingerprint, missing
from model.prompts.listed import AGAIN, DIGEST, FORMAT, PICTURE, VERSION, facts_of, opened, require_format
from runtime.errors import UserError, brief, reason_of

# By the names of the encoders: [tokens, width], None where an encoder does not read the prompt.
States = Mapping[str, torch.Tensor | None]


@dataclass(frozen=True, eq=False)
class Stored:
    """texts: by the prompt, exactly as it was given; pictures: by the SHA-256 of their pixels; made_by: fingerprints,
    by the names of the encoders, of those that have made anything here.
    """

    texts: Mapping[str, States] = field(default_factory=dict)
    pictures: Mapping[str, torch.Tensor] = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)

    def merged(self, newer: Stored) -> Stored:
        """Both together; of what is in both, the newer. Raises UserError where they are by different encoders."""
        for name in self.made_by.keys() & newer.made_by.keys():
            if self.made_by[name] != newer.made_by[name]:
                where = f"{self.made_by[name][:12]} and {newer.made_by[name][:12]}"
                raise UserError(f"stored prompts were made by two different {name}", where, "remove one of the files")
        return Stored(
            {**self.texts, **newer.texts}, {**self.pictures, **newer.pictures}, {**self.made_by, **newer.made_by}
        )


def write_stored(path: Path, stored: Stored) -> None:
    """Write the file, in the place of an older one, which stays whole until then; raises UserError."""
    from safetensors import SafetensorError
    from safetensors.torch import save

    prompts, tensors = list(stored.texts), {f"{PICTURE}{key}": states for key, states in stored.pictures.items()}
    for number, prompt in enumerate(prompts):
        tensors |= {f"{name}.{number}": tensor for name, tensor in stored.texts[prompt].items() if tensor is not None}
    tensors = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}  # none may share memory
    metadata = {"format": FORMAT, "version": VERSION, "prompts": json.dumps(prompts)}
    metadata["made_by"] = json.dumps(dict(stored.made_by), sort_keys=True)
    metadata["sha256"] = _digest(metadata, tensors)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(save(tensors, metadata))  # save_file's are for nobody else's eyes, as a kiosk's may be
        os.replace(draft, path)
    except (OSError, SafetensorError) as error:
        raise UserError("cannot store the prompts", f"{path}: {reason_of(error)}", "choose another --out") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    found = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def read_stored(path: Path, wanted: Conditioning) -> Stored:
    """Read the file whole, for a world that wants what `wanted` says; raises UserError for whatever does not fit."""
    metadata, tensors = _content(path)
    require_format(metadata, path)
    if metadata.pop("sha256", "") != _digest(metadata, tensors):
        raise UserError("the stored prompts are not as they were written", str(path), AGAIN)
    prompts, made_by = facts_of(metadata, path)
    texts = {prompt: _text(prompt, number, tensors, wanted, path) for number, prompt in enumerate(prompts)}
    pictures = _pictures(tensors, wanted, path)
    if tensors:
        what = f"stored by an encoder that this world has not: {brief(min(tensors))}"
        raise UserError(what, str(path), AGAIN)
    users = {name for states in texts.values() for name, tensor in states.items() if tensor is not None}
    users |= {wanted.picture.name} if pictures and wanted.picture else set()
    if users != made_by.keys():
        raise UserError("the stored prompts do not say what made them", str(path), AGAIN)
    return Stored(texts, pictures, made_by)


def _content(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """The file's metadata and tensors, whatever they are."""
    with opened(path, "pt") as (file, metadata):
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    if any(tensor.dtype not in ACCEPTED for tensor in tensors.values()):
        raise UserError("the stored prompts hold other things than states", str(path), AGAIN)
    return metadata, tensors


def _text(
    prompt: str, number: int, tensors: dict[str, torch.Tensor], wanted: Conditioning, path: Path
) -> dict[str, torch.Tensor | None]:
    """What is stored of one prompt, taken out of `tensors`."""
    states: dict[str, torch.Tensor | None] = {}
    for encoder in wanted.texts:
        states[encoder.name] = tensors.pop(f"{encoder.name}.{number}", None)
        if encoder.reads(prompt) != (states[encoder.name] is not None):
            what = f"the stored prompt {brief(prompt)} has not what {encoder.name} makes of it"
            raise UserError(what, str(path), AGAIN)
        if states[encoder.name] is not None:
            require_states(states[encoder.name], encoder, range(1, encoder.most + 1), path)
    return states


def _pictures(tensors: dict[str, torch.Tensor], wanted: Conditioning, path: Path) -> dict[str, torch.Tensor]:
    """What is stored of pictures, taken out of `tensors`."""
    pictures = {}
    for name in [name for name in tensors if name.startswith(PICTURE)]:
        key = name.removeprefix(PICTURE)
        if wanted.picture is None or not DIGEST.fullmatch(key):
            continue
        pictures[key] = tensors.pop(name)
        require_states(pictures[key], wanted.picture, range(wanted.picture.most, wanted.picture.most + 1), path)
    return pictures


def require_states(states: torch.Tensor, encoder: Encoder, counts: range, path: Path) -> None:
    """Raise UserError unless these can be states of `encoder`, as many as one of `counts`."""
    shape = list(states.shape)
    if len(shape) != 2 or shape[1] != encoder.width or shape[0] not in counts:
        most = f"at most {counts[-1]}" if len(counts) > 1 else str(counts[0])
        what = f"stored states of {encoder.name} are {shape}, where {most} of width {encoder.width} are wanted"
        raise UserError(what, str(path), AGAIN)
    if not states.isfinite().all():
        raise UserError(f"stored states of {encoder.name} are no numbers", str(path), AGAIN)


def require_same(stored: Stored, wanted: Conditioning, weights: Path, path: Path) -> None:
    """Raise UserError where the file was made by other encoders than those in `weights`, as far as these are there."""
    for encoder in wanted.encoders:
        theirs = stored.made_by.get(encoder.name)
        if theirs is None or missing(encoder, weights):
            continue
        try:
            ours = fingerprint(encoder, weights)
        except OSError as error:
            raise UserError("an encoder cannot be read", f"{weights}: {reason_of(error)}", "check the path") from error
        if ours != theirs:
            what = f"the stored states were made by another {encoder.name} than the one in {weights}"
            raise UserError(f"{what} ({theirs[:12]}, not {ours[:12]})", str(path), AGAIN)
