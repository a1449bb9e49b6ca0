"""WorldPlay's 8B transformer: HunyuanVideo blocks with labels of movement and cameras. Torch only.

HY-World 1.5 (WorldPlay), sec. 3: dual action representation, reconstituted context. It sees one chunk, or the frames of
its context, at a time; what they see of the past and of the text lies in the ring of `rings`. Of a block the video's
half is run with every pass, the text's once per prompt. Parameters have the official names, but for those: see LAYOUT.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from model.hunyuan import FinalLayer, GlyphProjection, ScalarEmbedding, Stream, TextStream, TokenRefiner
from model.layout import Layout
from model.prope import attend_twice
from model.rotary import Axes
from model.wan import ImageEmbedding, KeysValues, LayerPass, Pass, PatchEmbedding, merge_heads
from model.worldplay.camera_net import CameraNet
from model.worldplay.config import NetworkConfig

# The halves of a block are in two lists here, as they never run together, and names with a prefix there.
LAYOUT = Layout(
    renames=((r"^double_blocks\.(\d+)\.img_", r"blocks.\1."), (r"^double_blocks\.(\d+)\.txt_", r"text_blocks.\1."))
)
LANGUAGE, GLYPH, PICTURE = range(3)  # rows of the embedding that tells the conditions apart


class VideoStream(Stream):
    """A block's half for the video: two branches of attention, to the text, the context and the chunk."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__(dim, heads, inner)
        self.attn_prope_proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor, vector: torch.Tensor, run: LayerPass) -> torch.Tensor:
        """x: [frames, tokens, dim]; vector: [frames, dim]."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.mod(vector).unsqueeze(2).unbind(1)
        h = self.modulate(x, shift1, scale1)
        # Keys and values of all processes' tokens, each process's queries its own.
        k, v = run.split.gather(self.attn_k(h), self.attn_v(h))
        k, v = self.attn_k_norm(self.by_head(k)), self.by_head(v)
        rotary, camera = (merge_heads(part, len(x)) for part in attend_twice(self.queries(h), k, v, run))
        x = x + gate1 * (self.attn_proj(rotary) + self.attn_prope_proj(camera))
        return x + gate2 * self.mlp(self.modulate(x, shift2, scale2))


class WorldPlayNet(CameraNet):
    """Noisy chunk, condition, timesteps, labels and cameras to the flow; see `draw`, `encode`, `tell`, `rings`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        dim, sizes = config.dim, (config.dim, config.heads, config.inner)
        inputs = config.channels + config.picture_channels
        self.img_in = nn.ModuleDict({"proj": PatchEmbedding(inputs, dim, config.patch)})
        self.time_in, self.action_in = (ScalarEmbedding(config.wave_width, dim) for _ in range(2))
        self.txt_in = TokenRefiner(config.language, config.wave_width, dim, config.heads, config.refiner_layers)
        self.byt5_in = GlyphProjection(config.glyph, config.glyph_inner, config.glyph_middle, dim)
        self.vision_in = ImageEmbedding(config.picture, dim)
        self.cond_type_embedding = nn.Embedding(3, dim)
        self.blocks = nn.ModuleList(VideoStream(*sizes) for _ in range(config.layers))
        self.text_blocks = nn.ModuleList(TextStream(*sizes) for _ in range(config.layers))
        self.final_layer = FinalLayer(dim, config.channels * config.patch[0] * config.patch[1])

    @property
    def seldom(self) -> nn.ModuleList:
        return self.text_blocks

    @property
    def dtype(self) -> torch.dtype:
        return self.cond_type_embedding.weight.dtype

    @property
    def axes(self) -> Axes:
        return Axes(self.config.rotary, self.config.theta)

    def encode(
        self, x: torch.Tensor, timesteps: torch.Tensor, labels: torch.Tensor, run: Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The part up to the last block, in which the cache is written; returns (tokens, the vector per frame).

        x: [frames, channels + picture_channels, h, w]; timesteps and labels: their waves [frames, wave_width].
        """
        vector = self.time_in(timesteps) + self.action_in(labels)
        tokens = run.rings.split.scatter(self.img_in["proj"](x.to(vector.dtype)))
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, vector, run.layer(number))
        return tokens, vector

    def values(self, tokens: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        return self.final_layer(tokens, vector)

    def conditions(
        self, language: torch.Tensor, glyph: torch.Tensor, picture: torch.Tensor, there: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The encoders' states [tokens, width] to tokens [all, dim], in the order picture, glyph, language.

        there: bool, which of the language's states count; None for all.
        """
        zero = self.waves(torch.zeros(1, device=language.device))
        kinds = self.cond_type_embedding.weight
        parts = (
            self.vision_in(picture) + kinds[PICTURE],
            self.byt5_in(glyph) + kinds[GLYPH],
            self.txt_in(language, zero, there) + kinds[LANGUAGE],
        )
        return torch.cat(parts)

    def tell(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> list[KeysValues]:
        """Keys and values that every layer's video sees of `conditions`, [1, heads, tokens, head_dim]: once per prompt.

        mask: bool [1, 1, 1, tokens], which of them are there; None for all.
        """
        vector = self.time_in(self.waves(torch.zeros(1, device=tokens.device)))
        found = []
        for number, block in enumerate(self.text_blocks, 1):
            tokens, pair = block.project(tokens, vector, mask, last=number == len(self.text_blocks))
            found.append(pair)
        return found
