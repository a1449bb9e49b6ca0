"""A start picture of any size, made to fit a world. NumPy only."""

from __future__ import annotations

import numpy as np


def _areas(source: int, target: int) -> np.ndarray:
    """Weights [target, source]: how much of each source pixel lies in each target pixel; rows sum to 1."""
    edges = np.linspace(0, source, target + 1)
    first, last = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)
    overlap = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0, None)
    return overlap / overlap.sum(1, keepdims=True)


def fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 RGB [h, w, 3] to uint8 RGB [height, width, 3]: cropped about its centre to the shape, then
    area-averaged.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ValueError(f"a picture is uint8 [h, w, 3], got {picture.dtype} {picture.shape}")
    h, w = picture.shape[:2]
    crop_h, crop_w = min(h, max(1, round(w * height / width))), min(w, max(1, round(h * width / height)))
    top, left = (h - crop_h) // 2, (w - crop_w) // 2
    cropped = picture[top : top + crop_h, left : left + crop_w].astype(np.float64)
    resized = np.einsum("th,hwc,sw->tsc", _areas(crop_h, height), cropped, _areas(crop_w, width), optimize=True)
    return np.round(resized).astype(np.uint8)
