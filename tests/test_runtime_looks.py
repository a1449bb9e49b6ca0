"""What lies over the picture lies side by side: help, figures, messages and the line in which one writes."""

import numpy as np
import pygame
import pytest

from input.events import Typed
from input.keymap import load_keymap
from model import registry
from model.dream.load import VOCABULARY
from model.worldfile import read_world_file
from runtime import strings
from runtime.figures_view import FiguresView
from runtime.help import can_words, help_lines
from runtime.icon import icon
from runtime.layers import Style
from runtime.looks import Figures, Said, Text
from runtime.text_line import TextLine
from runtime.toast import Toasts

SIZES = [(640, 360), (1280, 720), (1920, 1080), (500, 900)]


def ink(layer, size):
    """Where on a window of `size` a layer draws, as bool [w, h]."""
    surface = pygame.Surface(size)
    surface.fill((255, 0, 255))
    layer.draw(surface)
    return (pygame.surfarray.array3d(surface) != (255, 0, 255)).any(-1)


# Only on a narrow window is there no room for both in large letters.
@pytest.mark.parametrize(("size", "scale"), [*((size, 1.0) for size in SIZES), *((size, 2.0) for size in SIZES[:3])])
def test_figures_do_not_lie_on_the_help(size, scale):
    help_text, view = Text(), FiguresView(Style(scale))
    help_text.panel.style = Style(scale)
    help_text.lines = help_lines(VOCABULARY, load_keymap())
    view.tell(["shown   20.0 of 20 fps", "split   " + "denoise 66.4 · " * 6], {"upper_ms": [50.0], "counts": [3, 1]})
    first = ink(help_text, size)
    second = ink(Figures(view, help_text), size)
    assert first.any() and second.any() and not (first & second).any()


@pytest.mark.parametrize("size", SIZES)
def test_messages_stand_above_the_line_in_which_one_writes(size):
    line, toasts = TextLine([], lambda: ""), Toasts(lambda: 1.0, still=True)
    line.take(Typed("a gate"))
    toasts.say("Saved", 5.0)
    written = ink(line, size)
    said = ink(Said(toasts, [line]), size)
    assert written.any() and said.any() and not (written & said).any()
    lowest = np.nonzero(ink(Said(toasts, []), size))[1].max()
    assert lowest > np.nonzero(said)[1].max(), "it stays up where nobody writes"


def test_what_can_be_done_in_our_worlds_is_said_in_every_language():
    worlds = [read_world_file(path.parent) for path in registry.WORLDS.glob("*/world.yaml")]
    said = [tuple(entry) for world in worlds for entry in (world.config or {}).get("vocabulary", ())]
    assert len(said) > 10
    try:
        strings.use("zh-CN")
        for _, label in (*VOCABULARY, *said):
            assert not can_words(label).isascii(), label
        assert can_words("dance a little") == "dance a little"
    finally:
        strings.use("en")


@pytest.mark.parametrize("size", [16, 64, 256])
def test_the_icon_is_a_gate_of_any_size(size):
    made = icon(size)
    assert made.get_size() == (size, size) and made.get_at((0, 0))[3] < 40 and made.get_at((size // 2, 1))[3] > 200
    through, wall = made.get_at((size // 2, size // 2)), made.get_at((size // 8, size // 2))
    assert sum(through[:3]) > 2 * sum(wall[:3])
