"""Matrix-Game 2.0's action modules: how mouse and keyboard enter the network. Torch only.

Both branches attend over time alone: the mouse at every position by itself, fused with what is seen there; the keyboard
with one key per latent frame for all positions. He et al. 2025 (arXiv:2508.13009), sec. 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.matrix_game.config import ActionConfig
from model.rotary import rotate
from model.wan import LayerPass, merge_heads

EPS = 1e-6


@dataclass
class ActionWindows:
    """What a chunk's latent frames see of the controls, oldest row first.

    keyboard: [frames, rows, keyboard_dim]; mouse: [frames, rows * mouse_dim] (pitch, yaw per row), None without one.
    """

    keyboard: torch.Tensor
    mouse: torch.Tensor | None = None


def normalised(x: torch.Tensor) -> torch.Tensor:
    """RMS norm per head without a weight: official files hold weights for it that the official forward ignores."""
    return F.rms_norm(x, x.shape[-1:], eps=EPS)


class ActionModule(nn.Module):
    """The mouse's branch, where there is a mouse, then the keyboard's."""

    def __init__(self, config: ActionConfig, dim: int) -> None:
        super().__init__()
        self.heads = config.heads
        embedding, rows = config.keyboard_embedding, config.rows
        self.keyboard_embed = nn.Sequential(
            nn.Linear(config.keyboard_dim, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.mouse_attn_q = nn.Linear(dim, config.keyboard_width, bias=False)  # the keyboard's queries, by its old name
        self.keyboard_attn_kv = nn.Linear(rows * embedding, 2 * config.keyboard_width, bias=False)
        self.proj_keyboard = nn.Linear(config.keyboard_width, dim, bias=False)
        self.has_mouse = config.mouse_dim > 0
        if self.has_mouse:
            width = config.mouse_width
            self.mouse_mlp = nn.Sequential(
                nn.Linear(dim + rows * config.mouse_dim, width),
                nn.GELU("tanh"),
                nn.Linear(width, width),
                nn.LayerNorm(width),
            )
            self.t_qkv = nn.Linear(width, 3 * width, bias=False)
            self.proj_mouse = nn.Linear(width, dim, bias=False)

    def forward(self, x: torch.Tensor, run: LayerPass) -> torch.Tensor:
        """x: [frames, tokens, dim], with what the actions add."""
        if self.has_mouse:
            x = x + self.proj_mouse(self._mouse(x, run))
        return x + self.proj_keyboard(self._keyboard(x, run))

    def _mouse(self, x: torch.Tensor, run: LayerPass) -> torch.Tensor:
        """Queries, keys and values from what is seen and the mouse together; attention at each position by itself."""
        ring = run.rings["mouse"]
        mouse = run.actions.mouse.unsqueeze(1).expand(-1, x.shape[1], -1)
        fused = self.t_qkv(self.mouse_mlp(torch.cat([x, mouse], -1)))
        # [frames, tokens, 3 * heads * size] to three of [tokens, heads, frames, size].
        q, k, v = fused.unflatten(-1, (3, self.heads, -1)).permute(2, 1, 3, 0, 4)
        keys, values = ring.write(normalised(k), v)
        out = ring.attend(run.attend, ring.turned(normalised(q)), keys, values)
        return out.permute(2, 0, 1, 3).flatten(2)

    def _keyboard(self, x: torch.Tensor, run: LayerPass) -> torch.Tensor:
        """Queries from what is seen; one key and value per latent frame, which all positions share."""
        ring, frames = run.rings["keyboard"], x.shape[0]
        rows = self.keyboard_embed(run.actions.keyboard).flatten(1)
        k, v = self.keyboard_attn_kv(rows).unflatten(-1, (2, self.heads, -1)).permute(1, 2, 0, 3).unsqueeze(1)
        keys, values = ring.write(normalised(k), v)
        q = self.mouse_attn_q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [frames, heads, tokens, size]
        cos, sin = (part[:, None, None] for part in ring.place.turn)
        q = rotate(normalised(q), cos, sin)
        # All frames see the same keys: their queries are one sequence, so that nothing need be repeated per frame.
        out = ring.attend(run.attend, q.transpose(0, 1).flatten(1, 2).unsqueeze(0), keys, values)
        return merge_heads(out, frames)
