"""Replay: dream a logged walk again and check every picture, bit for bit.

A replay is a driver (it hands the logged controls to the generator, in order) and a witness (it sees what comes out).
Pictures are compared by their digests, so a difference has a place but no size. Nothing is corrected on the way.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from model.world import WorldInfo
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.image import StartImage, load_image
from runtime.logged import Again, Back, Chunk, Engine, Header, Loaded, Session, Worded
from runtime.messages import Bystander, Dreamt, Moment
from runtime.session_log import digest
from runtime.verdict import Difference, Verdict


def replayed_image(header: Header | Again, given: Path | None = None, folder: Path | None = None) -> StartImage | None:
    """The picture that a walk started from: from the path `given` now, or from where it was then, or under the same
    name in `folder`, that of the log, which may have been moved with what lies beside it.
    """
    if not header.image_sha256:
        if given is not None:
            raise UserError("the session started without a picture", f"--image {given}", "leave --image out")
        return None
    then = Path(header.image)
    moved = folder is not None and not then.exists() and (folder / then.name).is_file()
    image = load_image(given or (folder / then.name if moved else then))
    if image.sha256 != header.image_sha256:
        raise UserError("the session started from another picture", image.path, "give that one with --image FILE")
    return image


# Reads a saved world of this world beside a log; raises UserError.
ReadMoment = Callable[[Path, WorldInfo], Moment]


def later_images(session: Session, first: StartImage | None) -> dict[str, StartImage]:
    """By digest, the pictures that a session began again from, and the one that it began with. Raises UserError for one
    that is gone or another: at the start, and not in the middle of a replay.
    """
    found = {first.sha256: first} if first else {}
    for event in session.events:
        if isinstance(event, Again) and event.image_sha256 and event.image_sha256 not in found:
            found[event.image_sha256] = replayed_image(event, folder=session.path.parent)
    return found


class Replay(Bystander):
    """Driver on the loop's thread, witness on the generator's; they share the list of what is still expected."""

    interactive = False
    hurries = False

    def __init__(
        self, session: Session, read_moment: ReadMoment | None = None, image: StartImage | None = None
    ) -> None:
        """image: the one that the session begins with."""
        self._session, self._read_moment = session, read_moment
        self._to_ask = deque(event for event in session.events if not isinstance(event, Engine))
        self._expected = deque(event for event in session.events if isinstance(event, Chunk))
        # How often the walk will come back to a deed; until then the moment after it is kept.
        self._returns = Counter(event.deeds for event in session.events if isinstance(event, Back))
        self._kept: dict[int, Moment] = {}
        self._changes = engine_changes(session)
        self._deeds = self._chunks = 0
        self._difference: Difference | None = None
        self._elsewhere = ""
        if not self._expected:
            raise UserError("the session is empty", str(session.path), "give one in which something was walked")
        self._images = later_images(session, image)

    @property
    def progress(self) -> tuple[int, int]:
        """Chunks that were dreamt again, of how many."""
        return self._chunks, self._session.chunks

    # ---- driver ----

    def begin(self, generator: Generator) -> None:
        """Start as the session did; the generator has the picture."""
        header = self._session.header
        generator.prompt = header.prompt
        if header.start:
            generator.restore(self._read(header.start, generator.info))
        else:
            generator.begin(header.seed)
        self._done(generator)

    def submit(self, generator: Generator, now: float) -> bool:
        """Ask for what came next in the session; False at its end."""
        if not self._to_ask:
            return False
        # To begin again gives up what was not shown yet, and a world that overlaps may still be at it.
        if isinstance(self._to_ask[0], Again | Back | Loaded) and generator.ahead:
            return True
        match self._to_ask[0]:
            case Back(deeds):
                generator.restore(self._kept[deeds])
                self._returns[deeds] -= 1
                if not self._returns[deeds]:
                    del self._kept[deeds]
            case Chunk(index, controls, _):
                if len(controls) != generator.chunk_length:
                    raise UserError(
                        f"the session is damaged: chunk {index} has {len(controls)} rows, not {generator.chunk_length}",
                        str(self._session.path),
                        "cut the file off before that chunk",
                    )
                generator.step(controls, now)
            case Again(seed, image, _, prompt) as again:
                if image is not None:
                    generator.image, generator.prompt = self._images.get(again.image_sha256), prompt
                generator.begin(seed)
            case Worded(prompt):
                generator.reword(prompt)
            case Loaded(file):
                generator.restore(self._read(file, generator.info))
        self._to_ask.popleft()
        self._done(generator)
        return True

    def _done(self, generator: Generator) -> None:
        """One deed more; where the walk will come back to it, it is kept."""
        self._deeds += 1
        if self._returns[self._deeds]:
            generator.keep(partial(self._kept.__setitem__, self._deeds))

    def _read(self, name: str, info: WorldInfo) -> Moment:
        if self._read_moment is None:
            raise UserError("the session goes on from a saved world", name, "replay it with play.py")
        return self._read_moment(self._session.beside(name), info)

    # ---- witness ----

    def loaded(self, info: WorldInfo) -> None:
        """Refuse a world that cannot dream the same."""
        header = self._session.header
        if header.context != info.context and None not in (header.context, info.context):
            what = f"the session's chunks looked back on {header.context} latents, and here it is {info.context}"
            raise UserError(what, f"{info.name!r}", "leave out --context, or name the world that it was recorded in")
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
        if not info.takes_text and (header.prompt or any(isinstance(event, Worded) for event in self._session.events)):
            remedy = "replay it with the world that it was recorded in"
            raise UserError("the session has words, and this world takes none", f"{info.name!r}", remedy)
        if (header.backend, header.device) != (info.backend, info.device):
            self._elsewhere = f"{header.backend} ({header.device})"

    def refused(self, error: UserError) -> None:
        """Without it, all that follows would be other pictures."""
        if self._expected:
            raise error

    def _whole(self, info: WorldInfo) -> bool:
        """Whether every chunk has as many rows as the world may want; which of both, it finds when it gets there."""
        lengths = {info.first_chunk_frames, info.chunk_frames}
        return all(len(chunk.controls) in lengths for chunk in self._expected)

    def dreamt(self, chunk: Dreamt) -> None:
        """Compare a chunk with what the session saw."""
        if not self._expected:
            return  # the walk goes on beyond its session
        expected = self._expected.popleft()
        self._chunks += 1
        if self._difference is not None:
            return
        got = [digest(frame) for frame in chunk.frames]
        for index in range(max(len(got), len(expected.digests))):
            pair = [digests[index] if index < len(digests) else "nothing" for digests in (expected.digests, got)]
            if pair[0] != pair[1]:
                self._difference = Difference(expected.index, index, pair[0][:12], pair[1][:12])
                return

    def verdict(self) -> Verdict:
        """What the replay showed so far; meant for when the generator has ended."""
        return Verdict(self._chunks, self._session.chunks, self._difference, self._elsewhere, self._change())

    def _change(self) -> str:
        """The engine's change that may explain the difference."""
        if self._difference is None:
            return ""
        before = [backend for chunk, backend in self._changes if chunk <= self._difference.chunk]
        return before[-1] if before else ""


def engine_changes(session: Session) -> list[tuple[int, str]]:
    """(the first chunk, the engine) of every change of engines in a session."""
    changes, chunks = [], 0
    for event in session.events:
        chunks += isinstance(event, Chunk)
        if isinstance(event, Engine):
            changes.append((chunks, event.backend))
    return changes
