"""The line of text: editing as a pure function, and the pane around it."""

from __future__ import annotations

import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.events import Composing, FocusLost, Pasted, Press, Release, Typed
from runtime import orders
from runtime.layers import Style
from runtime.text_line import LONGEST, Line, TextLine, edit

modest = settings(max_examples=100, deadline=None)
words = st.text(st.one_of(st.characters(), st.sampled_from("ab \n\t\x00\u0301\ud800\u4f60")), max_size=30)
keys = st.sampled_from(("left", "right", "home", "end", "backspace", "delete", "up", "down", "a", "return", "escape"))
events = st.one_of(
    st.builds(Typed, words),
    st.builds(Composing, st.just("") | words),
    st.builds(Press, st.just(""), keys),
    st.just(Pasted()),
    st.sampled_from((FocusLost(), Release("", "left"))),
)


def written(*steps, history=(), pasted="", line=None):
    line = line or Line()
    for step in steps:
        line = edit(line, step if not isinstance(step, str) else Press("", step), history, pasted)
    return line


@modest
@given(st.lists(events, max_size=15), st.lists(words, max_size=4), words)
def test_whatever_is_done_the_line_can_be_drawn_and_sent(happenings, history, pasted):
    line = Line()
    for event in happenings:
        line = edit(line, event, history, pasted)
        assert 0 <= line.cursor <= len(line.text) <= LONGEST
        assert all(one.isprintable() for one in line.text + line.composing)
        assert 0 <= line.back <= len(history)


@modest
@given(words, words, st.integers(0, 40))
def test_typing_and_deleting_come_to_nothing(before, more, steps):
    line = written(Typed(before), *["left"] * steps)
    typed = edit(line, Typed(more))
    added = len(typed.text) - len(line.text)
    assert (
        typed.text
        == line.text[: line.cursor] + typed.text[line.cursor : line.cursor + added] + line.text[line.cursor :]
    )
    for _ in range(added):
        if typed.cursor > line.cursor:
            typed = edit(typed, Press("", "backspace"))
    assert typed.text.endswith(line.text[line.cursor :])


def test_words_go_where_the_cursor_is():
    line = written(Typed("a gden"), "left", "left", "left", Typed("ar"))
    assert (line.text, line.cursor) == ("a garden", 5)
    assert written("home", "delete", "delete", line=line).text == "garden"
    assert written("end", "backspace", line=line).text == "a garde"
    assert written("home", "backspace", "left", line=line).text == "a garden"


def test_a_letter_and_its_accent_are_one_step():
    line = written(Typed("ne\u0301e"), "left")
    assert line.cursor == 3
    assert written("left", line=line).cursor == 1 == written("backspace", line=line).cursor
    assert written("backspace", line=line).text == "ne"


def test_what_is_composed_is_not_yet_written_and_has_the_keys():
    line = written(Typed("云"), Composing("hua yuan"))
    assert (line.text, line.composing) == ("云", "hua yuan")
    assert written("backspace", "left", "up", line=line, history=["old"]) == line
    assert written(Composing(""), Typed("花园"), line=line) == Line("云花园", 3)


def test_pasting_keeps_to_one_line_and_to_the_limit():
    assert written(Typed("a "), Pasted(), pasted="  b\r\n\tc\x07 d\n").text == "a b c d"
    line = written(Typed("x" * (LONGEST - 2)), "home", Pasted(), pasted="12345")
    assert len(line.text) == LONGEST and line.text.startswith("12x")
    assert written(Typed("more"), line=line) == line


def test_earlier_words_come_back_and_the_draft_too():
    history = ["first", "second"]
    line = written(Typed("draft"), "up", history=history)
    assert (line.text, line.cursor) == ("second", 6)
    assert [written(*["up"] * n, line=line, history=history).text for n in (1, 2)] == ["first", "first"]
    assert written("up", "down", "down", "down", line=line, history=history) == Line("draft", 5, draft="draft")
    assert written(Typed("!"), "up", "down", line=line, history=history).text == "second"


def pane(history=(), clipboard="", **more):
    return TextLine(history, lambda: clipboard, **more)


@pytest.mark.parametrize("key", ["return", "enter", "pad a"])
def test_enter_sends_and_says_close_for_nothing(key):
    line = pane(["old"], "pasted words")
    assert line.wants_text and not line.pauses
    assert line.take(Press("", key)) == orders.Close()
    assert line.take(Typed("  ")) is None and line.take(Press("", key)) == orders.Close()
    assert line.take(Pasted()) is None
    assert line.take(Press("prompt", key)) == orders.Prompt("pasted words")
    assert line.take(Press("menu", "escape")) == orders.Close()


def test_while_composing_enter_and_escape_are_the_input_methods_own():
    line = pane()
    line.take(Composing("ni"))
    assert line.take(Press("", "return")) is None and line.take(Press("menu", "escape")) is None
    line.take(Typed("你"))
    assert line.take(Press("", "return")) == orders.Prompt("你")


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (3840, 2160)])
@pytest.mark.parametrize("style", [Style(), Style(3.0, True)])
def test_the_cursor_is_on_the_window_however_long_the_line(size, style):
    line = pane(style=style)
    surface = pygame.Surface(size)
    for event in (Typed("short"), Typed("花" * LONGEST), Composing("yuan"), Composing(""), Press("", "home")):
        line.take(event)
        surface.fill((90, 120, 60))
        line.draw(surface)
        assert surface.get_rect().contains(line.caret)
        assert surface.get_rect().contains(line.spared) and line.spared.contains(line.caret)
        assert surface.get_at(line.caret.center)[:3] != (90, 120, 60)
