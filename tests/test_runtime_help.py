"""Help: what it says, when it is open, and that the panel that shows it is never cut off."""

import numpy as np
import pygame
import pytest

from input.keymap import COMMANDS, Keymap, load_keymap
from runtime.help import COMMAND_LABELS, FIRST_SHOWN_S, help_lines, help_open
from runtime.hud import MARGIN, PADDING, Panel

VOCABULARY = (("forward", "walk forward"), ("mouse", "look around"), ("turn_left", "turn left"), ("jump", "jump"))


def test_every_command_has_a_label():
    assert tuple(COMMAND_LABELS) == COMMANDS


def test_lines_name_the_keys_of_the_world_first_and_then_the_commands():
    lines = help_lines(VOCABULARY, load_keymap())
    assert lines[:4] == ["w   walk forward", "mouse   look around", "left / q   turn left", "space   jump"]
    assert lines[4] == "p   pause" and lines[-1] == "escape   quit" and "f2 / h   this help" in lines
    assert len(lines) == len(VOCABULARY) + len(COMMANDS)


def test_what_has_no_key_is_left_out():
    keymap = Keymap({"i": "forward", "o": "quit"})
    assert help_lines(VOCABULARY, keymap) == ["i   walk forward", "mouse   look around", "o   quit"]
    assert help_lines((), Keymap({})) == []


@pytest.mark.parametrize(
    ("asked", "vocabulary", "seconds", "shown"),
    [
        (None, VOCABULARY, 0.0, True),
        (None, VOCABULARY, FIRST_SHOWN_S - 0.01, True),
        (None, VOCABULARY, FIRST_SHOWN_S, False),
        (None, (), 0.0, False),
        (True, (), 0.0, True),
        (True, VOCABULARY, 99.0, True),
        (False, VOCABULARY, 0.0, False),
    ],
)
def test_it_opens_by_itself_once_until_the_person_decides(asked, vocabulary, seconds, shown):
    assert help_open(asked, vocabulary, seconds) is shown


@pytest.fixture
def font():
    pygame.font.init()
    yield
    pygame.font.quit()


def drawn(size, lines, ground):
    """The least of red, green and blue [h, w] of a surface of `size`, `ground` all over, under the panel."""
    surface = pygame.Surface(size)
    surface.fill((ground,) * 3)
    Panel().draw(surface, lines)
    return pygame.surfarray.array3d(surface).min(-1).T


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180), (120, 400)])
def test_the_panel_is_whole_within_its_margins(font, size):
    rows, columns = np.nonzero(drawn(size, help_lines(VOCABULARY * 4, load_keymap()), ground=255) < 255)
    assert (rows.min(), columns.min()) == (MARGIN, MARGIN)
    assert rows.max() < size[1] - MARGIN and columns.max() < size[0] - MARGIN


def test_a_window_smaller_than_the_margins_is_survived(font):
    Panel().draw(pygame.Surface((9, 5)), ["w   walk forward"])


def test_labels_stand_in_a_column(font):
    text = drawn((640, 360), ["w   III", "left shift   III"], ground=0) > 100
    first, second = np.split(text, [(MARGIN + PADDING + np.flatnonzero(text.any(1)).max()) // 2])
    ends = [np.flatnonzero(line.any(0)).max() for line in (first, second)]
    assert ends[0] == ends[1]


def test_a_world_without_a_mouse_does_not_offer_to_let_it_go():
    keymap = load_keymap()
    offered = [
        line
        for vocabulary in ((), (("mouse", "look"),), (("jump", "jump"),))
        for line in help_lines(vocabulary, keymap)
    ]
    assert sum("let the mouse go" in line for line in offered) == 2
