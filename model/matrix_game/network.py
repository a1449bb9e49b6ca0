"""Matrix-Game 2.0's causal transformer: Wan blocks with an image condition and action modules. Torch only.

He et al. 2025, "Matrix-Game 2.0" (arXiv:2508.13009). Parameters have the official names, so checkpoints load as they
are. It sees one chunk at a time; the past is in the rings of `rings`.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from model.layer_ring import RingShape
from model.matrix_game.actions import ActionModule
from model.matrix_game.config import PATCH, NetworkConfig
from model.rings import Rings
from model.rotary import Axes
from model.wan import Block, Head, ImageEmbedding, KeysValues, Pass, PatchEmbedding, sinusoid, unpatch

# Names that official files hold and the official forward never reads: they need not be there.
UNUSED = ("*.action_model.img_attn_[qk]_norm.weight", "*.action_model.key_attn_[qk]_norm.weight")


class MatrixGameNet(nn.Module):
    """Noisy chunk, condition, timesteps and actions to the flow; see `draw`, `commit`, `condition`, `rings`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        dim, eps = config.dim, config.eps
        self.patch_embedding = PatchEmbedding(config.in_channels, dim, PATCH)
        self.time_embedding = nn.Sequential(nn.Linear(config.timestep_width, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.img_emb = ImageEmbedding(config.context_dim, dim)
        self.blocks = nn.ModuleList(
            Block(dim, config.heads, config.ffn_dim, eps, self._action_model(layer)) for layer in range(config.layers)
        )
        self.head = Head(dim, config.out_channels * PATCH[0] * PATCH[1], eps)

    def _action_model(self, layer: int) -> ActionModule | None:
        actions = self.config.actions
        return ActionModule(actions, self.config.dim) if layer in actions.layers else None

    def waves(self, timesteps: torch.Tensor) -> torch.Tensor:
        """Timesteps [frames] in 0..1000 as the network takes them, [frames, timestep_width] in its dtype.

        They are computed in float64, which exported graphs do not: there they are an input.
        """
        return sinusoid(timesteps, self.config.timestep_width).to(self.patch_embedding.weight.dtype)

    def encode(self, x: torch.Tensor, condition: torch.Tensor, waves: torch.Tensor, run: Pass):
        """The part up to the last block, in which the caches are written; returns (tokens, embedded timesteps)."""
        level = self.time_embedding(waves)
        modulation = self.time_projection(level).unflatten(1, (6, -1))
        tokens = run.rings.split.scatter(self.patch_embedding(torch.cat([x, condition], 1).to(level.dtype)))
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, modulation, run.layer(number))
        return tokens, level

    def draw(self, x: torch.Tensor, condition: torch.Tensor, waves: torch.Tensor, run: Pass) -> torch.Tensor:
        """The flow noise - clean, [frames, 16, h, w] in the network's dtype.

        x: noisy latents [frames, 16, h, w]; condition: [frames, 20, h, w], 4 channels of mask and 16 of image latents.
        """
        tokens, level = self.encode(x, condition, waves, run)
        grid = (x.shape[2] // PATCH[0], x.shape[3] // PATCH[1])
        (values,) = run.rings.split.gather(self.head(tokens, level))
        return unpatch(values, grid, PATCH)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, timesteps: torch.Tensor, run: Pass) -> torch.Tensor:
        """The flow, as `draw` gives it, at timesteps [frames] in 0..1000."""
        return self.draw(x, condition, self.waves(timesteps), run)

    def commit(self, clean: torch.Tensor, condition: torch.Tensor, timesteps: torch.Tensor, run: Pass) -> None:
        """Write the finished chunk's keys and values, and make the chunk past. Draws nothing."""
        self.encode(clean, condition, self.waves(timesteps), run)
        run.rings.commit()

    def condition(self, visual: torch.Tensor) -> list[KeysValues]:
        """Keys and values of every layer's cross-attention from CLIP's tokens [257, context_dim]: once per run."""
        context = self.img_emb(visual)
        return [block.cross_attn.project(context) for block in self.blocks]

    def rings(self, grid: tuple[int, int], device: torch.device | str, dtype: torch.dtype) -> Rings:
        """Empty caches for latent frames of `grid` tokens: over all tokens, per position, and per latent frame."""
        config, actions = self.config, self.config.actions
        head_dim = config.dim // config.heads
        every = tuple(range(config.layers))
        own = RingShape(config.ring_window(config.sink), every, config.heads, head_dim, Axes.wan(head_dim), grid)
        time, window, layers = Axes((actions.rotary,), actions.theta), config.ring_window(0), actions.layers
        shapes = {"self": own}
        if layers:
            width = actions.keyboard_width // actions.heads
            shapes["keyboard"] = RingShape(window, layers, actions.heads, width, time)
        if layers and actions.mouse_dim:
            width = actions.mouse_width // actions.heads
            shapes["mouse"] = RingShape(window, layers, actions.heads, width, time, batch=grid[0] * grid[1])
        return Rings(shapes, device, dtype)
