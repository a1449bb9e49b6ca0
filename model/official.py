"""Official files in a folder of weights: whether they are there, and whether it is worth while without a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.placement import Placement
from runtime.errors import UserError

SLOW_DIM = 512  # a network of this width is no pastime for a CPU


def require_files(name: str, weights: Path, files: Sequence[str], guide: str, fetchable: bool) -> None:
    """Raise UserError, which names what is missing in `weights`; fetchable: whether --fetch would bring it, else the
    page `guide` says where it is from.
    """
    missing = [file for file in files if not (weights / file).is_file()]
    if missing:
        fetch = f"run `python play.py --fetch {name}`, or name" if fetchable else f"see {guide}, or name"
        remedy = f"{fetch} the folder that holds them with --weights DIR"
        raise UserError(f"weights are missing: {', '.join(missing)}", str(weights), remedy)


def slow(placement: Placement, dim: int) -> tuple[str, ...]:
    """A warning where a person would think that nothing happens; dim: the network's width."""
    if placement.device.type == "cuda" or dim < SLOW_DIM:
        return ()
    return ("no NVIDIA GPU is used: a chunk of pictures takes minutes",)
