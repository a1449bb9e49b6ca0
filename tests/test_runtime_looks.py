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
from runtime.menu import Item, Menu
from runtime.pause_menu import PauseMenu
from runtime.settings import Settings
from runtime.text_line import TextLine
from runtime.toast import SLIDE_S, Toasts

SIZES = [(640, 360), (1280, 720), (1920, 1080), (500, 900)]


def picture(layer, size):
    """A layer on a window of `size`, over one colour, as uint8 [w, h, 3]."""
    surface = pygame.Surface(size)
    surface.fill((255, 0, 255))
    layer.draw(surface)
    return pygame.surfarray.array3d(surface)


def ink(layer, size):
    """Where on a window of `size` a layer draws, as bool [w, h]."""
    return (picture(layer, size) != (255, 0, 255)).any(-1)


def inside(rect, size):
    """The pixels of a rectangle, as bool [w, h]."""
    mask = np.zeros(size, bool)
    mask[rect.left : rect.right, rect.top : rect.bottom] = True
    return mask


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


LONG = "the folder of saved worlds cannot be read, which is why nothing of what lies there can be shown to anybody now"


def menu(size, scale=1.0, hint="Esc goes back, and this is a line about what the cursor is on", items=40):
    """A pane that shows a menu, drawn, and how it looks."""
    keymap = load_keymap()
    pane = PauseMenu(
        Settings(interface_scale=scale), keymap, lambda: "", base=keymap, world="a", seed=1, recording=False
    )
    page = tuple(Item(str(number), f"Item {number}") for number in range(items))
    pane._book.top.make = lambda: Menu("A page", page, items - 1, hint)
    pane._book.make_stale()
    return pane, picture(pane, size)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("said", [("Saved",), ("Saved", "Recording", "The recording is being finished"), (LONG,)])
@pytest.mark.parametrize("items", [2, 12, 40])
def test_messages_and_the_hint_of_a_menu_are_both_read(size, scale, said, items):
    pane, _ = menu(size, scale, items=items)
    clock = [1.0]
    toasts = Toasts(lambda: clock[0], Style(scale))
    for words in said:
        toasts.say(words, 5.0)
    for clock[0] in (1.0 + SLIDE_S / 3, 2.0):
        covered = ink(Said(toasts, [pane]), size)
        assert covered.any() and not (covered & inside(pane.spared, size)).any()
        assert not covered[:, 0].any(), "a message is cut off"


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_the_hint_is_where_the_menu_says(size):
    (pane, one), (other, two) = menu(size), menu(size, hint="Another line")
    changed = (one != two).any(-1)
    assert pane.spared == other.spared and changed.any() and not (changed & ~inside(pane.spared, size)).any()
    assert not menu(size, hint="")[0].spared


def test_messages_stay_at_the_edge_below_a_short_menu():
    toasts = Toasts(lambda: 1.0, still=True)
    toasts.say("Saved", 5.0)
    size = (1280, 720)
    alone, over = (ink(Said(toasts, panes), size) for panes in ([], [menu(size, items=2)[0]]))
    assert (alone == over).all()


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
