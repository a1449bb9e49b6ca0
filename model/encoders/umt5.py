"""UMT5 as the Wan families read prompts: the states of the text and of its end, nothing behind them.

The specification of WorldPlay, section 11, and of GameCraft 2, section 2.3. Networks attend to a fixed number of rows,
those behind the text zero and not masked: `padded` makes them. Within the encoder the official code pads and masks the
padding, so here there is none.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from model.encoders import loading
from model.encoders.base import CPU
from model.layout import Layout
from model.progress import UNWATCHED, Watcher

if TYPE_CHECKING:
    import torch

# The encoder's own copy of the embedding may be in the files too: it is the same tensor.
LAYOUT = Layout(strip=("encoder.",), renames=((r"^shared\.weight$", "embed_tokens.weight"),))
RECIPE = loading.Recipe(LAYOUT, "bfloat16", "bfloat16")  # in fp16 its states overflow


def cleaned(prompt: str) -> str:
    """The prompt as the tokenizer is given it: characters mended, entities read twice, one space between words."""
    import ftfy

    return re.sub(r"\s+", " ", html.unescape(html.unescape(ftfy.fix_text(prompt)))).strip()


def padded(states: torch.Tensor, rows: int = 512) -> torch.Tensor:
    """[tokens, width] to [rows, width], zero behind the text."""
    import torch

    return torch.cat([states, states.new_zeros(rows - len(states), states.shape[1])])


@dataclass(frozen=True)
class Umt5(loading.WholeText):
    """`folder` and `tokenizer` are those of Wan's repositories in the layout of diffusers."""

    name: ClassVar[str] = "umt5"
    recipe: ClassVar[str] = "umt5-xxl 1"

    folder: str = "text_encoder"
    tokenizer: str = "tokenizer/tokenizer.json"
    width: int = 4096
    most: int = 512

    def encode(
        self, prompts: Sequence[str], weights: Path, device: torch.device | str = CPU, progress: Watcher = UNWATCHED
    ) -> list[torch.Tensor]:
        """See TextEncoder; the end's token counts as one of `most`."""
        loading.prepare()
        tokenizer = loading.tokenizer_of(weights / self.tokenizer)
        tokenizer.enable_truncation(self.most)
        rows = [tokenizer.encode(cleaned(prompt)).ids for prompt in prompts]
        config = self._config(weights / self.config)
        return loading.states_by(lambda: sketch(config), self.networks(weights), RECIPE, device, progress, rows)

    def _config(self, path: Path):
        from transformers import UMT5Config

        config = loading.config_of(UMT5Config, loading.read_json(path), path)
        loading.require_width(config.d_model, self.width, path)
        return config


def sketch(config) -> torch.nn.Module:
    from transformers import UMT5EncoderModel

    return UMT5EncoderModel(config).encoder
