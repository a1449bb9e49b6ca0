"""The layers of the HunyuanVideo family (double-stream transformers), with the official names. Torch only.

Networks of this family are a config and lists of these blocks. Video tokens are [frames, tokens per frame, dim] and
modulated per latent frame; tokens of the conditions are [tokens, dim], of which there are only valid ones. Kong et al.
2024, "HunyuanVideo: A Systematic Framework for Large Video Generative Models", sec. 4.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.attention import sdpa
from model.wan import KeysValues, merge_heads, split_heads

EPS = 1e-6
REFINER_RATIO = 4  # of the refiner's MLP, whatever that of the double-stream blocks is


def normalised(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=EPS)


def masked(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Attention to the keys that `mask`, bool [1, 1, 1, keys], has; exported graphs want a row of it per query."""
    return sdpa(q, k, v, None if mask is None else mask.expand(-1, -1, q.shape[2], -1))


class Mlp(nn.Module):
    """Linear, an activation, linear."""

    def __init__(self, dim: int, inner: int, activation: nn.Module) -> None:
        super().__init__()
        self.fc1, self.fc2, self.activation = nn.Linear(dim, inner), nn.Linear(inner, dim), activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class ScalarEmbedding(nn.Module):
    """A number's waves [n, width] (model.wan.sinusoid) to [n, dim]."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        return self.mlp(waves)


class Modulation(nn.Module):
    """A vector [n, dim] to `parts` vectors of shift, scale and gate, [n, parts, dim]."""

    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.parts, self.linear = parts, nn.Linear(dim, parts * dim)

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        return self.linear(F.silu(vector)).unflatten(-1, (self.parts, -1))


class Stream(nn.Module):
    """One of a double-stream block's two halves: its modulation, projections and MLP. What attends is in its kinds."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.mod = Modulation(dim, 6)
        self.attn_q, self.attn_k, self.attn_v, self.attn_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.attn_q_norm, self.attn_k_norm = (nn.RMSNorm(dim // heads, EPS) for _ in range(2))
        self.mlp = Mlp(dim, inner, nn.GELU("tanh"))

    def modulate(self, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return normalised(x) * (1 + scale) + shift

    def by_head(self, x: torch.Tensor) -> torch.Tensor:
        """[..., dim] to [1, heads, all tokens, head_dim]."""
        return split_heads(x, self.heads)

    def queries(self, h: torch.Tensor) -> torch.Tensor:
        """[..., dim] to [1, heads, all tokens, head_dim], normed per head."""
        return self.attn_q_norm(self.by_head(self.attn_q(h)))


class TextStream(Stream):
    """The half for the conditions: they see one another and never the video, so a prompt goes through it once."""

    def project(
        self, x: torch.Tensor, vector: torch.Tensor, mask: torch.Tensor | None, last: bool
    ) -> tuple[torch.Tensor, KeysValues]:
        """x [tokens, dim] under `vector` [1, dim] to (x after the block, keys and values [1, heads, tokens, head_dim]).

        mask: bool [1, 1, 1, tokens], which are there; None for all. last: nothing asks for x after this block.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = self.mod(vector)[0]
        h = self.modulate(x, shift1, scale1)
        keys, values = self.attn_k_norm(self.by_head(self.attn_k(h))), self.by_head(self.attn_v(h))
        if last:
            return x, (keys, values)
        out = masked(self.queries(h), keys, values, mask)
        x = x + gate1 * self.attn_proj(out[0].transpose(0, 1).flatten(1))
        return x + gate2 * self.mlp(self.modulate(x, shift2, scale2)), (keys, values)


class FinalLayer(nn.Module):
    """Tokens [frames, tokens, dim] and a vector per frame [frames, dim] to the values of their patches."""

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(dim, 2 * dim))

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        shift, scale = self.adaLN_modulation(vector).unsqueeze(1).chunk(2, -1)
        return self.linear(normalised(x) * (1 + scale) + shift)


class RefinerBlock(nn.Module):
    """One layer of the token refiner: gated by the conditioning vector, and no more."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, EPS), nn.LayerNorm(dim, EPS)
        self.self_attn_qkv, self.self_attn_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = Mlp(dim, inner, nn.SiLU())
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(dim, 2 * dim))

    def forward(self, x: torch.Tensor, vector: torch.Tensor, there: torch.Tensor | None) -> torch.Tensor:
        """x: [tokens, dim]; there: bool [tokens], see TokenRefiner."""
        mask = None if there is None else there.view(1, 1, 1, -1)
        gate1, gate2 = self.adaLN_modulation(vector)[0].chunk(2)
        q, k, v = (split_heads(part, self.heads) for part in self.self_attn_qkv(self.norm1(x)).chunk(3, -1))
        out = merge_heads(masked(q, k, v, mask), 1)[0]
        if there is not None:  # what is not there sees nothing either, as the official code has it
            out = out * there[:, None]
        x = x + gate1 * self.self_attn_proj(out)
        return x + gate2 * self.mlp(self.norm2(x))


class TwoLinear(nn.Module):
    """Linear, SiLU, linear, by the names that such pairs have in official files."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(inputs, dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear_2(F.silu(self.linear_1(x)))


class TokenRefiner(nn.Module):
    """A language model's states [tokens, inputs] to tokens [tokens, dim] of the conditions' stream."""

    def __init__(self, inputs: int, width: int, dim: int, heads: int, layers: int) -> None:
        """width: of the timestep's waves."""
        super().__init__()
        self.input_embedder = nn.Linear(inputs, dim)
        self.t_embedder = ScalarEmbedding(width, dim)
        self.c_embedder = TwoLinear(inputs, dim)
        blocks = nn.ModuleList(RefinerBlock(dim, heads, REFINER_RATIO * dim) for _ in range(layers))
        self.individual_token_refiner = nn.ModuleDict({"blocks": blocks})

    def forward(self, states: torch.Tensor, waves: torch.Tensor, there: torch.Tensor | None = None) -> torch.Tensor:
        """waves: those of timestep 0, [1, width]. there: bool [tokens], which states count; None for all."""
        if there is None:
            mean = states.mean(0, keepdim=True)
        else:
            weights = there.to(states.dtype)[:, None]
            mean = (states * weights).sum(0, keepdim=True) / weights.sum()
        vector = self.t_embedder(waves) + self.c_embedder(mean)
        x = self.input_embedder(states)
        for block in self.individual_token_refiner["blocks"]:
            x = block(x, vector, there)
        return x


class GlyphProjection(nn.Module):
    """ByT5's states of quoted text [tokens, inputs] to tokens [tokens, dim]."""

    def __init__(self, inputs: int, inner: int, middle: int, dim: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(inputs)
        self.fc1, self.fc2, self.fc3 = nn.Linear(inputs, inner), nn.Linear(inner, middle), nn.Linear(middle, dim)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.fc3(F.gelu(self.fc2(F.gelu(self.fc1(self.layernorm(states))))))
