"""Where a torch world computes, and in what: one probe, one line that says so. Torch only."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from model.attention import Attend, choose
from model.world import LoadOptions
from runtime.errors import UserError, first_sentence


@dataclass(frozen=True)
class Placement:
    """`backend` and `where` are for people; `note` is the line about attention."""

    device: torch.device
    dtype: torch.dtype
    attend: Attend
    backend: str
    where: str
    note: str


def place(options: LoadOptions, dtype: torch.dtype | None = None) -> Placement:
    """The device of `options` (auto: an NVIDIA GPU where there is one, else the CPU), bf16 on a GPU, fp32 on a CPU."""
    name = options.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError("only cpu and cuda are supported")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = first_sentence(error)
        raise UserError(f"the device cannot be used: {reason}", f"--device {name}", "try --device cpu") from error
    if device.type == "cpu" or options.threads:
        # The game loop keeps a core: torch's threads spin while they wait, and a loop beside them starves.
        torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 2) - 1))
    dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
    attention = choose(options.attention, device, dtype)
    backend = f"torch {torch.__version__} {str(dtype).removeprefix('torch.')}, {attention.name}"
    return Placement(device, dtype, attention.attend, backend, in_words(device), attention.note)


def in_words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type.upper()}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type
