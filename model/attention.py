"""The attention front: one function for all families, on whatever back end this machine has. Torch only.

Back ends (model/attention_backends.py) compute the same thing, softmax(q k^T / sqrt(head_dim)) v, and differ in speed
and rounding. Each has one probe; what cannot run here falls back to torch's own `scaled_dot_product_attention`, and
`choose` says so in a line. They see no mask: windows and sparse patterns choose the keys beforehand (model/rings.py,
model/sparse.py). Only torch's own takes one: a bias, for networks whose positions in time are one, or which slots are
filled, for exported graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model import attention_backends as backends
from model.attention_backends import HALF, SHORT, Attend, sdpa
from model.graph import Unavailable
from runtime.errors import first_sentence

__all__ = ["AUTO", "BACKENDS", "HALF", "Attend", "Choice", "Unavailable", "choose", "probe", "sdpa"]


@dataclass(frozen=True)
class Choice:
    """The back end that was taken: its name, its function, and the line that says why not the one asked for."""

    name: str
    attend: Attend
    note: str


BACKENDS = {
    "sdpa": backends.plain,
    "sdpa-flash": backends.one_kernel,
    "sdpa-cudnn": backends.one_kernel,
    "sdpa-efficient": backends.one_kernel,
    "varlen": backends.varlen,
    "flex": backends.flex,
    "flash": backends.flash,
    "sage": backends.sage,
}
# SageAttention rounds, so it is only taken where it is asked for.
AUTO = ("flash", "sdpa")


def probe(name: str, device: torch.device | str, dtype: torch.dtype) -> Attend:
    """The back end `name`, after it has attended once here in `dtype`; raises Unavailable with the reason."""
    device = torch.device(device)
    attend = BACKENDS[name](name, device, dtype)
    trial = torch.ones(1, 2, 2 * SHORT, 64, device=device, dtype=dtype)
    try:
        attend(trial, trial, trial)
    except (RuntimeError, AssertionError, ImportError, TypeError, ValueError) as error:
        # Kernels of others fail in their own ways on hardware they were not built for; all of them say why.
        raise Unavailable(f"fails here: {first_sentence(error)}") from error
    return attend


def choose(name: str, device: torch.device | str, dtype: torch.dtype) -> Choice:
    """The back end `name`, or of "auto" the first that runs here; torch's own where that one cannot.

    `note` is one line for a person: what was taken, and why not what was asked for.
    """
    reasons = []
    for candidate in AUTO if name == "auto" else (name, "sdpa"):
        try:
            attend = probe(candidate, device, dtype)
        except Unavailable as reason:
            reasons.append(f"{candidate} {reason}")
            continue
        why = f" ({'; '.join(reasons)})" if reasons else ""
        return Choice(candidate, attend, f"attention: {candidate}{why}")
    raise Unavailable("; ".join(reasons))
