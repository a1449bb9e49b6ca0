"""The layers of the Wan family (Wan 2.1, 2.2 and what was distilled from them), with the official names. Torch only.

Networks of this family are a config and a list of these blocks. A pass goes over one chunk of latent frames, batch 1:
tokens are [frames, tokens per frame, dim], and everything that the layers share in a pass travels in `Pass`. Wan: Wan
Team 2025, "Wan: Open and Advanced Large-Scale Video Generative Models", sec. 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.attention import Attend, sdpa
from model.layer_ring import LayerRing
from model.rings import Rings
from model.rotary import rotate
from model.split import Split

KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class LayerPass:
    """What one layer wants of a pass: its part of every ring, the keys and values of its cross-attention, the
    attention back end, what a family's own modules want (see model/matrix_game/actions.py), and how tokens are split.
    """

    rings: Mapping[str, LayerRing]
    context: KeysValues | None
    attend: Attend
    actions: object
    split: Split


@dataclass
class Pass:
    """What all layers share in a pass over one chunk: the staged caches, the cross-attention's keys and values per
    layer (empty where there is none), the attention back end, and a family's own conditions.
    """

    rings: Rings
    context: Sequence[KeysValues] = ()
    attend: Attend = sdpa
    actions: object = None

    def layer(self, number: int) -> LayerPass:
        context = self.context[number] if self.context else None
        return LayerPass(self.rings.layer(number), context, self.attend, self.actions, self.rings.split)


def sinusoid(timesteps: torch.Tensor, width: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """[frames] on the scale 0..1000 to [frames, width]: cosines, then sines. dtype: that in which angles are computed,
    which at 1000 radians shows in the fifth digit: families differ.
    """
    half = width // 2
    exponent = -math.log(10000) * torch.arange(half, dtype=dtype, device=timesteps.device) / half
    angle = timesteps.to(dtype)[:, None] * exponent.exp()
    return torch.cat([angle.cos(), angle.sin()], 1)


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[frames, tokens, dim] or [tokens, dim] to [1, heads, all tokens, head_dim], a view."""
    return x.flatten(0, -2).unflatten(-1, (heads, -1)).transpose(0, 1).unsqueeze(0)


def merge_heads(x: torch.Tensor, frames: int) -> torch.Tensor:
    """[1, heads, all tokens, head_dim] to [frames, tokens, dim]."""
    return x[0].transpose(0, 1).flatten(1).unflatten(0, (frames, -1))


class PatchEmbedding(nn.Module):
    """A convolution whose kernel is its stride, (1, rows, columns), as one matrix product over the patches."""

    def __init__(self, channels: int, dim: int, patch: tuple[int, int]) -> None:
        super().__init__()
        self.patch = patch
        self.weight = nn.Parameter(torch.empty(dim, channels, 1, *patch))
        self.bias = nn.Parameter(torch.empty(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[frames, channels, h, w] to tokens [frames, h / rows * w / columns, dim], row by row."""
        rows, columns = self.patch
        split = x.unflatten(3, (-1, columns)).unflatten(2, (-1, rows))  # [F, C, h', rows, w', columns]
        patches = split.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return F.linear(patches, self.weight.flatten(1), self.bias)


class ImageEmbedding(nn.Module):
    """A picture encoder's states [tokens, inputs] to tokens [tokens, dim] of the condition."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.LayerNorm(inputs), nn.Linear(inputs, inputs), nn.GELU(), nn.Linear(inputs, dim), nn.LayerNorm(dim)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)


class SelfAttention(nn.Module):
    """Attention of a chunk to what its ring holds, the chunk included. Query and key norms run over the whole width."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = nn.RMSNorm(dim, eps), nn.RMSNorm(dim, eps)

    def forward(self, x: torch.Tensor, run: LayerPass) -> torch.Tensor:
        ring, split = run.rings["self"], run.split
        parts = self.norm_q(self.q(x)), *split.gather(self.norm_k(self.k(x)), self.v(x))
        q, k, v = (split_heads(part, self.heads) for part in parts)
        keys, values = ring.write(k, v)
        q = rotate(q, *split.own(ring.place.turn))
        return self.o(merge_heads(ring.attend(run.attend, q, keys, values), x.shape[0]))


class CrossAttention(nn.Module):
    """Attention to a condition, whose keys and values are made once per run by `project`."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = nn.RMSNorm(dim, eps), nn.RMSNorm(dim, eps)

    def project(self, context: torch.Tensor) -> KeysValues:
        """[tokens, dim] to keys and values [1, heads, tokens, head_dim]."""
        keys, values = self.norm_k(self.k(context)), self.v(context)
        return tuple(split_heads(part, self.heads).contiguous() for part in (keys, values))

    def forward(self, x: torch.Tensor, context: KeysValues, attend: Attend) -> torch.Tensor:
        q = split_heads(self.norm_q(self.q(x)), self.heads)
        return self.o(merge_heads(attend(q, *context), x.shape[0]))


class Block(nn.Module):
    """One layer: self-attention, cross-attention, a family's own module if any, and the MLP; modulated per frame."""

    def __init__(
        self,
        dim: int,
        heads: int,
        ffn_dim: int,
        eps: float,
        action_model: nn.Module | None = None,
        attention: type[SelfAttention] = SelfAttention,
    ) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps
        self.modulation = nn.Parameter(torch.empty(1, 6, dim))
        self.self_attn = attention(dim, heads, eps)
        self.norm3 = nn.LayerNorm(dim, eps)
        self.cross_attn = CrossAttention(dim, heads, eps)
        self.action_model = action_model
        self.ffn = nn.Sequential(nn.Linear(dim, ffn_dim), nn.GELU("tanh"), nn.Linear(ffn_dim, dim))

    def forward(self, x: torch.Tensor, modulation: torch.Tensor, run: LayerPass) -> torch.Tensor:
        """x: [frames, tokens, dim]; modulation: [frames, 6, dim]."""
        parts = (self.modulation + modulation).unsqueeze(2).unbind(1)
        shift1, scale1, gate1, shift2, scale2, gate2 = parts
        x = x + gate1 * self.self_attn(self.normalised(x) * (1 + scale1) + shift1, run)
        x = x + self.cross_attn(self.norm3(x), run.context, run.attend)
        if self.action_model is not None:
            x = self.action_model(x, run)
        return x + gate2 * self.ffn(self.normalised(x) * (1 + scale2) + shift2)

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, (self.dim,), eps=self.eps)


class Head(nn.Module):
    """Tokens to the values of their patches, in the order row, column, channel."""

    def __init__(self, dim: int, outputs: int, eps: float) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps
        self.modulation = nn.Parameter(torch.empty(1, 2, dim))
        self.head = nn.Linear(dim, outputs)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """x: [frames, tokens, dim]; level: the embedded timesteps [frames, dim]."""
        shift, scale = (self.modulation + level.unsqueeze(1)).unsqueeze(2).unbind(1)
        return self.head(F.layer_norm(x, (self.dim,), eps=self.eps) * (1 + scale) + shift)


def unpatch(values: torch.Tensor, grid: tuple[int, int], patch: tuple[int, int]) -> torch.Tensor:
    """[frames, tokens, rows * columns * channels] to [frames, channels, h, w]."""
    split = values.unflatten(2, (*patch, -1)).unflatten(1, grid)  # [F, h', w', rows, columns, C]
    return split.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)
