"""The start picture, as HY-WorldPlay takes it, and the size that goes with its shape. NumPy and Pillow."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from runtime.errors import UserError

STRIDE = 16  # pixels per latent pixel and token
TOKENS = (640 // STRIDE) ** 2  # a latent frame's at 480p, at most
ELONGATED = 4  # how much longer one side of a bucket may be
WASTE = 64  # how many times more pixels than it wants a picture may be scaled to


@cache
def buckets() -> tuple[tuple[int, int], ...]:
    """Every (width, height) that a picture without a size of its own may get, from the tallest to the widest.

    For each number of rows the most columns that the tokens allow, and for each number of columns the most rows: a
    walk along the border of what fits, which takes both of its steps.
    """
    found, rows, columns = [], TOKENS, 1
    while rows:
        if max(rows, columns) <= ELONGATED * min(rows, columns):
            found.append((columns * STRIDE, rows * STRIDE))
        if rows * (columns + 1) <= TOKENS:
            columns += 1
        else:
            rows -= 1
    return tuple(found)


def bucket(width: int, height: int) -> tuple[int, int]:
    """The bucket, (width, height), whose height over width is nearest to a picture's of this size."""
    return min(buckets(), key=lambda size: abs(size[1] / size[0] - height / width))


def prepare(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 RGB [h, w, 3] of any size to [height, width, 3]: scaled until it covers that, cropped about its centre.

    Lanczos on 8-bit pixels, to a size that is rounded; half of an odd margin is rounded to even. Raises UserError for
    a picture that is so long that hardly anything of it would be left.
    """
    h, w = picture.shape[:2]
    scale = max(width / w, height / h)
    across, down = round(w * scale), round(h * scale)
    if across * down > WASTE * width * height:
        raise UserError(f"the picture of {w}x{h} pixels is too long for {width}x{height}", "", "give another one")
    left, top = round((across - width) / 2), round((down - height) / 2)
    scaled = Image.fromarray(picture).resize((across, down), Image.Resampling.LANCZOS)
    return np.asarray(scaled.crop((left, top, left + width, top + height)))
