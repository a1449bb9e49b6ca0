"""Official files in a folder of weights: whether they are there, and whether it is worth while without a GPU. No torch.

A family's `files` module says which of them play needs; loading asks it, and so does whoever only looks
(runtime/library.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UserError

if TYPE_CHECKING:
    from model.placement import Placement

SLOW_DIM = 512  # a network of this width is no pastime for a CPU


@dataclass(frozen=True)
class Lack:
    """What play needs and has not: files, by their names in the folder of the weights, and packages."""

    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def absent(weights: Path, files: Sequence[str]) -> list[str]:
    """Those of `files` that are not in `weights`."""
    return [name for name in files if not (weights / name).is_file()]


def require_files(name: str, weights: Path, files: Sequence[str], guide: str, fetchable: bool) -> None:
    """Raise UserError, which names what is missing in `weights`; fetchable: whether --fetch would bring it, else the
    page `guide` says where it is from.
    """
    if missing := absent(weights, files):
        fetch = f"run `python play.py --fetch {name}`, or name" if fetchable else f"see {guide}, or name"
        remedy = f"{fetch} the folder that holds them with --weights DIR"
        raise UserError(f"weights are missing: {', '.join(missing)}", str(weights), remedy)


def slow(placement: Placement, dim: int) -> tuple[str, ...]:
    """A warning where a person would think that nothing happens; dim: the network's width."""
    if placement.device.type == "cuda" or dim < SLOW_DIM:
        return ()
    return ("no NVIDIA GPU is used: a chunk of pictures takes minutes",)
