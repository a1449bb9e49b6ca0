"""How NotoSansSC-Regular.otf was made: python assets/fonts/subset.py NotoSansCJK-Regular.ttc NotoSans-Regular.ttf

Needs fontTools, which playing does not; run it again only to add characters. Takes the characters below from Noto Sans
CJK SC, and letters with accents that it lacks from Noto Sans, which has the same proportions. Hinting, vertical metrics
and all layout features but kerning are left out: nothing here draws with them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTCollection, TTFont

TARGET = Path(__file__).with_name("NotoSansSC-Regular.otf")
SC = 2  # its place in the collection
LETTERS = (
    *((0x20, 0x7E), (0xA0, 0x24F), (0x2C6, 0x2DD), (0x370, 0x3FF)),
    *((0x400, 0x45F), (0x490, 0x491), (0x1E00, 0x1EFF)),
)
SIGNS = ((0x2000, 0x206F), (0x20A0, 0x20BF), (0x2100, 0x23FF), (0x2500, 0x27BF), (0x3000, 0x30FF), (0xFF00, 0xFFEF))


def spread(ranges: tuple[tuple[int, int], ...]) -> set[int]:
    return {code for first, last in ranges for code in range(first, last + 1)}


def hanzi() -> set[int]:
    """All of GB2312, and the first level of Big5 for those who write traditional characters."""
    found = set()
    for codec, leads in (("gb2312", range(0xB0, 0xF8)), ("big5", range(0xA4, 0xC7))):
        for lead in leads:
            for trail in range(0x40, 0xFF):
                character = bytes((lead, trail)).decode(codec, "ignore")
                found |= {ord(character)} if len(character) == 1 else set()
    return found


def reduced(font: TTFont) -> TTFont:
    options = subset.Options()
    options.hinting = options.glyph_names = False
    options.notdef_outline = True
    options.layout_features = ["kern"]
    options.name_IDs, options.name_languages = [0, 1, 2, 3, 4, 5, 6, 13, 14], [0x409]
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE", "DSIG"]
    maker = subset.Subsetter(options)
    maker.populate(unicodes=spread(LETTERS) | spread(SIGNS) | hanzi())
    maker.subset(font)
    return font


def complete(font: TTFont, latin: TTFont) -> list[int]:
    """Draw the LETTERS that `font` lacks as `latin` has them, in the size of the others; gives their codes."""
    top = font["CFF "].cff.topDictIndex[0]
    sheet, marks = latin.getGlyphSet(), latin.getBestCmap()
    scale = font["OS/2"].sCapHeight / latin["OS/2"].sCapHeight
    missing = sorted((spread(LETTERS) & set(marks)) - set(font.getBestCmap()))
    like = top.FDSelect[top.charset.index(font.getBestCmap()[ord("a")])]
    order, last = font.getGlyphOrder(), int(font.getGlyphOrder()[-1].removeprefix("cid"))
    for number, code in enumerate(missing, last + 1):
        name, width = f"cid{number:05d}", round(sheet[marks[code]].width * scale)
        private = top.FDArray[like].Private
        pen = T2CharStringPen(width - private.nominalWidthX, sheet)
        sheet[marks[code]].draw(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
        drawn = pen.getCharString(private, top.GlobalSubrs)
        top.CharStrings.charStringsIndex.append(drawn)
        top.CharStrings.charStrings[name] = len(top.CharStrings.charStringsIndex) - 1
        drawn.fdSelectIndex = like
        top.FDSelect.gidArray.append(like)
        order.append(name)
        font["hmtx"].metrics[name] = (width, round(latin["hmtx"][marks[code]][1] * scale))
        for table in font["cmap"].tables:
            if table.isUnicode() and (code < 0x10000 or table.format == 12):
                table.cmap[code] = name
    font.setGlyphOrder(order)
    top.charset = order
    font["maxp"].numGlyphs = len(order)
    return missing


def main() -> None:
    font = reduced(TTCollection(sys.argv[1]).fonts[SC])
    added = complete(font, TTFont(sys.argv[2]))
    for record in font["name"].names:
        if record.nameID in (1, 4):
            record.string = "Noto Sans SC for Reverie"
    font.save(TARGET)
    print(f"{TARGET.name}: {len(TTFont(TARGET).getBestCmap())} characters, {len(added)} of them from Noto Sans")


if __name__ == "__main__":
    main()
