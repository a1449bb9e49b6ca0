"""The attention back ends, one maker each: it raises Unavailable, or gives the function. Torch only.

A maker takes (name, device, dtype) and checks what can be known beforehand; that the function really runs is tried by
`model.attention.probe`. What takes only some shapes gives the others to torch's own attention. Others' packages are
imported here and nowhere else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F

from model.graph import Unavailable

# q [B, H, Lq, D], k and v [B, H, Lk, D] to [B, H, Lq, D]; nothing that is given is written to.
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

HALF = (torch.float16, torch.bfloat16)
SHORT = 64  # queries; below it a kernel made for long sequences gains nothing (attention over the frames of a chunk)
SAGE_SIZES = (64, 96, 128)  # of a head


def sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Torch's own choice among flash, cuDNN, efficient and plain attention; `bias` is added to the scores, or says,
    where it is boolean, which keys there are.

    cuDNN makes a plan for every new length of the keys, tens of milliseconds each. That needs no static length with a
    mask here: a walk sees but as many lengths as its window takes chunks to fill, and from then on one.
    """
    return F.scaled_dot_product_attention(q, k, v, bias)


def plain(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    return sdpa


def one_kernel(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
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
        require_half(dtype)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        with sdpa_kernel([kernel, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH], set_priority=True):
            return F.scaled_dot_product_attention(q, k, v)

    return attend


@torch.compiler.assume_constant_result
def ends(batch: int, length: int, device: torch.device) -> torch.Tensor:
    """Where the sequences of a batch of equal ones end when packed, int32 [batch + 1]; a constant where it is compiled.

    Made once per shape, so that no run allocates or copies: those few stay for ever, a captured run reads them.
    """
    return _ends(batch, length, device)


@cache
def _ends(batch: int, length: int, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.arange(0, (batch + 1) * length, length, dtype=torch.int32).to(device)


def packed(x: torch.Tensor) -> torch.Tensor:
    """[B, H, L, D] to [B * L, H, D]: a view where the batch is 1."""
    return x.transpose(1, 2).flatten(0, 1)


def varlen(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """Torch's flash attention over packed sequences, which no choice of kernels stands before."""
    require_gpu(device, (8, 0), dtype)
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError as error:
        raise Unavailable(f"needs a newer torch ({error})") from error

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        batch, _, length, _ = q.shape
        if length < SHORT:
            return sdpa(q, k, v)
        there = k.shape[2]
        stops = ends(batch, length, q.device), ends(batch, there, q.device)
        out = varlen_attn(packed(q), packed(k), packed(v), *stops, length, there)
        return out.unflatten(0, (batch, length)).transpose(1, 2)

    return attend


def flex(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """Torch's FlexAttention, compiled by Triton for every length of the keys; see model/sparse.py for its masks."""
    require_gpu(device, (8, 0), dtype)
    if importlib.util.find_spec("triton") is None:
        raise Unavailable("triton is not installed")
    flex_attention = flex_kernel(device.type)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return sdpa(q, k, v) if q.shape[2] < SHORT else flex_attention(q, k, v)

    return attend


@cache
def flex_kernel(kind: str) -> Callable[..., torch.Tensor]:
    """flex_attention(q, k, v, block_mask=...): compiled on a GPU, elsewhere plain operations of torch, for tests."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False) if kind == "cuda" else flex_attention


def flash(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """flash-attn 4 (CuTe DSL) where it is installed, else flash-attn 2."""
    require_gpu(device, (8, 0), dtype)
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
        out = flash_attn_func(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))  # [B, L, H, D]
        return (out[0] if isinstance(out, tuple) else out).transpose(1, 2)  # version 4 gives the scores' sums too

    return attend


def sage(name: str, device: torch.device, dtype: torch.dtype) -> Attend:
    """SageAttention (Zhang et al. 2024): queries and keys in 8 bits."""
    require_gpu(device, (8, 0), dtype)
    try:
        from sageattention import sageattn
    except ImportError as error:
        raise Unavailable(f"sageattention is not installed ({error})") from error

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if q.shape[2] < SHORT or q.shape[-1] not in SAGE_SIZES:
            return sdpa(q, k, v)
        # It subtracts the mean of the keys in place, and these are a view of the cache: it only ever gets copies.
        # `contiguous` would give the cache itself wherever the whole of it is seen.
        copies = (x.clone(memory_format=torch.contiguous_format) for x in (q, k, v))
        return sageattn(*copies, tensor_layout="HND")

    return attend


def require_half(dtype: torch.dtype) -> None:
    if dtype not in HALF:
        raise Unavailable(f"computes in half precision only, not in {dtype}")


def require_gpu(device: torch.device, capability: tuple[int, int], dtype: torch.dtype) -> None:
    if device.type != "cuda":
        raise Unavailable("needs an NVIDIA GPU")
    if torch.cuda.get_device_capability(device) < capability:
        raise Unavailable("needs an NVIDIA GPU of compute capability {}.{} or newer".format(*capability))
    require_half(dtype)
