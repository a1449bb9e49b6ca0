"""Image: the start picture that a person gives. Reading only; what a world does with it is the world's affair."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pygame

from runtime.errors import UserError


@dataclass(frozen=True)
class StartImage:
    """`pixels` is uint8 RGB [h, w, 3]; `sha256` is that of the file, `path` absolute."""

    path: str
    sha256: str
    pixels: np.ndarray


def load_image(path: Path) -> StartImage:
    """Read a PNG or JPEG; raises UserError where that cannot be done."""
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        surface = pygame.image.load(str(path))
    except OSError as error:
        raise UserError("cannot read the image", str(path), error.strerror or "check the path") from error
    except pygame.error as error:
        raise UserError("cannot read the image", f"{path}: {error}", "give a PNG or JPEG file") from error
    width, height = surface.get_size()
    rgb = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(height, width, 3)
    return StartImage(str(path.resolve()), sha256, rgb)
