"""Figures as a picture: in the upper right corner, inside of the window, beside the help and never on it."""

import numpy as np
import pygame
import pytest

from runtime.figures_view import FiguresView
from runtime.layers import Style

LINES = [
    "shown   20.0 of 20 fps",
    "split   denoise 66.4 · commit 17.3 · decode 0.6 · other 9.8 · copy 0.8 ms",
]
SIZES = [(1280, 720), (640, 360), (320, 180), (120, 400)]


def ink(view, size):
    """Where a white surface is drawn on, (columns, rows), and the surface's pixels."""
    surface = pygame.Surface(size)
    surface.fill((255, 255, 255))
    view.draw(surface)
    pixels = pygame.surfarray.array3d(surface).astype(int)
    return *np.nonzero((pixels != 255).any(-1)), pixels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("left", [0, 0.4])
def test_all_is_inside_the_window_and_beside_the_help(size, scale, left):
    view = FiguresView(Style(scale))
    assert not ink(view, size)[0].size
    view.tell(LINES * 7, {"upper_ms": [50.0, 100.0], "counts": [10, 5, 0]})
    view.left = round(left * size[0])
    columns, rows, _ = ink(view, size)
    assert columns.min() > view.left and columns.max() < size[0] - 1
    assert rows.min() > 0 and rows.max() < size[1] - 1 and rows.min() < size[1] / 4


@pytest.mark.parametrize("size", SIZES)
def test_bars_are_as_high_as_their_counts_and_stand_below_the_lines(size):
    view, bars = FiguresView(Style()), {"upper_ms": [50.0, 100.0], "counts": [0, 0, 0]}
    view.tell([], bars)
    empty = ink(view, size)[2]
    view.tell([], bars | {"counts": [10, 5, 0]})
    drawn = (np.abs(ink(view, size)[2] - empty) > 30).any(-1).sum(1)
    columns = np.nonzero(drawn)[0]
    first = drawn[columns[: len(columns) // 2]].max()
    assert first > 0 and (np.abs(drawn - first / 2) <= 2).any()
    view.tell(LINES, bars)
    assert ink(view, size)[1].max() > ink(FiguresView(Style()), size)[1].max(initial=0)


def test_it_is_painted_once_and_then_copied(monkeypatch):
    surface, view, painted = pygame.Surface((640, 360)), FiguresView(Style()), []
    paint = view._paint
    monkeypatch.setattr(view, "_paint", lambda *told: painted.append(told) or paint(*told))
    for counts in ([1, 2], [1, 2], [2, 2]):
        view.tell(LINES, {"upper_ms": [50.0], "counts": counts})
        view.draw(surface)
    view.style = Style(high_contrast=True)
    view.draw(surface)
    assert len(painted) == 3
