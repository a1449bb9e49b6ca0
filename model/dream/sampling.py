"""Looking pictures up between their pixels, with mirrored borders: two ways that agree to rounding. Torch only.

`sampled` is torch's and ONNX's grid sampling. ONNX Runtime's is slow on a CPU, and so has `gathered`: whole
neighbourhoods are gathered from a table, and weighed (8 ms for 3 on one thread; OpenVINO is the other way round).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

CUBIC = -0.75  # the constant of torch's and ONNX's cubic interpolation
TAPS = {"bilinear": 2, "bicubic": 4}
# (picture [B, C, H, W], grid_x [B, P], grid_y [B, P], "bilinear" or "bicubic") to [B, C, P]; -1 and 1 are the picture's
# outer edges.
LookUp = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, str], torch.Tensor]


def sampled(picture: torch.Tensor, grid_x: torch.Tensor, grid_y: torch.Tensor, mode: str) -> torch.Tensor:
    """See LookUp."""
    grid = torch.stack([grid_x, grid_y], -1).unsqueeze(1)
    return F.grid_sample(picture, grid, mode=mode, padding_mode="reflection", align_corners=False).squeeze(2)


def gathered(picture: torch.Tensor, grid_x: torch.Tensor, grid_y: torch.Tensor, mode: str) -> torch.Tensor:
    """See LookUp; for a batch of one. Cubic look-ups beyond the edges, which nobody uses, are those of the edge."""
    (height, width), taps = picture.shape[-2:], TAPS[mode]
    fold = clamped if mode == "bicubic" else mirrored
    column, x = split(fold(grid_x[0], width))
    row, y = split(fold(grid_y[0], height))
    # A position's upper left neighbour may be one before the first pixel.
    index = ((row + 1) * (width + 1) + column + 1).long()
    weights = (kernel(y, taps).unsqueeze(1) * kernel(x, taps)).flatten(0, 1)
    # Long rows are multiplied fast and short ones slowly, so weights become rows of neighbours only at the end.
    found = neighbourhoods(picture[0], taps).index_select(1, index)
    return (found * weights.t().contiguous()).sum(-1).unsqueeze(0)


def split(position: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    whole = torch.floor(position)
    return whole, position - whole


def clamped(grid: torch.Tensor, size: int) -> torch.Tensor:
    """Positions in pixels, those beyond the edges at the edge: [-0.5, size - 0.5]."""
    return ((grid.clamp(-1, 1) + 1) * size - 1) / 2


def mirrored(grid: torch.Tensor, size: int) -> torch.Tensor:
    """Positions in pixels, mirrored at the edges as often as it takes."""
    along = ((grid + 1) * size - 1) / 2 + 0.5
    along = along - 2 * size * torch.floor(along / (2 * size))
    return torch.minimum(along, 2 * size - along) - 0.5


def kernel(fraction: torch.Tensor, taps: int) -> torch.Tensor:
    """Weights [taps, P] of the neighbours of a position `fraction` after the middle's first."""
    if taps == 2:
        return torch.stack([1 - fraction, fraction])
    near = [((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1 for t in (fraction, 1 - fraction)]
    far = [((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC for t in (1 + fraction, 2 - fraction)]
    return torch.stack([far[0], *near, far[1]])


def neighbourhoods(picture: torch.Tensor, taps: int) -> torch.Tensor:
    """[C, H, W] to [C, (H + 1) * (W + 1), taps * taps]: what lies about each corner of pixels, mirrored outside."""
    _, height, width = picture.shape
    for axis, size in ((1, height), (2, width)):
        before = [picture.narrow(axis, at, 1) for at in range(taps // 2)[::-1]]
        after = [picture.narrow(axis, size - 1 - at, 1) for at in range(taps // 2)]
        picture = torch.cat([*before, picture, *after], axis)
    views = [picture[:, y : y + height + 1, x : x + width + 1] for y in range(taps) for x in range(taps)]
    return torch.stack(views).flatten(2).permute(1, 2, 0).contiguous()
