"""Help: what it says, to whom, when it is open, and that the panel that shows it is never cut off."""

import numpy as np
import pygame
import pytest

from input.keymap import COMMANDS, Keymap, load_keymap
from runtime.font import text_size
from runtime.help import FIRST_SHOWN_S, LEADING, help_lines, help_open
from runtime.panel import MARGIN, SIZE, Panel
from runtime.strings import text

VOCABULARY = (("forward", "walk forward"), ("mouse", "look around"), ("turn_left", "turn left"), ("jump", "jump"))


def margin(size):
    """Pixels between the panel and the edge of a window of `size`."""
    return round(MARGIN * max(6, round(text_size(size, 1.0) * SIZE)))


def test_every_command_is_offered_with_a_label():
    keymap = Keymap({f"f{number}": name for number, name in enumerate(COMMANDS, 1)})
    assert help_lines((), keymap) == [f"{key}   {text(f'help.{name}')}" for key, name in keymap.by_key.items()]


def test_lines_name_the_keys_of_the_world_first_and_then_the_commands():
    keymap = Keymap({key: name for key, name in load_keymap().by_key.items() if not key.startswith("pad ")})
    lines = help_lines(VOCABULARY, keymap)
    assert lines[:4] == ["w   walk forward", "mouse   look around", "left / q   turn left", "space   jump"]
    assert lines[4:] == [
        f"{' / '.join(keymap.keys_of(n))}   {text(f'help.{n}')}" for n in COMMANDS if keymap.keys_of(n)
    ]


def test_a_gamepad_s_keys_are_named_too():
    keymap = Keymap({"w": "forward", "pad dpad up": "forward", "f1": "hud", "pad back": "hud"})
    assert help_lines(VOCABULARY[:1], keymap) == ["w / pad dpad up   walk forward", "f1 / pad back   figures"]


def test_who_watches_a_walk_again_is_offered_nothing_that_leads_it():
    keymap = Keymap({"w": "forward"} | {f"f{number}": name for number, name in enumerate(COMMANDS, 1)})
    keys = {line.split("   ")[0] for line in help_lines(VOCABULARY, keymap, walks=False)}
    assert keys == {key for key, name in keymap.by_key.items() if name in set(COMMANDS) - {*LEADING, "toggle_mouse"}}


def test_a_world_without_text_is_not_spoken_to():
    keymap = Keymap({"return": "prompt", "p": "pause"})
    assert help_lines((), keymap, takes_text=False) == ["p   pause"] and len(help_lines((), keymap)) == 2


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


def drawn(size, lines, ground):
    """The least of red, green and blue [h, w] of a surface of `size`, `ground` all over, under the panel."""
    surface = pygame.Surface(size)
    surface.fill((ground,) * 3)
    Panel().draw(surface, lines)
    return pygame.surfarray.array3d(surface).min(-1).T


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180), (120, 400)])
def test_the_panel_is_whole_within_its_margins(size):
    rows, columns = np.nonzero(drawn(size, help_lines(VOCABULARY * 4, load_keymap()), ground=255) < 255)
    edge = margin(size)
    assert (rows.min(), columns.min()) == (edge, edge)
    assert rows.max() < size[1] - edge and columns.max() < size[0] - edge


def test_a_window_smaller_than_the_margins_is_survived():
    Panel().draw(pygame.Surface((9, 5)), ["w   walk forward"])


def test_labels_stand_in_a_column():
    ink = drawn((640, 360), ["w   III", "left shift   III"], ground=0) > 100
    first, second = np.split(ink, [np.flatnonzero(ink.any(1))[[0, -1]].sum() // 2])
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
