"""Clipboard: what was copied elsewhere, as text or as a picture. Reading only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime.image import StartImage, require_size, to_rgb
from runtime.screen import Screen


def copied_picture() -> StartImage | str | None:
    """The picture on the clipboard, or the path of a picture file that was copied; None for neither.

    On Linux this needs wl-paste or xclip; without them there is only text.
    """
    from PIL import Image, ImageGrab

    try:
        content = ImageGrab.grabclipboard()
    except (OSError, NotImplementedError):  # no program that could tell, or none for this system: there is only text
        return None
    if isinstance(content, list):
        return content[0] if content else None
    if not isinstance(content, Image.Image):
        return None
    require_size(*content.size, "clipboard")
    return StartImage("", "", np.asarray(to_rgb(content)))


def clipboard_of(screen: Screen) -> Callable[[], str | StartImage | None]:
    """What asks for the contents: text where there is any, else a picture."""
    return lambda: screen.clipboard() or copied_picture()
