"""Checkpoint files into modules: lazily, strictly, and never by running what is in them. Torch only.

Files are safetensors, or `.pt`/`.pth` that hold nothing but tensors. They are mapped, not read: a tensor's bytes are
touched when it goes to its device and type, and where neither changes, the mapping is the module's memory. What a file
calls its tensors is data (model/layout.py); every name has to find its place.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
import torch.nn as nn

from model.layout import PLAIN, RESTORE, Layout
from model.progress import BYTES, UNWATCHED, Tally, Watcher
from runtime.errors import UserError, first_sentence

ACCEPTED = (torch.float32, torch.float16, torch.bfloat16)
NAMED = 6  # of each kind of mistake, that one line can hold
PICKLED = (b"PK", b"\x80")  # how archives of torch begin, and its files of before 2020


def open_tensors(path: Path, layout: Layout = PLAIN) -> Mapping[str, torch.Tensor]:
    """The file's tensors under our names, mapped on the CPU; raises UserError for what is no checkpoint."""
    if not path.is_file():
        raise UserError(
            "a checkpoint file is missing", str(path), "fetch it (play.py --fetch WORLD) or correct --weights"
        )
    if path.stat().st_size == 0:
        raise UserError("the checkpoint is an empty file", str(path), RESTORE)
    tensors = _open_safetensors(path) if path.suffix == ".safetensors" else _open_pickled(path)
    for key in layout.inside:
        if isinstance(tensors.get(key), Mapping):
            tensors = tensors[key]
    strangers = [str(name) for name, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if strangers:
        raise UserError(f"the file holds more than tensors: {listed(strangers)}", str(path), RESTORE)
    named = ((layout.name(name), tensor) for name, tensor in tensors.items())
    return {name: tensor for name, tensor in named if name is not None}


def _open_safetensors(path: Path) -> Mapping:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"the checkpoint is truncated or damaged: {error}", str(path), RESTORE) from error


def _open_pickled(path: Path) -> Mapping:
    try:
        with path.open("rb") as file:
            if not file.read(4).startswith(PICKLED):
                raise ValueError("it does not begin like one")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's doubts about how a pickle was written: what it holds decides
            content = _unpickle_tensors(path)
    except pickle.UnpicklingError as error:
        what = "the checkpoint holds other things than tensors, such as code, and was not loaded"
        raise UserError(what, str(path), "use a safetensors file") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        what = f"the checkpoint is truncated or damaged: {first_sentence(error)}"
        raise UserError(what, str(path), RESTORE) from error
    if not isinstance(content, Mapping):
        raise UserError("the checkpoint is not a set of named tensors", str(path), RESTORE)
    return content


def _unpickle_tensors(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # files of before 2020 are no archives and cannot be mapped
        return torch.load(path, map_location="cpu", weights_only=True)


def listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def mistakes(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Everything about `tensors` that does not fit `module`, in words, names included."""
    wanted = module.state_dict()
    both = sorted(wanted.keys() & tensors.keys())
    found = {
        "missing": list(wanted.keys() - tensors.keys()),
        "unexpected": list(tensors.keys() - wanted.keys()),
        "misshapen": [
            f"{name} is {list(tensors[name].shape)}, not {list(wanted[name].shape)}"
            for name in both
            if tensors[name].shape != wanted[name].shape
        ],
        "of a wrong type": [
            f"{name} is {str(tensors[name].dtype).removeprefix('torch.')}"
            for name in both
            if tensors[name].dtype not in ACCEPTED
        ],
    }
    return [f"{len(names)} {kind}: {listed(names)}" for kind, names in found.items() if names]


def require_fit(module: nn.Module, tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Raise UserError that names whatever of `tensors`, which lie in `where`, does not fit."""
    found = mistakes(module, tensors)
    if found:
        raise UserError(f"the checkpoint does not fit: {'; '.join(found)}", where, RESTORE)


def load(
    module: nn.Module,
    path: Path,
    layout: Layout = PLAIN,
    device: torch.device | str = "cpu",
    dtype=torch.float32,
    progress: Watcher = UNWATCHED,
) -> nn.Module:
    """Give `module`, made on the meta device, the tensors of `path` on `device` in `dtype`; returns it, frozen.

    Raises UserError that names what is missing, unexpected, misshapen or of a wrong type.
    """
    return fill(module, open_tensors(path, layout), str(path), device, dtype, progress)


def fill(
    module: nn.Module,
    tensors: Mapping[str, torch.Tensor],
    where: str,
    device: torch.device | str,
    dtype: torch.dtype,
    progress: Watcher = UNWATCHED,
) -> nn.Module:
    """`load` from tensors that are open already; `where` names their file in errors."""
    require_fit(module, tensors, where)
    progress.stage("reading", sum(tensor.nbytes for tensor in tensors.values()), BYTES, Path(where).name)
    read, placed = Tally(progress), {}
    for name, tensor in tensors.items():
        placed[name] = tensor.to(device, dtype)
        read.add(tensor.nbytes)
    module.load_state_dict(placed, strict=True, assign=True)
    return module.requires_grad_(False).eval()


def on_meta(cls: Callable[..., nn.Module], *args: object) -> nn.Module:
    """A module whose parameters have shapes and no memory, as `load` wants it."""
    with torch.device("meta"):
        return cls(*args)
