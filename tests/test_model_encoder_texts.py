"""What encoders are given of a prompt: the template around it, the quotations in it, its characters mended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from model.encoders.glyph import GlyphByT5, glyph_text  # noqa: E402
from model.encoders.qwen import BEFORE, BEHIND, SYSTEM  # noqa: E402
from model.encoders.umt5 import cleaned  # noqa: E402

MENDER = "ftfy is not installed: make test installs it"


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
    assert glyph_text(prompt) == text and GlyphByT5().reads(prompt) is bool(text)


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
    pytest.importorskip("ftfy", reason=MENDER)
    assert cleaned(prompt) == text


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_a_cleaned_prompt_has_single_spaces(prompt):
    pytest.importorskip("ftfy", reason=MENDER)
    assert cleaned(prompt) == " ".join(cleaned(prompt).split())
