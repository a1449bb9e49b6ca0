"""Palette: the colours of everything over the picture, plain and for high contrast. Colours are (red, green, blue)."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.layers import Style

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """sheet: what text stands on, `opaque` of 255 where it is small; edge: its border; title, text, detail: text, from
    strong to weak; faint: what cannot be chosen; accent: what is on; focus: behind what the cursor is on; track: what
    is off or empty; shade: what the picture is multiplied by, of 255; frame: pixels of a frame around the focus, per
    pixel of text.
    """

    sheet: Colour = (18, 20, 29)
    opaque: int = 216
    edge: Colour = (50, 55, 74)
    title: Colour = (245, 246, 250)
    text: Colour = (218, 222, 233)
    detail: Colour = (156, 163, 184)
    faint: Colour = (104, 109, 126)
    accent: Colour = (126, 156, 240)
    focus: Colour = (43, 51, 80)
    track: Colour = (54, 59, 79)
    shade: Colour = (96, 98, 108)
    frame: float = 0.0


PLAIN = Palette()
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
HIGH_CONTRAST = Palette(
    sheet=BLACK,
    opaque=255,
    edge=WHITE,
    title=WHITE,
    text=WHITE,
    detail=WHITE,
    faint=(170, 170, 170),
    accent=WHITE,
    focus=BLACK,
    track=BLACK,
    shade=(50, 50, 50),
    frame=0.16,
)


def palette(style: Style) -> Palette:
    """The colours for a person who wants `style`."""
    return HIGH_CONTRAST if style.high_contrast else PLAIN
