"""The start picture, as Matrix-Game 2.0 takes it. NumPy and Pillow."""

from __future__ import annotations

import numpy as np
from PIL import Image

from runtime.errors import UserError


def prepare(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 RGB [h, w, 3] of any size to [height, width, 3]: cropped about its centre to the shape, then resized.

    Bilinear with antialiasing on 8-bit pixels; the edges of the crop are rounded half to even, so an odd margin may
    make it one pixel larger: both as the official preparation does. Raises UserError where nothing is left to crop.
    """
    h, w = picture.shape[:2]
    if h / w > height / width:
        crop_h, crop_w = int(w * height / width), w
    else:
        crop_h, crop_w = h, int(h * width / height)
    if not crop_h or not crop_w:
        raise UserError(f"the picture of {w}x{h} pixels is too small to crop", f"{width}:{height}", "give a larger one")
    # round() is half to even.
    edges = [round(edge / 2) for edge in (w - crop_w, h - crop_h, w + crop_w, h + crop_h)]
    return np.asarray(Image.fromarray(picture).crop(edges).resize((width, height), Image.Resampling.BILINEAR))
