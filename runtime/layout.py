"""Layout: where a world's picture goes in a window. Sizes in pixels, (width, height); no window is known here."""

from __future__ import annotations

# What a window takes by default, where the desktop is larger.
COMFORTABLE = (1280, 720)


def window_size(world: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest whole multiple of the world's size (width, height) in pixels that fits in `room`, at least once."""
    times = max(1, min(room[0] // world[0], room[1] // world[1]))
    return world[0] * times, world[1] * times


def letterbox(world: tuple[int, int], room: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest rectangle (x, y, width, height) in pixels of the world's shape, centred in `room`."""
    scale = min(room[0] / world[0], room[1] / world[1])
    width, height = max(1, round(world[0] * scale)), max(1, round(world[1] * scale))
    return (room[0] - width) // 2, (room[1] - height) // 2, width, height
