"""Where a torch world computes, and in what: one probe, one line that says so. Torch only."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch

from model.attention import Attend, choose
from model.world import LoadOptions
from runtime.errors import UserError, first_sentence

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """`backend` and `where` are for people; `note` is the line about attention. in_turn: memory is so short that
    nothing is decoded beside denoising.
    """

    device: torch.device
    dtype: torch.dtype
    attend: Attend
    backend: str
    where: str
    note: str
    in_turn: bool = False


def place(options: LoadOptions, dtype: torch.dtype | None = None) -> Placement:
    """The device of `options` (auto: an NVIDIA GPU where there is one, else the CPU), and the precision."""
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
    dtype = dtype or chosen_dtype(options.precision, device)
    attention = choose(options.attention, device, dtype)
    backend = f"torch {torch.__version__} {str(dtype).removeprefix('torch.')}, {attention.name}"
    return Placement(device, dtype, attention.attend, backend, in_words(device), attention.note)


def place_ahead(options: LoadOptions) -> Placement:
    """The CPU, for engines that are built ahead of time; the precision is that of the weights: of fewer than 16 bits,
    what the player has beside them.
    """
    dtype = {"fp32": torch.float32, "fp16": torch.float16}.get(options.precision, torch.bfloat16)
    return place(replace(options, device="cpu", attention="sdpa"), dtype)


def chosen_dtype(precision: str, device: torch.device) -> torch.dtype:
    """What buffers and activations are in: as asked for, else bf16 on a GPU that has it, fp16 on older ones."""
    if precision in DTYPES:
        return DTYPES[precision]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16


def in_words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type.upper()}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type
