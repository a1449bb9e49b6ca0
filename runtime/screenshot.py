"""Screenshot: one picture as a PNG that says where it came from, written beside the walk. Draws no overlay."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runtime.errors import UserError, reason_of
from runtime.provenance import title_of

# Whoever holds the key down waits for the disk, not the disk's queue for memory.
MOST_WAITING = 8
# Zipping harder takes three times as long for a sixth of the size, and Pillow lets nothing else run between its blocks.
COMPRESSION = 1


@dataclass(frozen=True)
class Shot:
    """What became of a screenshot: the file it is in, or `error` in words."""

    path: Path
    error: str = ""


def encode_png(pixels: np.ndarray, size: tuple[int, int] | None, metadata: Mapping[str, str]) -> bytes:
    """uint8 BGRA [h, w, 4] as PNG in RGB, scaled to `size` (width, height) in pixels; None keeps its own."""
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1]))
    if size is not None and size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    said = PngInfo()
    for name, words in {**metadata, "Title": title_of(metadata), "Software": "Reverie"}.items():
        # What is no Unicode, as a file's name may hold, cannot be in a PNG.
        said.add_text(name, words.encode("utf-8", "replace").decode())
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=said, compress_level=COMPRESSION)
    return file.getvalue()


def write_new(data: bytes, folder: Path, stem: str) -> Path:
    """Write a file called `stem`, or `stem`-2 and so on where there is one; nothing is left where that fails (OSError).

    The folder is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.png"
        try:
            file = path.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                file.write(data)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path


class Screenshots:
    """Writes screenshots into `folder` on a thread of its own; all methods are for the loop's thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: list[Future[Shot]] = []

    def take(
        self,
        pixels: np.ndarray,
        size: tuple[int, int] | None,
        metadata: Mapping[str, str],
        when: datetime | None = None,
    ) -> None:
        """Write a frame, uint8 BGRA [h, w, 4], that is never written again, in `size` pixels (None: its own).

        `when`, by default now, names the file; `results` tells what became of it.
        """
        stem = f"reverie-{when or datetime.now():%Y%m%d-%H%M%S}"
        if len(self._waiting) >= MOST_WAITING:
            full: Future[Shot] = Future()
            full.set_result(Shot(self._folder / f"{stem}.png", f"{MOST_WAITING} screenshots are still being written"))
            self._waiting.append(full)
            return
        self._pool = self._pool or ThreadPoolExecutor(1, "screenshot")
        self._waiting.append(self._pool.submit(self._write, pixels, size, dict(metadata), stem))

    def results(self) -> list[Shot]:
        """Those that are done since the last call."""
        done = [future for future in self._waiting if future.done()]
        self._waiting = [future for future in self._waiting if not future.done()]
        return [future.result() for future in done]

    def close(self) -> list[Shot]:
        """Wait for what is being written, and end the thread; gives the last results."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        return self.results()

    def _write(self, pixels: np.ndarray, size: tuple[int, int] | None, metadata: dict[str, str], stem: str) -> Shot:
        try:
            return Shot(write_new(encode_png(pixels, size, metadata), self._folder, stem))
        except (OSError, MemoryError, ValueError) as error:
            return Shot(self._folder / f"{stem}.png", reason_of(error))


def read_metadata(path: Path) -> dict[str, str]:
    """What a PNG says of itself in words, by name; raises UserError for what is no PNG."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return {name: str(words) for name, words in picture.info.items() if isinstance(words, str)}
    except Exception as error:  # a decoder raises whatever it stumbles over
        raise UserError("cannot read the screenshot", f"{path}: {reason_of(error)}", "give a PNG file") from error
