"""Session log: the witness that writes a session (runtime/session.py) while it is walked. Reads nothing.

Each line is flushed, so a killed process leaves a log that is good up to its end. A log that can no longer be written,
as on a full disk, ends there and says why; the walk goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from model.world import WorldInfo
from runtime.errors import UserError, reason_of
from runtime.image import StartImage
from runtime.logged import Header
from runtime.messages import Bystander, Dreamt, Moment, Reset
from runtime.session import FORMAT, SUFFIX, VERSION
from runtime.strings import text
from runtime.versions import reverie_version, versions

CLOSED = "closed"
# Writes a moment as a saved world; raises OSError or UserError.
WriteMoment = Callable[[Path, Moment, WorldInfo], None]


# What the files beside a log are called, after its own name: saved worlds, and pictures that had no file.
SIDE_FILE = r"\.(\d+\.reverie|[0-9a-f]{12}\.png)"


def digest(pixels: np.ndarray) -> str:
    """sha256 of a frame's bytes (uint8, C-contiguous), in hex."""
    return hashlib.sha256(pixels).hexdigest()


class SessionLog(Bystander):
    """Runs on the generator's thread until `close`. The file begins with the first chunk or whatever else comes after
    the start: an older one of that name stays until then.

    `chunks` and `lines` count what is on disk; `ended` says why no more will be, "" as long as all is well.
    """

    def __init__(self, path: Path, write_moment: WriteMoment | None = None) -> None:
        """write_moment: keeps the saved worlds that the walk goes on from; without it such a walk cannot be logged."""
        self.path, self._write_moment = path, write_moment
        self._info: WorldInfo | None = None
        self._file = None
        self._start: Reset | Moment | None = None
        self._image: StartImage | None = None
        self._backend = ""
        self._lock = threading.Lock()
        self._copies = 0
        self._why, self._told = "", False
        self.chunks = self.lines = 0
        self.ended = ""

    def news(self) -> list[str]:
        """Why the log ended, once, in the person's words; for any thread."""
        if self._told or self.ended in ("", CLOSED):
            return []
        self._told = True
        return [text("session.ended", reason=self._why)]

    # ---- witness ----

    def loaded(self, info: WorldInfo) -> None:
        """Remember the world."""
        self._info, self._backend = info, info.backend

    def begun(self, reset: Reset) -> None:
        """A line per reset, but for the one that the session begins with, which is in its header."""
        self._image = reset.image
        if self._start is None:
            self._start = reset
        else:
            self._write({"reset": reset.seed, **self._picture(), "prompt": reset.prompt})

    def reworded(self, prompt: str) -> None:
        self._write({"prompt": prompt})

    def restored(self, moment: Moment) -> None:
        """Going back is a number; going on from elsewhere needs a copy of where."""
        if self._start is None:
            self._start = moment
        elif moment.logged is not None:
            self._write({"back": moment.logged})
        else:
            self._write({"load": self._copy(moment)})

    def dreamt(self, chunk: Dreamt) -> None:
        """A line for a chunk that was dreamt to its end, before it one for an engine that is new."""
        if self._file is None:
            self._backend = chunk.backend
        elif chunk.backend != self._backend:
            self._backend = chunk.backend
            self._write({"engine": chunk.backend})
        rows = chunk.controls.astype(np.float64).tolist()
        self._write({"chunk": self.chunks, "controls": rows, "frames": [digest(frame) for frame in chunk.frames]})
        self.chunks += not self.ended

    # ---- the file ----

    def close(self) -> None:
        """Close the file; only when the generator has ended."""
        with self._lock:
            if self._file is not None:
                with contextlib.suppress(OSError):  # on a full disk; that has been told
                    self._file.close()
                self.ended = self.ended or CLOSED

    def _open(self) -> None:
        info, start = self._info, self._start
        header = Header(
            *(reverie_version(), info.name, info.weights_sha256, self._backend, info.device, start.seed),
            *self._picture().values(),
            *(info.fps, (info.width, info.height), info.first_chunk_frames, info.chunk_frames),
            prompt=start.prompt,
            start=self._copy(start) if isinstance(start, Moment) else "",
            when=datetime.now().astimezone().isoformat(timespec="seconds"),
            versions=versions(),
            context=info.context,
        )
        if self.ended:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            self._end(error)
            return
        self._put({"format": FORMAT, "version": VERSION, **asdict(header)})

    def _write(self, line: dict) -> None:
        """A line after the header; the header comes with the first of them."""
        if self._file is None and not self.ended:
            self._open()
        self._put(line)

    def _put(self, line: dict) -> None:
        with self._lock:
            if self.ended:
                return
            try:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
                self.lines += 1
            except OSError as error:
                self._end(error)

    def _end(self, error: Exception) -> None:
        self._why = reason_of(error)
        self.ended = f"the session log ends here: {reason_of(error)} ({self.path})"

    def _beside(self, what: str) -> Path:
        return self.path.with_name(f"{self.path.name.removesuffix(SUFFIX)}.{what}")

    def _picture(self) -> dict[str, str]:
        """Where the start picture lies. One that has no file of its own gets one beside the log: one that was pasted,
        or that lies beside another log and may be deleted with it.
        """
        image = self._image
        if image is None:
            return {"image": "", "image_sha256": ""}
        if image.path and not re.search(f"{SIDE_FILE}$", image.path):
            return {"image": image.path, "image_sha256": image.sha256}
        packed = io.BytesIO()
        Image.fromarray(image.pixels).save(packed, "PNG")
        sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
        path = self._beside(f"{sha256[:12]}.png")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed.getvalue())
        except OSError as error:
            self._end(error)
        return {"image": str(path.resolve()), "image_sha256": sha256}

    def _copy(self, moment: Moment) -> str:
        """Write a moment beside the log; its file's name."""
        path = self._beside(f"{self._copies}.reverie")
        self._copies += 1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._write_moment is None:
                raise UserError("saved worlds are not kept with this log")
            self._write_moment(path, moment, self._info)
        except (OSError, UserError) as error:
            self._end(error)
        return path.name
