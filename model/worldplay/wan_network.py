"""WorldPlay's 5B transformer: Wan 2.2 blocks with labels of movement and cameras. Torch only.

The Wan-based variant of HY-World 1.5. Like the 8B it sees a chunk, or the frames of its context, at a time; text is
cross-attended. Parameters have the names of the Wan family here (model/wan.py); LAYOUT tells the official file's.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from model.layout import Layout
from model.prope import attend_twice
from model.rotary import Axes
from model.wan import (
    Block,
    Head,
    KeysValues,
    LayerPass,
    Pass,
    PatchEmbedding,
    SelfAttention,
    merge_heads,
    split_heads,
)
from model.worldplay.camera_net import CameraNet
from model.worldplay.config import WanConfig

LAYOUT = Layout(
    inside=("generator",),
    strip=("model.", "_fsdp_wrapped_module."),
    renames=(
        (r"\._fsdp_wrapped_module\.", "."),
        (r"^condition_embedder\.(time|text|action)_embedder\.linear_1\.", r"\1_embedding.0."),
        (r"^condition_embedder\.(time|text|action)_embedder\.linear_2\.", r"\1_embedding.2."),
        (r"^condition_embedder\.time_proj\.", "time_projection.1."),
        (r"^scale_shift_table$", "head.modulation"),
        (r"^proj_out\.", "head.head."),
        (r"\.scale_shift_table$", ".modulation"),
        (r"\.attn1\.", ".self_attn."),
        (r"\.attn2\.", ".cross_attn."),
        (r"\.to_out_prope\.0\.", ".o_prope."),
        (r"\.to_out\.0\.", ".o."),
        (r"\.to_([qkv])\.", r".\1."),
        (r"\.norm2\.", ".norm3."),
        (r"\.ffn\.net\.0\.proj\.", ".ffn.0."),
        (r"\.ffn\.net\.2\.", ".ffn.2."),
    ),
)


class CameraAttention(SelfAttention):
    """Self-attention in two branches, rotary and camera, each with a projection of its own."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__(dim, heads, eps)
        self.o_prope = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor, run: LayerPass) -> torch.Tensor:
        parts = self.norm_q(self.q(x)), *run.split.gather(self.norm_k(self.k(x)), self.v(x))
        q, k, v = (split_heads(part, self.heads) for part in parts)
        rotary, camera = (merge_heads(part, len(x)) for part in attend_twice(q, k, v, run))
        return self.o(rotary) + self.o_prope(camera)


class WorldPlayWanNet(CameraNet):
    """Noisy chunk, timesteps, labels and cameras to the flow; see `draw`, `encode`, `tell`, `rings`."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.config = config
        dim, width = config.dim, config.wave_width
        self.patch_embedding = PatchEmbedding(config.channels, dim, config.patch)
        self.time_embedding = nn.Sequential(nn.Linear(width, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.action_embedding = nn.Sequential(nn.Linear(width, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.text_embedding = nn.Sequential(nn.Linear(config.language, dim), nn.GELU("tanh"), nn.Linear(dim, dim))
        sizes = dim, config.heads, config.ffn_dim, config.eps
        self.blocks = nn.ModuleList(Block(*sizes, attention=CameraAttention) for _ in range(config.layers))
        self.head = Head(dim, config.channels * config.patch[0] * config.patch[1], config.eps)

    @property
    def dtype(self) -> torch.dtype:
        return self.patch_embedding.weight.dtype

    @property
    def axes(self) -> Axes:
        return Axes.wan(self.config.dim // self.config.heads)

    def encode(
        self, x: torch.Tensor, timesteps: torch.Tensor, labels: torch.Tensor, run: Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The part up to the last block, in which the cache is written; returns (tokens, the vector per frame).

        x: [frames, channels, h, w]; timesteps and labels: their waves [frames, wave_width].
        """
        vector = self.time_embedding(timesteps) + self.action_embedding(labels)
        modulation = self.time_projection(vector).unflatten(1, (6, -1))
        tokens = run.rings.split.scatter(self.patch_embedding(x.to(vector.dtype)))
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, modulation, run.layer(number))
        return tokens, vector

    def values(self, tokens: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        return self.head(tokens, vector)

    def tell(self, language: torch.Tensor) -> list[KeysValues]:
        """Keys and values of every layer's cross-attention from UMT5's states [tokens, language]: once per prompt."""
        tokens = self.text_embedding(language)
        return [block.cross_attn.project(tokens) for block in self.blocks]
