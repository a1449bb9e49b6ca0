"""Image: the start picture that a person gives. Reading only; what a world does with it is the world's affair.

Whether a picture is taken is decided by its header, so one that is too large costs no memory.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from runtime.errors import UserError

FORMATS = ("PNG", "JPEG")
REMEDY = "give a PNG or JPEG file"
SIDES = range(16, 16385)
MOST_PIXELS = 100_000_000
# Pillow's own limits, a warning and an error at other sizes, would only come before ours.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class StartImage:
    """`pixels` is uint8 RGB [h, w, 3], upright; `sha256` is that of the file, `path` absolute."""

    path: str
    sha256: str
    pixels: np.ndarray


def load_image(path: Path) -> StartImage:
    """Read a PNG or JPEG; raises UserError where that cannot be done."""
    try:
        if path.stat().st_size == 0:
            raise UserError("cannot read the image", f"{path}: the file is empty", REMEDY)
        with path.open("rb") as file:
            pixels = read_pixels(file, path)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError("cannot read the image", str(path), error.strerror or "check the path") from error
    except ValueError as error:  # a name that no system takes, out of a damaged session
        raise UserError("cannot read the image", ascii(str(path)), "check the path") from error
    return StartImage(str(path.resolve()), sha256, pixels)


def read_pixels(file: BinaryIO, path: Path) -> np.ndarray:
    """The picture in `file`, turned upright as its EXIF orientation says, uint8 RGB [h, w, 3]."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about EXIF entries, which nobody here can mend
            picture = Image.open(file, formats=FORMATS)
            require_size(*picture.size, path)
            return np.asarray(to_rgb(ImageOps.exif_transpose(picture)))
    except (UserError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UserError("cannot read the image", f"{path}: it does not begin like a picture", REMEDY) from error
    except Exception as error:  # a decoder raises whatever it stumbles over, from SyntaxError to struct.error
        raise UserError("cannot read the image", f"{path}: damaged or cut off, {error}", REMEDY) from error


def require_size(width: int, height: int, path: Path) -> None:
    """Raise UserError unless a picture of these sides, in pixels, may be decoded."""
    if width not in SIDES or height not in SIDES or width * height > MOST_PIXELS:
        limits = f"sides of {SIDES[0]} to {SIDES[-1]} pixels, and {MOST_PIXELS // 10**6} million pixels at most"
        raise UserError(f"the image is {width}x{height} pixels", str(path), f"give one with {limits}")


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture in 8 bits of red, green and blue, what is transparent on black."""
    if picture.mode.startswith("I;16"):
        # Pillow would clip 16 bits of grey at 255 instead of scaling them.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    black, shown = Image.new("RGB", picture.size), picture.convert("RGBA")
    black.paste(shown, mask=shown)
    return black
