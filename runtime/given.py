"""Given: the picture that a person drops on the window or pastes, as a file, a path, a file's address or an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from runtime.errors import UserError
from runtime.image import StartImage, load_image

# What is on the clipboard: text, a picture, or nothing of either.
Clipboard = Callable[[], "str | StartImage | None"]
REMEDY = "copy a picture, or the path of a PNG or JPEG file"


def picture_at(path: str) -> StartImage:
    """The picture in a file; raises UserError where there is none."""
    try:
        return load_image(Path(path).expanduser())
    except (ValueError, RuntimeError) as error:  # a NUL in it, or a home of nobody
        raise UserError(f"not a path: {error}", repr(path), "give that of a PNG or JPEG file") from error


def picture_from(content: str | StartImage | None) -> StartImage:
    """The picture that the clipboard holds or names; raises UserError where it does neither."""
    if isinstance(content, StartImage):
        return content
    path = path_in(content or "")
    if not path:
        raise UserError("there is no picture on the clipboard", "", REMEDY)
    return picture_at(path)


def path_in(pasted: str) -> str:
    """The first path in text as file managers and shells copy it: bare, quoted, or a file:// address; "" for none."""
    lines = [line.strip() for line in pasted.splitlines() if line.strip()]
    address = next((line for line in lines if line.startswith("file://")), "")
    if address:
        try:
            return url2pathname(urlsplit(address).path)
        except (ValueError, OSError):  # no address after all
            return address
    path = lines[0] if lines else ""
    quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    return path[1:-1] if quoted else path
