"""What is drawn over or instead of the picture and asks nothing: panels, messages and the screen of a wait."""

from __future__ import annotations

import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.font import font
from runtime.layers import Style
from runtime.palette import HIGH_CONTRAST, PLAIN
from runtime.panel import Panel
from runtime.progress_view import ProgressView, left_words
from runtime.toast import MOST, SLIDE_S, Toasts, balanced, presence, say

GREEN = (10, 200, 30)
SIZES = [(320, 240), (1280, 720), (3840, 2160)]


def surface(size):
    made = pygame.Surface(size)
    made.fill(GREEN)
    return made


def drawn_on(made):
    """What of a surface is not green any more."""
    mask = pygame.mask.from_threshold(made, GREEN, (1, 1, 1))
    mask.invert()
    rects = mask.get_bounding_rects()
    return rects[0].unionall(rects[1:]) if rects else pygame.Rect(0, 0, 0, 0)


def luminance(colour):
    values = [one / 255 for one in colour]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in values]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_apart():
    """WCAG's contrast: 4.5 for text, 7 where high contrast is wanted; 3 for what only has to be found."""
    for colours, least in ((PLAIN, 4.5), (HIGH_CONTRAST, 7.0)):
        for ground in (colours.sheet, colours.focus):
            assert min(contrast(one, ground) for one in (colours.title, colours.text, colours.detail)) >= least
        assert contrast(colours.faint, colours.sheet) >= 3 and contrast(colours.accent, colours.sheet) >= least


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("style", [Style(), Style(3.0, True)])
def test_a_panel_is_in_its_corner_or_in_the_middle_and_never_cut_off(size, style):
    lines = ["59.8 of 60 fps, 0 dropped", "chunk   112 / 130 ms", *["", "a rather long line of figures " * 3] * 9]
    panel, made = Panel(style), surface(size)
    panel.draw(made, lines)
    rect = drawn_on(made)
    assert made.get_rect().contains(rect.inflate(4, 4)) and rect.x < size[0] / 8 and rect.y < size[1] / 8
    made = surface(size)
    panel.draw(made, ["paused"], centred=True)
    rect = drawn_on(made)
    assert abs(rect.centerx - size[0] // 2) <= 2 and abs(rect.centery - size[1] // 2) <= 2


def test_a_panel_is_painted_anew_only_for_other_words(monkeypatch):
    painted, lines = [], ["one"]
    real = Panel.draw.__globals__["paint"]
    monkeypatch.setitem(Panel.draw.__globals__, "paint", lambda *given: painted.append(1) or real(*given))
    panel, made = Panel(), surface((640, 360))
    panel.draw(made, lines)
    panel.draw(made, lines)
    assert len(painted) == 1
    lines[0] = "two"  # the same list, changed in place
    panel.draw(made, lines)
    panel.style = Style(2.0)
    panel.draw(made, lines)
    assert len(painted) == 3


class Clock:
    now = 5.0

    def __call__(self):
        return self.now


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 2), st.floats(0.1, 4)), max_size=20))
def test_the_newest_messages_are_kept_in_order(said):
    toasts, now = (), 0.0
    for words, pause, seconds in said:
        now += pause
        toasts = say(toasts, words, now, seconds)
        assert len(toasts) <= MOST and toasts[-1].text == words
        assert len({toast.text for toast in toasts}) == len(toasts)
        assert [toast.since for toast in toasts] == sorted(toast.since for toast in toasts)
        assert all(toast.until > now and 0 <= presence(toast, now) <= 1 for toast in toasts)


@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_shown_for_its_time_above_what_is_below(size):
    clock = Clock()
    toasts = Toasts(clock)
    toasts.say("Saved. " * 40, 2.0)
    toasts.say("   ")
    clock.now += 1
    made = surface(size)
    toasts.draw(made, [pygame.Rect(0, size[1] * 3 // 4, size[0], size[1] // 4)])
    rect = drawn_on(made)
    assert made.get_rect().contains(rect) and rect.width > 20 and rect.bottom <= size[1] * 3 // 4
    assert abs(rect.centerx - size[0] // 2) <= 2
    clock.now += 1.01
    made = surface(size)
    toasts.draw(made)
    assert drawn_on(made).size == (0, 0)


def test_messages_slide_in_unless_nothing_is_to_move():
    places = {}
    for still in (False, True):
        clock = Clock()
        toasts = Toasts(clock, still=still)
        toasts.say("Recording")
        for part in (0.5, 1.0):
            clock.now = 5.0 + part * SLIDE_S
            made = surface((640, 360))
            toasts.draw(made)
            places[still, part] = drawn_on(made)
    assert places[True, 0.5] == places[True, 1.0] == places[False, 1.0]
    assert places[False, 0.5].y > places[False, 1.0].y


def test_no_word_is_left_alone():
    words = "this world takes no text so choose another one or go on as before and do enjoy the view"
    lines = balanced(font(20), words, font(20).size(words[:-5])[0])
    assert len(lines) == 2 and " ".join(lines) == words and len(lines[1].split()) > 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((None, ""), (-1, ""), (float("inf"), ""), (float("nan"), "")),
        *((0.2, "about 1 s left"), (7.2, "about 8 s left"), (31, "about 35 s left"), (95, "about 2 min left")),
    ],
)
def test_the_time_left_is_as_rough_as_it_is_known(seconds, words):
    assert left_words(seconds) == words


def pixels(made):
    return pygame.image.tobytes(made, "RGB")


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_of_a_wait_shows_how_far_it_is(size):
    clock = Clock()
    view = ProgressView(Style(), clock=clock)
    shown = []
    for fraction in (0.0, 0.5, 1.0, 1.7):
        made = surface(size)
        view.draw(made, "Cloister " * 20, "downloading weights " * 20, fraction, 20.0, True)
        assert made.get_at((0, 0))[:3] != GREEN
        row = [made.get_at((x, size[1] // 2))[:3] == PLAIN.accent for x in range(size[0])]
        shown.append(sum(row))
    assert shown[0] == 0 < shown[1] < shown[2] == shown[3]
    assert shown[1] == pytest.approx(shown[2] / 2, abs=size[0] / 100)


def test_an_unknown_wait_moves_unless_nothing_is_to():
    shown = {}
    for still in (False, True):
        clock = Clock()
        view = ProgressView(still=still, clock=clock)
        for clock.now in (5.0, 5.5):
            made = surface((640, 360))
            view.draw(made, "Cloister", "compiling", None, None, False)
            shown[still, clock.now] = pixels(made)
    assert shown[True, 5.0] == shown[True, 5.5]
    assert shown[False, 5.0] != shown[False, 5.5]
