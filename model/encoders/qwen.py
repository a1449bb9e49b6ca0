"""Qwen2.5-VL as HunyuanVideo 1.5 reads prompts: its language model's states before the last two layers.

The specification of WorldPlay, section 10. The official code pads every text to its longest and masks the padding:
attention is causal and the padding behind, so no state that is kept knows of it, and here there is none. The last two
layers, the final norm, the head and the vision tower are not used, so they are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from model.encoders import loading
from model.encoders.base import CPU, EMPTY
from model.layout import RESTORE, Layout
from model.progress import UNWATCHED, Watcher
from runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    import torch.nn as nn

# What the checkpoint was trained behind, gaps of the official source's indentation included.
ASPECTS = (
    "1. The main content and theme of the video.",
    "2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects.",
    "3. Actions, events, behaviors temporal relationships, physical movement changes of the objects.",
    "4. background environment, light, style and atmosphere.",
    "5. camera angles, movements, and transitions used in the video.",
)
GAP = " " * 9
SYSTEM = GAP.join(
    ("You are a helpful assistant. Describe the video by detailing the following aspects:", *ASPECTS),
)
USER, END = "<|im_start|>user\n", "<|im_end|>\n"
BEFORE = f"<|im_start|>system\n{SYSTEM}{END}{USER}"
BEHIND = f"{END}<|im_start|>assistant\n"
ANY = "a photo"  # any text that does not grow together with the marker before it
UNUSED_LAYERS = 2


@dataclass(frozen=True)
class Qwen(loading.WholeText):
    """`folder` is that of Qwen2.5-VL-7B-Instruct; `most` counts the tokens from the prompt on."""

    name: ClassVar[str] = "qwen"
    recipe: ClassVar[str] = "qwen2.5-vl hidden_states[-3] 1"

    folder: str = "text_encoder/llm"
    width: int = 3584
    most: int = 1000

    @property
    def tokenizer(self) -> str:
        return f"{self.folder}/tokenizer.json"

    def encode(
        self, prompts: Sequence[str], weights: Path, device: torch.device | str = CPU, progress: Watcher = UNWATCHED
    ) -> list[torch.Tensor]:
        """See TextEncoder: the states of the prompt's tokens and of the template's behind it."""
        loading.prepare()
        rows, crop = self.tokens(prompts, weights / self.tokenizer)
        config = self._config(weights / self.config)
        recipe = loading.Recipe(layout(config.num_hidden_layers), "float16", "bfloat16", turn)
        files = self.networks(weights)
        with_template = loading.states_by(lambda: sketch(config), files, recipe, device, progress, rows)
        return [states[crop:].clone() for states in with_template]

    def tokens(self, prompts: Sequence[str], path: Path) -> tuple[list[list[int]], int]:
        """Each prompt's token ids within the template, and how many of them come before the prompt."""
        tokenizer = loading.tokenizer_of(path)

        def ids(text: str) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=False).ids

        # As the official code does, once for all prompts: a prompt that begins with a line break eats the marker's.
        marker, whole = ids(USER), ids(f"{BEFORE}{ANY}{BEHIND}")
        places = (at for at in range(len(whole)) if whole[at : at + len(marker)] == marker)
        if not marker or (found := next(places, None)) is None:
            raise UserError("the tokenizer does not know where a user's text begins", str(path), RESTORE)
        crop = found + len(marker)
        rows = [ids(f"{BEFORE}{prompt or EMPTY}{BEHIND}") for prompt in prompts]
        return [row[: crop + self.most] for row in rows], crop

    def _config(self, path: Path):
        """The language model's configuration, out of the whole model's."""
        from transformers import Qwen2_5_VLConfig

        config = loading.config_of(Qwen2_5_VLConfig, loading.read_json(path), path).text_config
        loading.require_width(config.hidden_size, self.width, path)
        if config.num_hidden_layers <= UNUSED_LAYERS:
            raise UserError(f"another encoder: it has {config.num_hidden_layers} layers", str(path), RESTORE)
        config.use_cache = False
        return config


def layout(layers: int) -> Layout:
    """The names in files of the whole model, as older and newer versions of the library write them."""
    last = tuple(f"layers.{layer}.*" for layer in range(layers - UNUSED_LAYERS, layers))
    unused = ("visual.*", "lm_head.*", "norm.*", *last)
    return Layout(strip=("model.", "language_model.", "model."), unused=unused)


def sketch(config) -> nn.Module:
    """The language model, whose last states are those that are wanted."""
    from torch.nn import Identity
    from transformers import Qwen2_5_VLTextModel

    network = Qwen2_5_VLTextModel(config)
    network.layers, network.norm = network.layers[:-UNUSED_LAYERS], Identity()
    return network


def turn(network: nn.Module) -> None:
    """Make the rotary frequencies, rounded as by the official code, which casts the whole model to fp16."""
    network.rotary_emb = type(network.rotary_emb)(network.config).half().float()
