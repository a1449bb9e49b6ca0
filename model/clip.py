"""The image tower of CLIP (ViT-H/14 of open_clip's xlm-roberta-large-vit-huge-14), with the official names. Torch only.

It turns a start picture into the tokens that image-conditioned Wan networks attend to. The text tower, the last layer
and the projection are not used, so they are not built. Radford et al. 2021, "Learning Transferable Visual Models".
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.attention import sdpa
from model.picture_config import ClipConfig

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(sdpa(q, k, v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        dim, inner = config.dim, int(config.dim * config.mlp_ratio)
        self.norm1, self.norm2 = nn.LayerNorm(dim, config.eps), nn.LayerNorm(dim, config.eps)
        self.attn = Attention(dim, config.heads)
        self.mlp = nn.Sequential(nn.Linear(dim, inner), nn.GELU(), nn.Linear(inner, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTower(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.cls_embedding = nn.Parameter(torch.empty(1, 1, config.dim))
        self.pos_embedding = nn.Parameter(torch.empty(1, config.tokens, config.dim))
        self.patch_embedding = nn.Conv2d(3, config.dim, config.patch, stride=config.patch, bias=False)
        self.pre_norm = nn.LayerNorm(config.dim, config.eps)
        self.transformer = nn.ModuleList(Layer(config) for _ in range(config.layers))


class ClipImageEncoder(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.visual = VisionTower(config)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """A picture [B, 3, H, W] in [-1, 1], of any size and shape, to tokens [B, 1 + patches, dim]."""
        size, visual = self.config.image_size, self.visual
        x = F.interpolate(picture, (size, size), mode="bicubic", align_corners=False)
        mean, std = (torch.tensor(values, dtype=x.dtype, device=x.device).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = (x * 0.5 + 0.5 - mean) / std
        patches = visual.patch_embedding(x).flatten(2).transpose(1, 2)
        x = torch.cat([visual.cls_embedding.expand(len(x), -1, -1), patches], 1) + visual.pos_embedding
        x = visual.pre_norm(x)
        for layer in visual.transformer:
            x = layer(x)
        return x
