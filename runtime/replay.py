"""Replay: dream a logged walk again and check every picture, bit for bit.

A replay is a driver (it hands the logged controls to the generator, in order) and a witness (it sees what comes out).
Pictures are compared by their digests, so a difference has a place but no size. Nothing is corrected on the way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from model.world import WorldInfo
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.image import StartImage, load_image
from runtime.session import Chunk, Reset, Session, digest


@dataclass(frozen=True)
class Difference:
    """The first frame that came out otherwise: where in the session, and the digests' beginnings."""

    chunk: int
    frame: int
    expected: str
    got: str


@dataclass(frozen=True)
class Verdict:
    """`chunks` were dreamt again out of `total`; `difference` is the first one, None where all were identical.

    `elsewhere` names what the session was walked on, where that was something else than now.
    """

    chunks: int
    total: int
    difference: Difference | None
    elsewhere: str = ""

    @property
    def identical(self) -> bool:
        """Whether no picture differed."""
        return self.difference is None

    def line(self) -> str:
        """The verdict in one line."""
        found = self.difference
        if found:
            where = f"chunk {found.chunk} frame {found.frame}"
            told = f"replay: first difference at {where} (expected {found.expected}, got {found.got})"
            return f"{told}; it was walked on {self.elsewhere}, where bits may differ" if self.elsewhere else told
        stopped = f" (stopped before the end, at {self.chunks} of {self.total})" if self.chunks < self.total else ""
        return f"replay: {self.chunks} chunks, all frames bit-identical{stopped}"

    def summary(self) -> dict:
        """The verdict for a report."""
        difference = asdict(self.difference) if self.difference else None
        return {"chunks": self.chunks, "identical": self.identical, "first_difference": difference}


def replayed_image(session: Session, given: Path | None) -> StartImage | None:
    """The picture that the session started from, from where it was then or from the path `given` now."""
    header = session.header
    if not header.image_sha256:
        if given is not None:
            raise UserError("the session started without a picture", f"--image {given}", "leave --image out")
        return None
    image = load_image(given or Path(header.image))
    if image.sha256 != header.image_sha256:
        raise UserError("the session started from another picture", image.path, "give that one with --image FILE")
    return image


class Replay:
    """Driver on the loop's thread, witness on the generator's; they share the list of what is still expected."""

    interactive = False

    def __init__(self, session: Session) -> None:
        self._session = session
        self._to_ask = deque(session.events)
        self._expected = deque(event for event in session.events if isinstance(event, Chunk))
        self._chunks = 0
        self._difference: Difference | None = None
        self._elsewhere = ""
        if not self._expected:
            raise UserError("the session is empty", session.header.world, "give one in which something was walked")

    # ---- driver ----

    def begin(self, generator: Generator) -> None:
        """Start as the session did."""
        generator.begin(self._session.header.seed)

    def submit(self, generator: Generator, now: float) -> bool:
        """Ask for what came next in the session; False at its end."""
        if not self._to_ask:
            return False
        event = self._to_ask.popleft()
        if isinstance(event, Reset):
            generator.begin(event.seed)
        else:
            generator.step(event.controls, now)
        return True

    # ---- witness ----

    def loaded(self, info: WorldInfo) -> None:
        """Refuse a world that cannot dream the same."""
        header = self._session.header
        if info.weights_sha256 != header.weights_sha256:
            raise UserError(
                f"the session was walked in {header.world!r} with other weights",
                f"{header.weights_sha256[:12]} then, {info.weights_sha256[:12]} in {info.name!r} now",
                "replay it with the world that it was recorded in",
            )
        odd = {chunk.controls.shape[1] for chunk in self._expected} - {info.control_columns}
        if odd:
            raise UserError(
                "the session's controls are not this world's",
                f"{odd.pop()} columns in the session, {info.control_columns} in {info.name!r}",
                "replay it with the world that it was recorded in",
            )
        then = (*header.size, header.fps, header.first_chunk_frames, header.chunk_frames)
        now = (info.width, info.height, info.fps, info.first_chunk_frames, info.chunk_frames)
        if then != now or not self._whole(info):
            raise UserError(
                "the session's pictures or chunks are not this world's",
                "{}x{} at {:g} fps, {} and {} frames then, ".format(*then)
                + "{}x{} at {:g} fps, {} and {} frames now".format(*now),
                "replay it with the world that it was recorded in",
            )
        if (header.backend, header.device) != (info.backend, info.device):
            self._elsewhere = f"{header.backend} ({header.device})"

    def _whole(self, info: WorldInfo) -> bool:
        """Whether every chunk has the rows that the world will want."""
        first = True
        for event in self._session.events:
            wanted = info.first_chunk_frames if first else info.chunk_frames
            first = isinstance(event, Reset)
            if not first and len(event.controls) != wanted:
                return False
        return True

    def begun(self, seed: int) -> None:
        """A reset leaves no picture to check."""

    def dreamt(self, controls: np.ndarray, frames: list[np.ndarray]) -> None:
        """Compare a chunk with what the session saw."""
        expected = self._expected.popleft()
        self._chunks += 1
        if self._difference is not None:
            return
        got = [digest(frame) for frame in frames]
        for index in range(max(len(got), len(expected.digests))):
            pair = [digests[index] if index < len(digests) else "nothing" for digests in (expected.digests, got)]
            if pair[0] != pair[1]:
                self._difference = Difference(expected.index, index, pair[0][:12], pair[1][:12])
                return

    def verdict(self) -> Verdict:
        """What the replay showed so far; meant for when the generator has ended."""
        return Verdict(self._chunks, self._session.chunks, self._difference, self._elsewhere)
