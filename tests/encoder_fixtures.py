"""Tiny encoders with random weights, as official files in a folder of weights, for tests of what reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from model.encoders.glyph import GlyphByT5
from model.encoders.qwen import Qwen
from model.encoders.siglip import Siglip
from model.encoders.umt5 import Umt5
from model.progress import UNWATCHED, Watcher

SPECIAL = ("<|im_start|>", "<|im_end|>")
QWEN, GLYPH = Qwen(width=32, most=40), GlyphByT5(width=32, most=64)
UMT5, SIGLIP = Umt5(width=32, most=12), Siglip(width=32, most=4)
COLORS, FONTS = {"white": 0, "black": 1}, {"en-Some": 0, "cn-Other": 7}
TOKENS = 384 + len(COLORS) + len(FONTS)
# As the official configurations are: the language model's at the top, the decoder's beside the encoder's.
QWEN_CONFIG = {
    **{"model_type": "qwen2_5_vl", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 5},
    **{"num_attention_heads": 2, "num_key_value_heads": 1, "max_window_layers": 5, "sliding_window": 32768},
    **{"rope_theta": 1e6, "rms_norm_eps": 1e-6, "use_sliding_window": False, "vocab_size": 300, "bos_token_id": 1},
    **{"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}, "eos_token_id": 2, "torch_dtype": "bfloat16"},
    "vision_config": {"depth": 1},
}
T5_SIZES = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 2, "feed_forward_proj": "gated-gelu"}
T5_CONFIG = {**T5_SIZES, "model_type": "t5", "is_encoder_decoder": True, "num_decoder_layers": 1, "vocab_size": 384}
UMT5_CONFIG = {**T5_SIZES, "model_type": "umt5", "vocab_size": 32, "tie_word_embeddings": False}
SIGLIP_CONFIG = {
    **{"model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
    **{"num_attention_heads": 2, "image_size": 28, "patch_size": 14, "hidden_act": "gelu_pytorch_tanh"},
}
EXTRACTOR = {
    **{"do_normalize": True, "do_rescale": True, "do_resize": True, "image_processor_type": "SiglipImageProcessor"},
    **{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3, "rescale_factor": 1 / 255},
    "size": {"height": 28, "width": 28},
}
WORDS = ("<pad>", "</s>", "<unk>", "a", "stone", "bridge", "near", "the", "water", "&", ",")


def written(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def shaken(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Random weights, large enough that every layer matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        tensor.copy_(1 + 0.1 * noise if "norm" in name and name.endswith("weight") else 0.3 * noise)
    return network.eval().requires_grad_(False)


def write_qwen(weights: Path) -> torch.nn.Module:
    """In two parts with an index, beside parts that are not read; gives the whole language model."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLTextModel

    written(weights / QWEN.config, QWEN_CONFIG)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*letters, "\u010a\u010a"])}  # two line breaks are one
    tokenizer = Tokenizer(models.BPE(vocabulary, [("\u010a", "\u010a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token) for token in SPECIAL])
    tokenizer.save(str(weights / QWEN.tokenizer))
    network = shaken(Qwen2_5_VLTextModel(Qwen2_5_VLConfig.from_dict(dict(QWEN_CONFIG)).text_config), 1)
    tensors = {f"model.{name}": tensor.bfloat16() for name, tensor in network.state_dict().items()}
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    tensors["visual.blocks.0.weight"] = torch.zeros(3, dtype=torch.int64)  # would be refused if it were read
    names, folder = sorted(tensors), weights / QWEN.folder
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for part, mine in parts.items():
        save_file({name: tensors[name] for name in mine}, folder / part)
    places = {name: part for part, mine in parts.items() for name in mine}
    written(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})
    return network.bfloat16()


def write_glyph(weights: Path) -> torch.nn.Module:
    """As a whole training state with another half; gives the encoder."""
    from transformers import T5Config, T5EncoderModel

    written(weights / GLYPH.config, T5_CONFIG)
    written(weights / GLYPH.colors, COLORS)
    written(weights / GLYPH.fonts, FONTS)
    network = shaken(T5EncoderModel(T5Config.from_dict(T5_CONFIG | {"vocab_size": TOKENS})).encoder, 2)
    state = {f"module.text_tower.encoder.{name}": tensor for name, tensor in network.state_dict().items()}
    state |= {"module.visual_tower.weight": torch.zeros(2), "module.logit_scale": torch.zeros(())}
    path = weights / GLYPH.checkpoint
    path.parent.mkdir(parents=True)
    torch.save({"epoch": 3, "state_dict": state}, path)
    return network


def write_umt5(weights: Path) -> torch.nn.Module:
    """Gives the encoder; its tokenizer knows WORDS, and its file asks for padding."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import UMT5Config, UMT5EncoderModel

    written(weights / UMT5.config, UMT5_CONFIG)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.enable_padding(length=20)
    (weights / UMT5.tokenizer).parent.mkdir(parents=True)
    tokenizer.save(str(weights / UMT5.tokenizer))
    network = shaken(UMT5EncoderModel(UMT5Config.from_dict(dict(UMT5_CONFIG))).encoder, 3).bfloat16()
    state = {f"encoder.{name}": tensor for name, tensor in network.state_dict().items()}
    state["shared.weight"] = state.pop("encoder.embed_tokens.weight")
    save_file(state, weights / UMT5.folder / "model.safetensors")
    return network


def write_siglip(weights: Path) -> torch.nn.Module:
    """Gives the whole tower, with its head."""
    from transformers import SiglipVisionConfig, SiglipVisionModel

    written(weights / SIGLIP.config, SIGLIP_CONFIG)
    written(weights / SIGLIP.extractor, EXTRACTOR)
    network = shaken(SiglipVisionModel(SiglipVisionConfig.from_dict(dict(SIGLIP_CONFIG))), 4)
    state = {f"vision_model.{name.removeprefix('vision_model.')}": t for name, t in network.state_dict().items()}
    save_file(state, weights / SIGLIP.folder / "image_encoder" / "model.safetensors")
    return network


PROMPT = 'A stone bridge with a sign that reads "OPEN" near the water'
PICTURE = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)
WRITERS = {"qwen": write_qwen, "glyph": write_glyph, "umt5": write_umt5, "siglip": write_siglip}
ENCODERS = {encoder.name: encoder for encoder in (QWEN, GLYPH, UMT5, SIGLIP)}


def write_all(weights: Path) -> dict[str, torch.nn.Module]:
    """All four; gives the library's own networks by the encoders' names."""
    return {name: write(weights) for name, write in WRITERS.items()}


def encode(name: str, weights: Path, progress: Watcher = UNWATCHED) -> torch.Tensor:
    """The states of PROMPT, or of PICTURE."""
    return ENCODERS[name].encode([PICTURE if name == "siglip" else PROMPT], weights, progress=progress)[0]
