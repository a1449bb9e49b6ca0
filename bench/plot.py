"""A results file of bench/table.py as a picture: what a chunk's milliseconds go to, a bar per row.

`python -m bench.plot FILE.json [FILE.json ...] --out FILE.png`. A bar is as long as a chunk takes alone; the mark on it
is what the machine's rates would allow. Fonts are Pillow's own, so it looks the same everywhere.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bench.report import number

WIDTH, MARGIN, LABELS, FIGURES = 1280, 32, 330, 190  # pixels; LABELS left of the bars, FIGURES right of them
BAR, GAP, TITLE, AXIS = 22, 12, 58, 34
INK, FAINT, GRID, PAPER = (26, 28, 34), (98, 104, 116), (226, 229, 234), (255, 255, 255)
PARTS = {
    "denoise": (49, 104, 170), "commit": (110, 164, 214), "decode": (222, 138, 50), "copy": (150, 110, 180),
    "other graphs": (118, 168, 112), "the rest": (196, 200, 206),
}  # fmt: skip
MARK = (190, 34, 48)


def parts_of(row: dict) -> dict[str, float]:
    """Milliseconds of a chunk by part. Where parts run beside each other, each is shrunk: they add up to the chunk."""
    each = {name: graph["ms"] * graph["runs"] for name, graph in row["graphs"].items()}
    if "context" in each:  # computed in place of what others commit
        each["commit"] = each.pop("context")
    found = {name: each.pop(name, 0.0) for name in ("denoise", "commit", "decode")}
    found |= {"copy": row["copy_ms"], "other graphs": sum(each.values())}
    whole = sum(found.values())
    shrunk = min(1.0, row["chunk_ms"] / whole) if whole else 1.0
    found = {name: ms * shrunk for name, ms in found.items()}
    return found | {"the rest": max(0.0, row["chunk_ms"] - whole)}


def label(row: dict) -> str:
    return " ".join(part for part in (row["engine"], row["precision"], row["attention"]) if part != "-")


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def clipped(draw: ImageDraw.ImageDraw, text: str, face, room: float) -> str:
    """As much of a line as has room."""
    if draw.textlength(text, face) <= room:
        return text
    while text and draw.textlength(text + "...", face) > room:
        text = text[:-1]
    return text.rstrip(" ,") + "..."


def nice_step(longest: float) -> float:
    """A round distance of at most six lines on an axis up to `longest`."""
    step = 10.0**-4
    while True:
        for times in (1, 2, 5):
            if step * times * 6 >= longest:
                return step * times
        step *= 10


def groups_of(facts: dict) -> list[tuple[str, list[dict]]]:
    """(world, its rows) in the order of the file: each has a scale of its own."""
    found: dict[str, list[dict]] = {}
    for row in facts["rows"]:
        found.setdefault(row["title"], []).append(row)
    return list(found.items())


def height_of(facts: dict) -> int:
    return TITLE + sum(AXIS + len(rows) * (BAR + GAP) + AXIS for _, rows in groups_of(facts)) + MARGIN


def draw_group(draw: ImageDraw.ImageDraw, top: int, title: str, rows: list[dict]) -> int:
    """A world's rows from `top` down, longest bar as long as there is room; returns where it ends."""
    room = WIDTH - 2 * MARGIN - LABELS - FIGURES
    left, bottom = MARGIN + LABELS, top + AXIS + len(rows) * (BAR + GAP)
    longest = max(max(row["chunk_ms"], row["ideal_ms"] or 0.0) for row in rows) or 1.0
    draw.text((MARGIN, top + AXIS / 2), title, INK, font(18), anchor="lm")
    draw.text((left, top + AXIS / 2), "milliseconds of a chunk", FAINT, font(14), anchor="lm")
    draw.text((WIDTH - MARGIN, top + AXIS / 2), "frames per second", FAINT, font(14), anchor="rm")
    step = nice_step(longest)
    for line in range(int(longest / step) + 1):
        x = left + room * line * step / longest
        draw.line((x, top + AXIS - 4, x, bottom), GRID)
        draw.text((x, bottom + 4), f"{line * step:g}", FAINT, font(14), anchor="ma")
    for index, row in enumerate(rows):
        y = top + AXIS + index * (BAR + GAP)
        draw_row(draw, row, left, y, room / longest)
    return bottom + AXIS


def draw_row(draw: ImageDraw.ImageDraw, row: dict, left: float, y: float, scale: float) -> None:
    """One bar; scale: pixels of a millisecond."""
    middle, x = y + BAR / 2, left
    draw.text((left - 12, middle), label(row), INK, font(16), anchor="rm")
    for name, ms in parts_of(row).items():
        end = x + ms * scale
        if end - x >= 0.5:
            draw.rectangle((x, y, max(x, end - 1), y + BAR), PARTS[name])
        x = end
    if row["ideal_ms"] is not None:
        mark = left + row["ideal_ms"] * scale
        draw.line((mark, y - 4, mark, y + BAR + 4), MARK, 3)
    draw.text((x + 10, middle), number(row["chunk_ms"]), FAINT, font(14), anchor="lm")
    draw.text((WIDTH - MARGIN, middle), number(row["fps"]), INK, font(18), anchor="rm")


def draw_legend(draw: ImageDraw.ImageDraw, y: float) -> None:
    x = float(MARGIN)
    for name, colour in PARTS.items():
        draw.rectangle((x, y - 7, x + 14, y + 7), colour)
        draw.text((x + 20, y), name, FAINT, font(14), anchor="lm")
        x += 44 + draw.textlength(name, font(14))
    draw.line((x + 6, y - 9, x + 6, y + 9), MARK, 3)
    draw.text((x + 16, y), "what the machine's rates allow", FAINT, font(14), anchor="lm")


def picture(results: Sequence[dict]) -> Image.Image:
    """Machines below each other, under one legend."""
    image = Image.new("RGB", (WIDTH, sum(map(height_of, results)) + AXIS), PAPER)
    draw, y = ImageDraw.Draw(image), 0
    for facts in results:
        draw.text((MARGIN, y + TITLE / 2), clipped(draw, facts["hardware"], font(16), WIDTH - 2 * MARGIN), INK,
                  font(16), anchor="lm")  # fmt: skip
        draw.line((MARGIN, y + TITLE - 8, WIDTH - MARGIN, y + TITLE - 8), GRID, 2)
        top = y + TITLE
        for title, rows in groups_of(facts):
            top = draw_group(draw, top, title, rows)
        y += height_of(facts)
    draw_legend(draw, y + AXIS / 2 - MARGIN / 2)
    return image


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plot", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    picture([json.loads(path.read_text()) for path in options.results]).save(options.out)


if __name__ == "__main__":
    main()
