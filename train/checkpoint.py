"""Checkpoints of a training run: safetensors parts under 16 MiB and one JSON, replaced as a whole, never
half-written.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from runtime.errors import UserError

PART_BYTES = 15 << 20


def split(tensors: dict[str, torch.Tensor], limit: int = PART_BYTES) -> list[dict[str, torch.Tensor]]:
    """Greedy parts of at most `limit` bytes each, in order; a single larger tensor would be a part by itself."""
    parts: list[dict[str, torch.Tensor]] = [{}]
    used = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if parts[-1] and used + size > limit:
            parts.append({})
            used = 0
        parts[-1][name] = tensor.detach().cpu().contiguous()
        used += size
    return parts


def save(folder: Path, tensors: dict[str, torch.Tensor], facts: dict) -> None:
    """Write beside `folder`, then swap: a kill at any moment leaves the old checkpoint or the new one."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for stale in (fresh, old):
        shutil.rmtree(stale, ignore_errors=True)
    fresh.mkdir(parents=True)
    for number, part in enumerate(split(tensors)):
        save_file(part, fresh / f"part-{number:03d}.safetensors")
    (fresh / "facts.json").write_text(json.dumps(facts, indent=1))
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors and facts of `folder`, or of its `.old` twin where a kill fell between the two renames."""
    old = folder.with_name(folder.name + ".old")
    source = folder if folder.exists() else old
    if not source.exists():
        raise UserError("no checkpoint", str(folder), "train first: make train")
    tensors: dict[str, torch.Tensor] = {}
    for part in sorted(source.glob("part-*.safetensors")):
        tensors |= load_file(part)
    return tensors, json.loads((source / "facts.json").read_text())


def exists(folder: Path) -> bool:
    return folder.exists() or folder.with_name(folder.name + ".old").exists()
