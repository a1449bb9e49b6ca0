"""Encoders of text and pictures, tiny and with random weights, against the same networks run as official code does."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference

from model.progress import Cancelled, Unwatched
from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
pytest.importorskip("transformers", reason="transformers is not installed: make test installs it")

from encoder_fixtures import (  # noqa: E402
    FONTS,
    GLYPH,
    QWEN,
    SIGLIP,
    TOKENS,
    UMT5,
    write_glyph,
    write_qwen,
    write_siglip,
    write_umt5,
    written,
)

from model.encoders import loading  # noqa: E402
from model.encoders.base import fingerprint, missing  # noqa: E402
from model.encoders.glyph import GlyphByT5, glyph_text  # noqa: E402
from model.encoders.qwen import BEFORE, BEHIND, SYSTEM, Qwen  # noqa: E402
from model.encoders.siglip import Siglip  # noqa: E402
from model.encoders.umt5 import Umt5, cleaned, padded  # noqa: E402

PROMPT = 'A stone bridge with a sign that reads "OPEN" near the water'
WRITERS = {"qwen": write_qwen, "glyph": write_glyph, "umt5": write_umt5, "siglip": write_siglip}
ENCODERS = {encoder.name: encoder for encoder in (QWEN, GLYPH, UMT5, SIGLIP)}
PICTURE = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """(the folder of weights, the library's own networks by the encoders' names)."""
    weights = tmp_path_factory.mktemp("weights")
    return weights, {name: write(weights) for name, write in WRITERS.items()}


@pytest.fixture
def own(official, tmp_path):
    """A copy of the folder of weights, to be damaged."""
    import shutil

    return shutil.copytree(official[0], tmp_path / "weights")


def encode(name, weights, progress=None):
    given = [PICTURE] if name == "siglip" else [PROMPT]
    return ENCODERS[name].encode(given, weights, **({"progress": progress} if progress else {}))[0]


# What is read


def test_the_system_message_is_that_of_the_source():
    """As the source writes it: a literal whose lines go on with eight spaces of indentation after a space."""
    lines = SYSTEM.split(" " + " " * 8)
    assert len(lines) == 6 and lines[0].endswith("the following aspects:")
    assert [line[:3] for line in lines[1:]] == ["1. ", "2. ", "3. ", "4. ", "5. "] and not any("  " in x for x in lines)
    assert BEFORE.startswith("<|im_start|>system\nYou are") and BEFORE.endswith(".<|im_end|>\n<|im_start|>user\n")
    assert BEHIND == "<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "prompt, text",
    [
        ("A quiet street at dusk", ""),
        ("it's 'single' and \N{LEFT SINGLE QUOTATION MARK}curly\N{RIGHT SINGLE QUOTATION MARK}", ""),
        ('one " alone', ""),
        ('"A" and "B", then "A"', 'Text "A". Text "B". '),
        ("\N{LEFT DOUBLE QUOTATION MARK}curled\N{RIGHT DOUBLE QUOTATION MARK} text", 'Text "curled". '),
        ("\N{RIGHT DOUBLE QUOTATION MARK}the wrong way\N{LEFT DOUBLE QUOTATION MARK}", ""),
        ('broken "over\nlines"', ""),
        ('an empty ""', 'Text "". '),
    ],
)
def test_only_what_is_quoted_is_read_by_the_glyph_encoder(prompt, text):
    assert glyph_text(prompt) == text and GLYPH.reads(prompt) is bool(text)


def test_the_glyph_encoder_is_told_what_the_official_pipeline_tells_it():
    rollouts = json.loads(reference("worldplay", "golden_transformer.json").read_text())["rollouts"]
    told = {name: (glyph_text(rollout["prompt"]) or None, rollout["byt5_prompt"]) for name, rollout in rollouts.items()}
    assert told and all(ours == theirs for ours, theirs in told.values())


@pytest.mark.parametrize(
    "prompt, text",
    [
        ("  a\n\tstone \N{NO-BREAK SPACE} bridge ", "a stone bridge"),
        ("salt &amp;amp; water", "salt & water"),
        ("\N{LEFT DOUBLE QUOTATION MARK}x\N{RIGHT DOUBLE QUOTATION MARK}", '"x"'),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}\N{FULLWIDTH COMMA}", "a,"),
        (" ", ""),
    ],
)
def test_prompts_are_cleaned_for_umt5(prompt, text):
    assert cleaned(prompt) == text


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_a_cleaned_prompt_has_single_spaces(prompt):
    assert cleaned(prompt) == " ".join(cleaned(prompt).split())


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


def test_qwen_in_one_file_with_newer_names_is_the_same(official, own):
    from safetensors.torch import load_file, save_file

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

    fill = loading.fill
    monkeypatch.setattr(loading, "fill", watched)
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


# What is missing or damaged is one line


def refused(name, weights):
    with pytest.raises(UserError) as caught:
        encode(name, weights)
    said = str(caught.value)
    assert said.isprintable() and "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ENCODERS)
def test_every_file_is_needed(own, name):
    encoder = ENCODERS[name]
    assert missing(encoder, own) == [] and len(encoder.files(own)) >= 3
    for file in encoder.files(own):
        content = (own / file).read_bytes()
        mark = fingerprint(encoder, own)
        (own / file).unlink()
        lacks = missing(encoder, own)
        if not file.endswith(".index.json"):  # without it the weights are another file, which is not there either
            assert lacks == [file]
        assert lacks and "missing" in refused(name, own)
        (own / file).write_bytes(content[: len(content) // 2])
        refused(name, own)
        (own / file).write_bytes(content)
        assert fingerprint(encoder, own) == mark


@pytest.mark.parametrize(
    "encoder, said",
    [(Qwen(width=48), "32 wide"), (GlyphByT5(), "32 wide"), (Umt5(), "32 wide"), (Siglip(width=32), "28 pixels")],
    ids=ENCODERS,
)
def test_another_encoder_is_refused(official, encoder, said):
    with pytest.raises(UserError, match=said):
        encoder.encode([PICTURE if encoder.name == "siglip" else PROMPT], official[0])


@pytest.mark.parametrize(
    "name, file, change, said",
    [
        ("qwen", QWEN.config, {"num_hidden_layers": 2}, "2 layers"),
        ("qwen", QWEN.config, {"num_hidden_layers": 4}, "unexpected: layers.4"),
        ("qwen", QWEN.config, {"num_hidden_layers": 8}, "missing: layers.5"),
        ("qwen", QWEN.config, {"num_attention_heads": "two"}, "does not fit"),
        ("qwen", QWEN.config, {"intermediate_size": 49}, "misshapen"),
        ("qwen", f"{QWEN.folder}/model.safetensors.index.json", {"weight_map": {"a": "../x.safetensors"}}, "names no"),
        ("glyph", GLYPH.fonts, {"en-Third": "x"}, "not numbered"),
        ("glyph", GLYPH.colors, {"red": 2}, "misshapen: embed_tokens"),
        ("umt5", UMT5.config, {"num_heads": "two"}, "does not fit"),
        ("siglip", SIGLIP.extractor, {"image_std": [0.5, 0, 0.5]}, "not three"),
        ("siglip", SIGLIP.extractor, {"resample": "soft"}, "no settings"),
    ],
)
def test_settings_that_do_not_fit_are_named(own, name, file, change, said):
    written(own / file, json.loads((own / file).read_text()) | change)
    assert said in refused(name, own)


def test_states_that_are_no_numbers_are_refused(own):
    from safetensors.torch import load_file, save_file

    path = own / UMT5.folder / "model.safetensors"
    tensors = load_file(path)
    tensors["encoder.block.0.layer.1.layer_norm.weight"][0] = float("nan")
    save_file(tensors, path)
    assert "no number" in refused("umt5", own)


def test_without_the_packages_it_is_one_line(official, monkeypatch):
    monkeypatch.setattr(loading, "PACKAGES", ("transformers", "no_such_package"))
    for name in ENCODERS:
        assert "needs no_such_package, which is not installed" in refused(name, official[0])
