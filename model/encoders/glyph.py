"""Glyph-ByT5 as HunyuanVideo 1.5 uses it: how the letters of what is to be written in the picture look.

The specification of WorldPlay, section 10; Liu et al. 2024, "Glyph-ByT5-v2". Only text within double quotes is read.
The network is the encoder of byt5-small with other weights and more tokens, those of colours and typefaces. Nothing is
padded: in the official code padding is masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from model.encoders import loading
from model.encoders.base import CPU
from model.layout import RESTORE, Layout
from model.progress import UNWATCHED, Watcher
from runtime.errors import UserError

if TYPE_CHECKING:
    import torch

# Straight quotes, or curly ones that match.
QUOTED = re.compile('"(.*?)"|\N{LEFT DOUBLE QUOTATION MARK}(.*?)\N{RIGHT DOUBLE QUOTATION MARK}')
# The file holds a whole contrastive model, of which this is the text's half.
LAYOUT = Layout(inside=("state_dict",), strip=("module.text_tower.encoder.",), unused=("module.*",))
RECIPE = loading.Recipe(LAYOUT, "float32", "float32")


def glyph_text(prompt: str) -> str:
    """What the encoder is told of a prompt: a sentence for each different quotation; empty where there is none."""
    quotations = dict.fromkeys(straight or curly for straight, curly in QUOTED.findall(prompt))
    return "".join(f'Text "{quotation}". ' for quotation in quotations)


@dataclass(frozen=True)
class GlyphByT5:
    """`config` is byt5-small's; `checkpoint`, `colors` and `fonts` are files of Glyph-SDXL-v2."""

    name: ClassVar[str] = "glyph"
    recipe: ClassVar[str] = "glyph-byt5-v2 1"

    config: str = "text_encoder/byt5-small/config.json"
    checkpoint: str = "text_encoder/Glyph-SDXL-v2/checkpoints/byt5_model.pt"
    colors: str = "text_encoder/Glyph-SDXL-v2/assets/color_idx.json"
    fonts: str = "text_encoder/Glyph-SDXL-v2/assets/multilingual_10-lang_idx.json"
    width: int = 1472
    most: int = 256

    def files(self, weights: Path) -> list[str]:
        return [self.config, self.checkpoint, self.colors, self.fonts]

    def reads(self, prompt: str) -> bool:
        return bool(glyph_text(prompt))

    def encode(
        self, prompts: Sequence[str], weights: Path, device: torch.device | str = CPU, progress: Watcher = UNWATCHED
    ) -> list[torch.Tensor]:
        """See TextEncoder: the states of the quotations' bytes and of the end."""
        loading.prepare()
        tokenizer = self._tokenizer(weights)
        texts = [glyph_text(prompt) for prompt in prompts]
        rows = [tokenizer(text, truncation=True, max_length=self.most).input_ids for text in texts]
        config = self._config(weights / self.config, len(tokenizer))
        files = [weights / self.checkpoint]
        return loading.states_by(lambda: sketch(config), files, RECIPE, device, progress, rows)

    def _tokenizer(self, weights: Path):
        """Bytes, then the tokens of colours and typefaces in the order of their files."""
        from transformers import ByT5Tokenizer

        colors, fonts = (loading.read_json(weights / name) for name in (self.colors, self.fonts))
        if not colors or not fonts or any(type(number) is not int for number in fonts.values()):
            raise UserError("the tokens of colours and typefaces are not numbered", str(weights / self.fonts), RESTORE)
        more = [f"<color-{number}>" for number in range(len(colors))]
        more += [f"<{font[:2]}-font-{number}>" for font, number in fonts.items()]
        tokenizer = ByT5Tokenizer()
        tokenizer.add_tokens(more, special_tokens=True)
        return tokenizer

    def _config(self, path: Path, tokens: int):
        from transformers import T5Config

        config = loading.config_of(T5Config, loading.read_json(path) | {"vocab_size": tokens}, path)
        loading.require_width(config.d_model, self.width, path)
        return config


def sketch(config) -> torch.nn.Module:
    from transformers import T5EncoderModel

    return T5EncoderModel(config).encoder
