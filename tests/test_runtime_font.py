"""The typeface: what it can draw, and text made to fit."""

from __future__ import annotations

import string
from pathlib import Path

import pygame
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.font import ELLIPSIS, FILE, clipped, font, plain, text_size, wrapped

ROOT = Path(__file__).resolve().parent.parent
modest = settings(max_examples=60, deadline=None)
# What is odd to draw, beside what is not: halves of characters, control characters, hanzi, marks.
texts = st.text(st.one_of(st.characters(), st.sampled_from("\x00\n\t\ud800 ab\u4f60\u0301")), max_size=60)


def has(characters: str) -> list[str]:
    """Those of `characters` that the typeface lacks."""
    return [one for one, metrics in zip(characters, font(20).metrics(characters), strict=True) if metrics is None]


def test_it_has_what_people_read_and_type():
    accents = "áàâäãåæçđéèêëěğíîïıłñńňóôöőøœřśšßţťúùûüűůýžżÁČĐĞİŁŐŘŠÜŽ"
    symbols = "‹›«»“”‘’—–←→↑↓▲▼✓●×°€"
    assert has(string.ascii_letters + string.digits + string.punctuation + accents + symbols) == []
    assert has("".join(bytes((hi, lo)).decode("gb2312") for hi in (0xB0, 0xC4, 0xF7) for lo in range(0xA1, 0xFA))) == []


@pytest.mark.parametrize("path", sorted((ROOT / "assets" / "strings").glob("*.yaml")), ids=lambda path: path.stem)
def test_it_has_every_string(path):
    words = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert has("".join(sorted(set("".join(words.values())) - {"\n"}))) == []


def test_the_licence_lies_beside_it():
    licence = FILE.with_name("OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence and "Adobe" in licence
    assert FILE.stat().st_size < 4_000_000


def test_fonts_survive_the_end_of_pygame():
    before = font(20)
    assert font(20) is before
    pygame.quit()
    assert font(20).size("still here")[0] > 0
    pygame.font.quit()
    assert font(20).size("and again")[0] > 0


@pytest.mark.parametrize(
    ("window", "scale", "size"),
    [((1280, 720), 1.0, 22), ((320, 240), 1.0, 11), ((3840, 2160), 1.0, 68), ((1280, 720), 2.0, 45)],
)
def test_text_grows_with_the_window(window, scale, size):
    assert text_size(window, scale) == size


@modest
@given(st.integers(160, 8000), st.integers(120, 5000), st.floats(0.5, 3))
def test_some_lines_always_fit(width, height, scale):
    size = text_size((width, height), scale)
    assert size >= 6 and size * 10 <= height and size * 16 <= width


@modest
@given(texts, st.integers(0, 300))
def test_clipped_fits_and_can_be_drawn(words, width):
    line = clipped(font(16), words, width)
    assert font(16).size(line)[0] <= width
    font(16).render(line, True, (255, 255, 255))
    assert line == plain(words) or line.endswith(ELLIPSIS) or line == ""


@modest
@given(texts, st.integers(20, 300), st.integers(1, 5))
def test_wrapped_fits_and_loses_nothing_it_has_room_for(words, width, most):
    lines = wrapped(font(16), words, width, most)
    assert len(lines) <= most and all(font(16).size(line)[0] <= width for line in lines)
    if not any(line.endswith(ELLIPSIS) or not line for line in lines):
        assert "".join("".join(lines).split()) == "".join("".join(plain(line) for line in words.splitlines()).split())


def test_wrapping_keeps_words_and_punctuation_together():
    assert wrapped(font(16), "one two three", font(16).size("one two")[0]) == ["one two", "three"]
    wide = font(16).size("你好世")[0]
    assert wrapped(font(16), "你好世，界", wide) == ["你好", "世，界"]


def test_what_is_longer_than_a_line_goes_on_in_the_next():
    wide = font(16).size("at example.org/a")[0]
    lines = wrapped(font(16), "at example.org/a/very/long/address of it", wide)
    assert lines == ["at", *lines[1:-1], "of it"] and "".join(lines[1:-1]) == "example.org/a/very/long/address"
    assert len(lines) == 4 and all(font(16).size(line)[0] <= wide for line in lines)
