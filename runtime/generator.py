"""Generator: the world on its own thread, with a bounded queue in and a bounded queue out.

The loop asks (`begin`, `step`) and looks (`take`, `idle`, `queued`) and never waits here. It is not a scheduler: when
to ask is runtime/pacing.py, with what controls is the driver's affair. The world is loaded, reset and stepped on the
thread alone; what goes wrong there is raised again by `take` and `check`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import numpy as np

from model.world import World, WorldInfo
from runtime.errors import UserError
from runtime.messages import Begun, Frame, Request, Witness
from runtime.stats import Percentiles

# Frames that may wait to be shown. The thread stands still when they do, so memory is bounded whatever the loop does.
FRAMES_QUEUED = 16
# The loop has one request out at a time; a reset may come on top.
REQUESTS_QUEUED = 2


class Generator:
    """Owns the thread. All methods are for one thread, the loop's; the counters may be read at any time."""

    def __init__(
        self,
        load: Callable[[], World],
        image: np.ndarray | None = None,
        witness: Witness | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._load, self._image, self._witness, self._clock = load, image, witness, clock
        self._requests: queue.Queue[Request | None] = queue.Queue(REQUESTS_QUEUED)
        self._frames: queue.Queue[Frame] = queue.Queue(FRAMES_QUEUED)
        self._error: BaseException | None = None
        self._stopping = False
        self._epoch = self._chunk = 0
        # Written by one side each, so that their comparison needs no lock.
        self._asked = self._served = 0
        self._coming = 0
        self.info: WorldInfo | None = None
        self.seed = 0
        self.camera = np.eye(4)
        self.backend = ""
        self.frames_dreamt = 0
        self.busy_s = 0.0
        self.chunk_ms = Percentiles()
        self._thread = threading.Thread(target=self._work, name="generator", daemon=True)

    # ---- the loop's side ----

    def start(self) -> None:
        """Begin to load the world."""
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether the world can be asked for more: all is done, or under way where the world overlaps."""
        return self._served == self._asked

    @property
    def queued(self) -> int:
        """Frames that wait to be shown."""
        return self._frames.qsize()

    @property
    def ahead(self) -> int:
        """Frames that will be shown before those of a chunk asked for now: queued, or on their way."""
        return self.queued + self._coming

    @property
    def chunk_length(self) -> int:
        """Frames that the next step will yield; only meaningful when idle."""
        return self.info.chunk_frames if self._chunk else self.info.first_chunk_frames

    def begin(self, seed: int) -> None:
        """Reset the world with `seed`; the chunk being dreamt is given up, frames not yet shown are discarded."""
        self._epoch += 1
        self.seed = seed
        self._discard_requests()
        while self._pop_frame() is not None:
            pass
        self._ask(Request(self._epoch, seed))

    def step(self, controls: np.ndarray, sampled_at: float) -> None:
        """Dream the next chunk from float32 [frames, info.control_columns], sampled at `sampled_at` seconds."""
        self._ask(Request(self._epoch, self.seed, controls, sampled_at))

    def take(self) -> Frame | None:
        """The next frame to show, None while there is none. Raises what the world raised."""
        frame = self._pop_frame()
        while frame is not None and frame.epoch != self._epoch:
            frame = self._pop_frame()
        if frame is None:
            self.check()
        return frame

    def check(self) -> None:
        """Raise what the world raised, if it did."""
        if self._error is not None:
            raise self._error

    def close(self, timeout: float = 3.0) -> bool:
        """Stop the thread, wait for it up to `timeout` seconds and say whether it is gone.

        A world that is still loading cannot be interrupted; its thread is a daemon and ends with the process.
        """
        self._stopping = True
        self._discard_requests()
        self._requests.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether the thread is gone, and the world at rest."""
        return not self._thread.is_alive()

    def _ask(self, request: Request) -> None:
        self._asked += 1
        self._requests.put_nowait(request)

    def _discard_requests(self) -> None:
        while not self._requests.empty():
            try:
                self._requests.get_nowait()
            except queue.Empty:
                return  # the thread was faster and will serve it
            self._asked -= 1

    def _pop_frame(self) -> Frame | None:
        try:
            return self._frames.get_nowait()
        except queue.Empty:
            return None

    # ---- the thread's side ----

    def _work(self) -> None:
        try:
            self._world = self._load()
            info = self._world.info
            if info.needs_image and self._image is None:
                raise UserError("this world needs a start picture", info.name, "give one with --image FILE")
            if self._witness:
                self._witness.loaded(info)
            self.backend = info.backend
            self.info = info
            while (request := self._requests.get()) is not None:
                self._serve(request)
        except BaseException as error:  # travels to the loop's thread, whatever it is
            self._error = error

    def _serve(self, request: Request) -> None:
        """Do what was asked, and whatever was asked meanwhile of a world that overlaps."""
        work = self._begin(request)
        while work is not None:
            work = self._finish(work)

    def _begin(self, request: Request) -> Begun | None:
        """Reset the world, or begin a chunk. From then on, a world that overlaps may be asked for the next one."""
        if not self._wanted(request.epoch):
            self._served += 1
            return None
        if request.controls is None:
            self._world.reset(self._image, None, request.seed)
            self._chunk = self._coming = 0
            if self._witness:
                self._witness.begun(request.seed)
            self._served += 1
            return None
        length, started = self.chunk_length, self._clock()
        begun = Begun(request, self._world.step(request.controls), self._chunk, self._clock() - started)
        if self.info.overlaps:
            self._coming += length
            self._chunk += 1
            self._served += 1
        return begun

    def _finish(self, work: Begun) -> Begun | None:
        """Deliver a chunk's frames, each as soon as it is there; gives the next chunk where it was begun meanwhile.

        Only the world's own time counts as busy.
        """
        request, frames, busy, ahead, mark = work.request, [], work.busy_s, None, self._clock()
        for pixels in work.frames:
            ready = self._clock()
            busy += ready - mark
            frames.append(pixels)
            frame = Frame(pixels, request.epoch, work.chunk, len(frames) - 1, request.sampled_at, ready)
            if not self._deliver(frame):
                break
            self._coming = max(0, self._coming - 1)
            ahead = ahead or self._look_ahead()
            mark = self._clock()
        else:
            self._count(request, frames, busy + self._clock() - mark)
        if not self.info.overlaps:
            self._chunk += 1
            self._served += 1
        return ahead

    def _look_ahead(self) -> Begun | None:
        """Begin the next chunk while this one's last frames are being decoded, where the world can do both."""
        if not self.info.overlaps or self._requests.empty():
            return None
        request = self._requests.get_nowait()
        if request is None:
            self._requests.put(None)  # the end, which `_work` waits for
            return None
        return self._begin(request)

    def _count(self, request: Request, frames: list[np.ndarray], busy_s: float) -> None:
        """A chunk was dreamt to its end."""
        self.frames_dreamt += len(frames)
        self.busy_s += busy_s
        self.chunk_ms.add(busy_s * 1e3)
        self.camera = np.array(self._world.camera, np.float64)
        self.backend = self._world.backend
        if self._witness:
            self._witness.dreamt(request.controls, frames)

    def _wanted(self, epoch: int) -> bool:
        return epoch == self._epoch and not self._stopping

    def _deliver(self, frame: Frame) -> bool:
        """Queue a frame, waiting for room; False when nobody wants it any more."""
        while self._wanted(frame.epoch):
            try:
                self._frames.put(frame, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False
