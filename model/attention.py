"""The attention front: one function for all families, on whatever back end this machine has. Torch only.

Back ends compute the same thing, softmax(q k^T / sqrt(head_dim)) v, and differ in speed and rounding. Each has one
probe; what cannot run here falls back to torch's own `scaled_dot_product_attention`, and `choose` says so in a line.
They see no mask: windows and sparse patterns choose the keys beforehand (model/rings.py, model/sparse.py). Only torch's
own takes one: a bias, for networks whose positions in time are one, or which slots are filled, for exported graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from model.graph import Unavailable

# q [B, H, Lq, D], k and v [B, H, Lk, D] to [B, H, Lq, D]; nothing that is given is written to.
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

HALF = (torch.float16, torch.bfloat16)
SHORT = 64  # queries; below it a kernel made for long sequences gains nothing (attention over the frames of a chunk)


@dataclass(frozen=True)
class Choice:
    """The back end that was taken: its name, its function, and the line that says why not the one asked for."""

    name: str
    attend: Attend
    note: str


def sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Torch's own choice among flash, cuDNN, efficient and plain attention; `bias` is added to the scores, or says,
    where it is boolean, which keys there are.
    """
    return F.scaled_dot_product_attention(q, k, v, bias)


def _sdpa_kernel(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """Torch's attention, held to one of its kernels where that takes the shapes, to plain mathematics where not."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if device.type != "cuda":
        raise Unavailable("needs an NVIDIA GPU")
    kernel = {
        "sdpa-flash": SDPBackend.FLASH_ATTENTION,
        "sdpa-cudnn": SDPBackend.CUDNN_ATTENTION,
        "sdpa-efficient": SDPBackend.EFFICIENT_ATTENTION,
    }[name]
    if name != "sdpa-efficient":
        _require_half(dtype)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        with sdpa_kernel([kernel, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH], set_priority=True):
            return F.scaled_dot_product_attention(q, k, v)

    return attend


def _flash(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """flash-attn 4 (CuTe DSL) where it is installed, else flash-attn 2."""
    _require_gpu(device, (8, 0), dtype)
    try:
        from flash_attn.cute import flash_attn_func
    except ImportError:
        try:
            from flash_attn import flash_attn_func
        except ImportError as error:
            raise Unavailable(f"flash-attn is not installed ({error})") from error

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if q.shape[2] < SHORT:
            return sdpa(q, k, v)
        out = flash_attn_func(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return (out[0] if isinstance(out, tuple) else out).transpose(1, 2)

    return attend


def _sage(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """SageAttention (Zhang et al. 2024): queries and keys in 8 bits."""
    _require_gpu(device, (8, 0), dtype)
    try:
        from sageattention import sageattn
    except ImportError as error:
        raise Unavailable(f"sageattention is not installed ({error})") from error

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if q.shape[2] < SHORT or q.shape[-1] not in (64, 96, 128):
            return sdpa(q, k, v)
        # It subtracts the mean of the keys in place, and these are a view of the cache: it gets a copy.
        return sageattn(q.contiguous(), k.clone(), v.contiguous(), tensor_layout="HND")

    return attend


def _plain(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    return sdpa


def _require_half(dtype: torch.dtype) -> None:
    if dtype not in HALF:
        raise Unavailable(f"computes in half precision only, not in {dtype}")


def _require_gpu(device: torch.device, capability: tuple[int, int], dtype: torch.dtype) -> None:
    if device.type != "cuda":
        raise Unavailable("needs an NVIDIA GPU")
    if torch.cuda.get_device_capability(device) < capability:
        raise Unavailable("needs an NVIDIA GPU of compute capability {}.{} or newer".format(*capability))
    _require_half(dtype)


BACKENDS = {
    "sdpa": _plain,
    "sdpa-flash": _sdpa_kernel,
    "sdpa-cudnn": _sdpa_kernel,
    "sdpa-efficient": _sdpa_kernel,
    "flash": _flash,
    "sage": _sage,
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
        raise Unavailable(
            f"fails here: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from error
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
