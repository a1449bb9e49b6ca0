"""Text line: one line of text over the running picture, for what the world is told. It does not tell the world.

Editing is a pure function of a Line and an event; the pane below holds the present one and draws it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pygame

from input.events import Composing, Event, Pasted, Press, Typed
from runtime import orders
from runtime.font import font, plain, text_size
from runtime.layers import Style
from runtime.menu_layout import small
from runtime.palette import palette
from runtime.panel import PADDING, sheet
from runtime.strings import text

LONGEST = 500
# From here on the line says how much room is left.
NEARLY = 400
# In sizes of plain text.
MARGIN, WIDTH = 0.8, 48.0


@dataclass(frozen=True)
class Line:
    """`cursor` is in front of text[cursor]; `composing` is what an input method shows there and has not decided.

    back: how far back in the history this is, 0 for a line of its own; draft: that line meanwhile.
    """

    text: str = ""
    cursor: int = 0
    composing: str = ""
    back: int = 0
    draft: str = ""


def edit(line: Line, event: Event, history: Sequence[str] = (), pasted: str = "") -> Line:
    """The line after `event`; `history` is earlier lines, the newest last, and `pasted` what the clipboard holds.

    While an input method composes, keys are its own.
    """
    match event:
        case Typed(words):
            return _insert(replace(line, composing=""), words)
        case Composing(words):
            return replace(line, composing=plain(words))
        case Pasted():
            return _insert(line, " ".join(pasted.split()))
        case Press(_, key) if not line.composing:
            return _press(line, key, history)
    return line


def _insert(line: Line, words: str) -> Line:
    words = plain(words)[: LONGEST - len(line.text)]
    whole = line.text[: line.cursor] + words + line.text[line.cursor :]
    return replace(line, text=whole, cursor=line.cursor + len(words))


def _press(line: Line, key: str, history: Sequence[str]) -> Line:
    before, after = _beside(line.text, line.cursor, -1), _beside(line.text, line.cursor, 1)
    match key:
        case "left":
            return replace(line, cursor=before)
        case "right":
            return replace(line, cursor=after)
        case "home":
            return replace(line, cursor=0)
        case "end":
            return replace(line, cursor=len(line.text))
        case "backspace":
            return replace(line, text=line.text[:before] + line.text[line.cursor :], cursor=before)
        case "delete":
            return replace(line, text=line.text[: line.cursor] + line.text[after:])
        case "up" | "down":
            return _recall(line, line.back + (1 if key == "up" else -1), history)
    return line


def _beside(words: str, cursor: int, by: int) -> int:
    """Where the cursor gets to by one step: a letter and the accents that combine with it are one."""
    cursor += by
    while 0 < cursor < len(words) and unicodedata.combining(words[cursor]):
        cursor += by
    return min(max(cursor, 0), len(words))


def _recall(line: Line, back: int, history: Sequence[str]) -> Line:
    """The line that was sent `back` lines ago, 0 for the one being written; the same where there is none."""
    if not 0 <= back <= len(history) or back == line.back:
        return line
    draft = line.draft if line.back else line.text
    words = plain(history[-back])[:LONGEST] if back else draft
    return Line(words, len(words), "", back, draft)


class TextLine:
    """The pane. Enter gives orders.Prompt with what was written, orders.Close for nothing; Esc gives orders.Close.

    `caret` is where on the window the cursor was last drawn: input methods show their choices there.
    """

    pauses = False
    wants_text = True

    def __init__(
        self,
        history: Sequence[str],
        clipboard: Callable[[], str],
        style: Style | None = None,
    ) -> None:
        self.style = style or Style()
        self.caret = pygame.Rect(0, 0, 1, 1)
        self.line = Line()
        self._history, self._clipboard = history, clipboard
        self._painted: tuple[object, ...] = ()
        self._picture = pygame.Surface((1, 1))
        self._corner = (0, 0)

    def take(self, event: Event) -> object | None:
        """Edit, or give the order that ends it."""
        match event:
            case Press(_, "escape" | "pad b") if not self.line.composing:
                return orders.Close()
            case Press(_, "return" | "enter" | "pad a") if not self.line.composing:
                said = self.line.text.strip()
                return orders.Prompt(said) if said else orders.Close()
        self.line = edit(self.line, event, self._history, self._clipboard() if event == Pasted() else "")
        return None

    @property
    def spared(self) -> pygame.Rect:
        """All of it."""
        return self._picture.get_rect(topleft=self._corner)

    def draw(self, surface: pygame.Surface) -> None:
        """The line at the bottom of the picture, with what the keys do."""
        wanted = (self.line, surface.get_size(), self.style)
        if wanted != self._painted:
            self._painted = wanted
            self._paint(*surface.get_size())
        surface.blit(self._picture, self._corner)

    def _paint(self, window_width: int, window_height: int) -> None:
        colours = palette(self.style)
        size = text_size((window_width, window_height), self.style.scale)
        pad, margin = round(PADDING * size), round(MARGIN * size)
        width = min(window_width - 2 * margin, round(WIDTH * size))
        line, low = font(size).get_linesize(), font(small(size))
        self._picture = picture = sheet(width, line + 2 * low.get_linesize() + 2 * pad, size, colours)
        self._corner = ((window_width - width) // 2, window_height - picture.get_height() - margin)
        picture.blit(low.render(text("line.title"), True, colours.accent), (pad, pad // 2))
        hint = low.render(text("line.hint"), True, colours.detail)
        picture.blit(hint, (pad, picture.get_height() - pad // 2 - hint.get_height()))
        if len(self.line.text) >= NEARLY:
            left = low.render(f"{len(self.line.text)} / {LONGEST}", True, colours.detail)
            picture.blit(left, left.get_rect(right=width - pad, y=pad // 2))
        room = pygame.Rect(pad, pad + low.get_linesize(), width - 2 * pad, line)
        x = self._paint_words(picture.subsurface(room), size)
        self.caret = pygame.Rect(self._corner[0] + room.x + x, self._corner[1] + room.y, 2, line)

    def _paint_words(self, surface: pygame.Surface, size: int) -> int:
        """Draw the words so that the cursor is seen; gives its distance from the left."""
        colours, sized, line = palette(self.style), font(size), self.line
        parts = (line.text[: line.cursor], line.composing, line.text[line.cursor :])
        widths = [sized.size(part)[0] for part in parts]
        cursor = widths[0] + widths[1]
        thick = max(2, size // 12)
        shift = max(0, cursor + thick - surface.get_width())
        x = -shift
        for part, width, colour in zip(parts, widths, (colours.title, colours.accent, colours.title), strict=True):
            if part and x < surface.get_width():
                surface.blit(sized.render(part, True, colour), (x, 0))
            x += width
        if line.composing:
            under = surface.get_height() - thick
            pygame.draw.rect(surface, colours.accent, (widths[0] - shift, under, widths[1], thick))
        pygame.draw.rect(surface, colours.accent, (cursor - shift, 0, thick, surface.get_height()))
        return cursor - shift
