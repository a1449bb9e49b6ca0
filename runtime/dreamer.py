"""Dreamer: what the generator's thread does with a world, request by request. It owns no thread and waits for nobody:
where requests come from and where frames go is runtime/generator.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from model.world import PARTS, World
from runtime.errors import UserError
from runtime.messages import (
    Begun,
    Dreamt,
    Frame,
    Keep,
    Moment,
    Request,
    Reset,
    Restore,
    Reword,
    Step,
    Witness,
)
from runtime.stats import Percentiles, Split


class Tally:
    """What was dreamt, for whoever looks: one thread writes, any may read.

    `chunk` counts chunks since the reset, `dreamt` those of the run, `deeds` all that witnesses were told of it.
    `seed`, `image` and `prompt` are the walk's.
    """

    def __init__(self) -> None:
        self.chunk = self.dreamt = self.deeds = 0
        self.frames = 0
        self.busy_s = 0.0
        self.chunk_ms = Percentiles()
        self.split = Split(PARTS)
        self.camera = np.eye(4)
        self.backend = self.prompt = ""
        self.seed, self.image = 0, None
        # Requests served, and frames of begun chunks that are still to come.
        self.served = self.coming = 0


class Dreamer:
    """wanted: whether an epoch is still the present one; deliver: queues a frame, False when nobody wants it any more;
    upcoming: takes the next request if it is a step that waits already; refuse: is told what a world would not do.
    """

    def __init__(
        self,
        world: World,
        witnesses: Sequence[Witness],
        tally: Tally,
        *,
        wanted: Callable[[int], bool],
        deliver: Callable[[Frame], bool],
        upcoming: Callable[[], Step | None],
        refuse: Callable[[Request, str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._world, self._witnesses, self._tally = world, witnesses, tally
        self._wanted, self._deliver, self._upcoming, self._clock = wanted, deliver, upcoming, clock
        self._refuse = refuse
        self._picture: np.ndarray | None = None
        self._given_up: list[tuple[Begun, list[np.ndarray]]] = []

    def serve(self, request: Request) -> None:
        """Do what was asked, and whatever was asked meanwhile of a world that overlaps."""
        if not isinstance(request, Step):
            if self._wanted(request.epoch):
                self._obey(request)
            self._tally.served += 1
            return
        work = self._begin(request)
        while work is not None:
            work = self._finish(work)

    def _obey(self, request: Request) -> None:
        """What needs no frames. What a world will not do is told, and the walk goes on as it was, if it had begun."""
        try:
            match request:
                case Reset():
                    self._reset(request)
                case Reword(_, prompt):
                    self._reword(prompt)
                case Keep(_, done):
                    done(self._moment())
                case Restore(_, moment):
                    self._restore(moment)
        except UserError as error:
            if not self._tally.deeds:
                raise
            self._refused(request, error)

    def _refused(self, request: Request, error: UserError) -> None:
        """The walk goes on. What was given up of it is dreamt to its end: the world is behind that."""
        for witness in self._witnesses:
            witness.refused(error)
        given_up, self._given_up = self._given_up, []
        for work, frames in given_up:
            frames.extend(work.frames)
            self._count(work, frames, work.busy_s)
        self._tally.coming = 0
        self._refuse(request, str(error))

    def _reset(self, request: Reset) -> None:
        if self._world.info.needs_image and request.image is None:
            raise UserError("this world needs a start picture", self._world.info.name, "give one with --image FILE")
        self._world.reset(request.image and request.image.pixels, request.prompt or None, request.seed)
        tally = self._tally
        tally.chunk = tally.coming = 0
        tally.seed, tally.image, tally.prompt = request.seed, request.image, request.prompt
        self._picture, self._given_up = None, []
        self._tell("begun", request)

    def _reword(self, prompt: str) -> None:
        self._world.prompt(prompt)
        self._tally.prompt = prompt
        self._tell("reworded", prompt)

    def _restore(self, moment: Moment) -> None:
        self._world.load_state(dict(moment.state))
        tally = self._tally
        tally.chunk, tally.coming = moment.chunk, 0
        tally.seed, tally.prompt = moment.seed, moment.prompt
        self._picture, self._given_up = moment.picture, []
        tally.camera = np.array(self._world.camera, np.float64)
        self._tell("restored", moment)

    def _moment(self) -> Moment:
        tally = self._tally
        return Moment(self._world.state(), tally.chunk, tally.seed, tally.prompt, self._picture, tally.deeds)

    def _begin(self, request: Step) -> Begun | None:
        """Begin a chunk. From then on, a world that overlaps may be asked for the next one."""
        tally, info = self._tally, self._world.info
        if not self._wanted(request.epoch):
            tally.served += 1
            return None
        length, started = len(request.controls), self._clock()
        begun = Begun(request, self._world.step(request.controls), tally.chunk, self._clock() - started)
        if info.overlaps:
            tally.coming += length
            tally.chunk += 1
            tally.served += 1
        return begun

    def _finish(self, work: Begun) -> Begun | None:
        """Deliver a chunk's frames, each as soon as it is there; gives the next chunk where it was begun meanwhile.

        Only the world's own time counts as busy.
        """
        request, frames, busy, ahead, mark = work.request, [], work.busy_s, None, self._clock()
        # A moment is one between two chunks: who wants it has to wait for this one's end.
        wants = any(witness.wants(work.chunk) for witness in self._witnesses)
        for pixels in work.frames:
            ready = self._clock()
            busy += ready - mark
            frames.append(pixels)
            frame = Frame(pixels, request.epoch, work.chunk, len(frames) - 1, request.sampled_at, ready)
            if not self._deliver(frame):
                self._given_up.append((work, frames))
                break
            self._tally.coming = max(0, self._tally.coming - 1)
            if not wants:
                ahead = ahead or self._look_ahead()
            mark = self._clock()
        else:
            self._count(work, frames, busy + self._clock() - mark)
        if not self._world.info.overlaps:
            self._tally.served += 1
        return ahead

    def _look_ahead(self) -> Begun | None:
        """Begin the next chunk while this one's last frames are being decoded, where the world can do both."""
        request = self._upcoming() if self._world.info.overlaps else None
        return None if request is None else self._begin(request)

    def _count(self, work: Begun, frames: list[np.ndarray], busy_s: float) -> None:
        """A chunk was dreamt to its end."""
        tally = self._tally
        tally.frames += len(frames)
        tally.busy_s += busy_s
        tally.chunk_ms.add(busy_s * 1e3)
        tally.split.add(self._world.spent)
        tally.camera = np.array(self._world.camera, np.float64)
        tally.backend = self._world.backend
        if not self._world.info.overlaps:
            tally.chunk += 1
        self._picture = frames[-1]
        tally.dreamt += 1
        self._tell("dreamt", Dreamt(work.chunk, work.request.controls, frames, tally.backend, self._moment))

    def _tell(self, what: str, fact: object) -> None:
        self._tally.deeds += 1
        for witness in self._witnesses:
            getattr(witness, what)(fact)
