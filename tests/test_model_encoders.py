"""Encoders of text and pictures, tiny and with random weights, against the same networks run as official code does."""

from __future__ import annotations

import gc
import json
import shutil
import weakref

import numpy as np
import pytest

from model.progress import Cancelled, Unwatched
from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
pytest.importorskip("transformers", reason="transformers is not installed: make test installs it")

from encoder_fixtures import (  # noqa: E402
    ENCODERS,
    FONTS,
    GLYPH,
    PICTURE,
    PROMPT,
    QWEN,
    SIGLIP,
    TOKENS,
    UMT5,
    encode,
    write_all,
)

from model import checkpoint  # noqa: E402
from model.encoders import loading  # noqa: E402
from model.encoders.qwen import BEFORE, BEHIND  # noqa: E402
from model.encoders.umt5 import padded  # noqa: E402


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """(the folder of weights, the library's own networks by the encoders' names)."""
    weights = tmp_path_factory.mktemp("weights")
    return weights, write_all(weights)


# Qwen2.5-VL


def official_qwen(network, ids, length):
    """All hidden states as the official code has them: padded, masked, the rotary frequencies rounded to fp16."""
    network.rotary_emb = type(network.rotary_emb)(network.config).half()
    mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids))])
    tokens = torch.tensor([ids + [0] * (length - len(ids))])
    return network(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states


@pytest.mark.parametrize("prompt", ["A quiet street", "\nbegins with a line break", "", "x" * 100])
def test_qwen_is_cut_and_taken_where_the_official_code_does(official, prompt):
    from tokenizers import Tokenizer

    weights, networks = official
    tokenizer = Tokenizer.from_file(str(weights / QWEN.tokenizer))
    crop = len(tokenizer.encode(BEFORE).ids)
    ids = tokenizer.encode(f"{BEFORE}{prompt or ' '}{BEHIND}").ids[: crop + QWEN.most]
    every = official_qwen(networks["qwen"], ids, crop + QWEN.most)
    states = QWEN.encode([prompt], weights)[0]
    expected = [layer[0, crop : len(ids)] for layer in every]
    assert states.shape == (len(ids) - crop, QWEN.width) and len(states) <= QWEN.most
    scale = expected[-3].float().abs().mean()
    off = [float((states.float() - layer.float()).abs().mean() / scale) for layer in expected]
    assert off[-3] < 0.01  # two ways of adding in bf16
    assert min(off[:-3] + off[-2:]) > 0.1
    assert len(states) < QWEN.most or prompt == "x" * 100


def test_qwen_reads_every_prompt_as_if_it_were_alone(official):
    together = QWEN.encode(["one", "another one"], official[0])
    alone = [QWEN.encode([prompt], official[0])[0] for prompt in ("one", "another one")]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_qwen_in_one_file_with_newer_names_is_the_same(official, tmp_path):
    from safetensors.torch import load_file, save_file

    own = shutil.copytree(official[0], tmp_path / "weights")
    folder, tensors = own / QWEN.folder, {}
    for part in sorted(folder.glob("model-*.safetensors")):
        tensors |= load_file(part)
        part.unlink()
    newer = {name.replace("model.", "model.language_model.", 1): tensor for name, tensor in tensors.items()}
    save_file(newer, folder / "model.safetensors")
    assert torch.equal(encode("qwen", own), encode("qwen", official[0]))


# ByT5, UMT5, SigLIP


def test_glyph_states_are_those_of_the_padded_text(official):
    weights, networks = official
    text = b'Text "OPEN". '
    ids = [byte + 3 for byte in text] + [1]
    mask = torch.tensor([[1.0] * len(ids) + [0.0] * (GLYPH.most - len(ids))])
    tokens = torch.tensor([ids + [0] * (GLYPH.most - len(ids))])
    expected = networks["glyph"](input_ids=tokens, attention_mask=mask).last_hidden_state[0, : len(ids)]
    states = encode("glyph", weights)
    assert states.dtype == torch.float32 and torch.allclose(states, expected, atol=1e-4)


def test_glyph_tokens_of_colours_and_typefaces_come_behind_the_bytes(official):
    tokenizer = GLYPH._tokenizer(official[0])
    assert len(tokenizer) == TOKENS
    ids = tokenizer("a<color-1><cn-font-7>").input_ids
    assert ids == [ord("a") + 3, 384 + 1, 384 + 2 + list(FONTS).index("cn-Other"), 1]


def test_a_long_quotation_is_cut_before_its_end_token(official):
    states = GLYPH.encode(['"' + "x" * 500 + '"', '"x"'], official[0])
    assert [len(row) for row in states] == [GLYPH.most, len('Text "x". ') + 1]


def test_umt5_states_are_those_of_the_padded_text_and_zero_behind(official):
    weights, networks = official
    ids = [3, 4, 5, 2, 1]  # a stone bridge <unk> </s>
    mask = torch.tensor([[1] * len(ids) + [0] * (UMT5.most - len(ids))])
    tokens = torch.tensor([ids + [0] * (UMT5.most - len(ids))])
    expected = networks["umt5"](input_ids=tokens, attention_mask=mask).last_hidden_state[0, : len(ids)]
    states = UMT5.encode(["a  stone\nbridge unheard"], weights)[0]
    assert states.shape == expected.shape
    assert (states.float() - expected.float()).abs().mean() < 0.01 * expected.float().abs().mean()
    rows = padded(states, UMT5.most)
    assert (
        rows.shape == (UMT5.most, UMT5.width) and torch.equal(rows[: len(ids)], states) and not rows[len(ids) :].any()
    )
    assert len(UMT5.encode(["water " * 50], weights)[0]) == UMT5.most
    assert len(UMT5.encode([" "], weights)[0]) == 1


def test_siglip_sees_what_the_library_makes_of_the_picture(official):
    from model.encoders.siglip import Extractor

    try:
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil as Processor
    except ImportError:  # what earlier versions of the library call it
        from transformers import SiglipImageProcessor as Processor
    weights, networks = official
    processor = Processor.from_dict(json.loads((weights / SIGLIP.extractor).read_text()))
    pixels = torch.as_tensor(np.asarray(processor.preprocess(PICTURE, return_tensors="np")["pixel_values"]))
    assert torch.allclose(Extractor.read(weights / SIGLIP.extractor).prepared(PICTURE, 28), pixels, atol=1e-6)
    expected = networks["siglip"](pixel_values=pixels).last_hidden_state[0]
    assert expected.shape == (SIGLIP.most, SIGLIP.width)
    assert torch.allclose(encode("siglip", weights), expected, atol=1e-4)


# Read, used, let go


class Bored(Unwatched):
    def stage(self, words, total=0, unit="", name="", done=0):
        if words == "encoding":
            raise Cancelled


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("bored", [False, True], ids=["done", "cancelled"])
def test_the_network_is_gone_afterwards(official, monkeypatch, name, bored):
    seen = []

    def watched(module, *args):
        seen.append(weakref.ref(module))
        filled = fill(module, *args)
        seen.extend(weakref.ref(parameter) for parameter in module.parameters())
        return filled

    fill = checkpoint.fill
    monkeypatch.setattr(checkpoint, "fill", watched)
    if bored:
        with pytest.raises(Cancelled):
            encode(name, official[0], Bored())
        gc.collect()  # what the exception held
    else:
        encode(name, official[0])
    assert len(seen) > 10 and not any(ref() is not None for ref in seen)


def test_a_gpu_without_room_is_left_alone(monkeypatch):
    network = torch.nn.Linear(1000, 1000, bias=False)
    for free, chosen in ((2.3e6, "cpu"), (2.5e6, "cuda")):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (int(free), int(1e9)))
        assert loading.roomy(torch.device("cuda"), network, torch.float16).type == chosen


def test_what_the_encoders_make_is_stored_and_found_without_them(official, tmp_path):
    from model.encoders.base import Conditioning
    from model.prompts.embedder import Embedder
    from model.prompts.listed import FILE
    from model.prompts.stored import write_stored

    wanted = Conditioning((QWEN, GLYPH), SIGLIP)
    there = Embedder(wanted, official[0])
    made = there.made(there.encode_texts([PROMPT, ""]), there.encode_pictures([PICTURE]))
    write_stored(tmp_path / FILE, made)
    away = Embedder(wanted, tmp_path, [tmp_path])
    assert all(torch.equal(away.embed(PROMPT)[name], encode(name, official[0])) for name in ("qwen", "glyph"))
    assert away.embed("")["glyph"] is None and away.embed("")["qwen"].shape == (len(f" {BEHIND}") - 20, QWEN.width)
    assert torch.equal(away.see(PICTURE), there.see(PICTURE))
    with pytest.raises(UserError, match=r"has no text_encoder/llm/config.json and 2 more \(stored: .*OPEN"):
        away.embed("rain")
