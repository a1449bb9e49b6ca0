"""Icon: the picture by which desktops tell our window from others: a gate at dusk. Drawn, for no one size suits all."""

from __future__ import annotations

import pygame

SIZE = 64
# Drawn so many times as large, for smooth edges.
FINER = 4
NIGHT, DUSK, SUN, STONE, FLOOR = (30, 34, 66), (238, 142, 104), (255, 222, 150), (24, 26, 40), (112, 74, 98)


def icon(size: int = SIZE) -> pygame.Surface:
    """A square of `size` pixels with round corners, clear outside of them."""
    big = size * FINER
    picture = pygame.Surface((big, big), pygame.SRCALPHA)
    horizon = big * 5 // 8
    for y in range(big):
        part = min(1.0, y / horizon)
        sky = [round(high + (low - high) * part) for high, low in zip(NIGHT, DUSK, strict=True)]
        picture.fill(sky if y < horizon else FLOOR, (0, y, big, 1))
    pygame.draw.circle(picture, SUN, (big // 2, horizon), big // 8, draw_top_left=True, draw_top_right=True)
    picture.blit(_wall(big), (0, 0))
    corners = pygame.Surface((big, big), pygame.SRCALPHA)
    pygame.draw.rect(corners, (255, 255, 255), corners.get_rect(), border_radius=big // 6)
    picture.blit(corners, (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
    return pygame.transform.smoothscale(picture, (size, size))


def _wall(big: int) -> pygame.Surface:
    """A wall over the whole square, with an open gate in it."""
    wall = pygame.Surface((big, big), pygame.SRCALPHA)
    wall.fill(STONE)
    gate = pygame.Rect(0, 0, big // 2, big * 5 // 8)
    gate.midbottom = (big // 2, big * 7 // 8)
    pygame.draw.rect(wall, (0, 0, 0, 0), gate, border_top_left_radius=big // 4, border_top_right_radius=big // 4)
    return wall
