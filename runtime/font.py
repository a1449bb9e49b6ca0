"""Font: the one typeface of the screen in any size, and text made to fit. It knows no colours and no windows.

Its characters are listed in assets/fonts/README.md; what it lacks is shown as a box.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pygame

FILE = Path(__file__).resolve().parent.parent / "assets" / "fonts" / "NotoSansSC-Regular.otf"
# Text is this part of a window's height (or width, where that is narrow), and never smaller than can be read.
LINES_HIGH = 32
EMS_WIDE = 44
LEAST_SIZE = 11
# However large a person wants it, so much text fits in the window.
FEWEST_LINES = 11
FEWEST_EMS = 17
SIZES_KEPT = 32
ELLIPSIS = "..."


def font(size: int) -> pygame.font.Font:
    """The typeface at `size` pixels; its lines are about half as much again apart."""
    if not pygame.font.get_init():
        _sized.cache_clear()
        pygame.font.init()
    return _sized(size)


@lru_cache(SIZES_KEPT)
def _sized(size: int) -> pygame.font.Font:
    # Fonts die with pygame; who starts it again wants new ones.
    pygame.register_quit(_sized.cache_clear)
    return pygame.font.Font(FILE, size)


def text_size(window: tuple[int, int], scale: float = 1.0) -> int:
    """Pixels of plain text in a window of (width, height) pixels, for a person who wants it `scale` times as large."""
    width, height = window
    wanted = max(LEAST_SIZE, min(height / LINES_HIGH, width / EMS_WIDE)) * scale
    return max(6, round(min(wanted, height / FEWEST_LINES, width / FEWEST_EMS)))


def plain(words: str) -> str:
    """`words` in one line that can be drawn: no control characters, no halves of characters (as in odd file names)."""
    return "".join(one if one.isprintable() else " " if one.isspace() else "" for one in words)


def clipped(sized: pygame.font.Font, words: str, width: int) -> str:
    """`words` in one line, with an ellipsis where it would be wider than `width` pixels."""
    words = plain(words)
    if sized.size(words)[0] <= width:
        return words
    fits = _fitting(sized, words, width, ELLIPSIS)
    return words[:fits].rstrip() + ELLIPSIS if fits else ""


def _fitting(sized: pygame.font.Font, words: str, width: int, tail: str = "") -> int:
    """How many letters of `words`, but not all, are with the `tail` at most `width` pixels wide."""
    fits, too_long = 0, len(words)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if sized.size(words[:middle] + tail)[0] <= width else (fits, middle)
    return fits


def wrapped(sized: pygame.font.Font, words: str, width: int, most: int = 100) -> list[str]:
    """`words` in lines of at most `width` pixels, broken at spaces and between hanzi, and anywhere in what is longer
    than a line, as addresses are; the last of `most` is clipped.
    """
    lines: list[str] = []
    for paragraph in words.splitlines():
        line = ""
        for piece in _pieces(plain(paragraph)):
            if line and sized.size((line + piece).rstrip())[0] > width:
                lines.append(line.rstrip())
                line = ""
            while sized.size(piece.rstrip())[0] > width and (fits := _fitting(sized, piece, width)):
                lines.append(piece[:fits])
                piece = piece[fits:]
            line += piece
        lines.append(line.rstrip())
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [clipped(sized, line, width) for line in lines]


def _pieces(line: str) -> list[str]:
    """What stays together: words with the spaces after them, and single hanzi with the punctuation after them."""
    pieces = [""]
    for before, character in zip(" " + line, line, strict=False):
        wide = character >= "\u2e80" and character not in "，。、；：！？）》」』”’…"
        starts = wide or (before == " " and character != " ") or (before >= "\u2e80" and character.isalnum())
        if starts and pieces[-1]:
            pieces.append("")
        pieces[-1] += character
    return pieces
