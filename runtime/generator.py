"""Generator: the world on its own thread, with requests going in and a bounded queue of frames coming out.

The loop asks (`begin`, `step`, ...) and looks (`take`, `idle`, `queued`) and never waits here. It is not a scheduler:
when to ask is runtime/pacing.py, with what controls is the driver's affair; what the thread does with the world is
runtime/dreamer.py. The world is loaded, reset and stepped on the thread alone; what goes wrong there is raised again by
`take` and `check`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from model.world import World, WorldInfo
from runtime.dreamer import Dreamer, Tally
from runtime.image import StartImage
from runtime.messages import Frame, Keep, Moment, Request, Reset, Restore, Reword, Step, Witness
from runtime.requests import Requests
from runtime.stats import Percentiles, Split

# Frames that may wait to be shown. The thread stands still when they do, so memory is bounded whatever the loop does.
FRAMES_QUEUED = 16


class Generator:
    """Owns the thread. All methods are for one thread, the loop's; the counters may be read at any time.

    `seed`, `image` and `prompt` are what the next `begin` uses, and the last one used; what is refused is taken back.
    """

    def __init__(
        self,
        load: Callable[[], World],
        image: StartImage | None = None,
        witnesses: Sequence[Witness] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._load, self._witnesses, self._clock = load, witnesses, clock
        self._requests = Requests()
        self._frames: queue.Queue[Frame] = queue.Queue(FRAMES_QUEUED)
        self._refusals: deque[str] = deque()
        self._error: BaseException | None = None
        self._stopping = False
        self._epoch = self._asked = 0
        self._tally = Tally()
        self._world: World | None = None
        self.info: WorldInfo | None = None
        self.seed, self.image, self.prompt = 0, image, ""
        self._thread = threading.Thread(target=self._work, name="generator", daemon=True)

    # ---- the loop's side ----

    def start(self) -> None:
        """Begin to load the world."""
        self._thread.start()

    @property
    def epoch(self) -> int:
        """Which walk is wanted, of those that `begin` and `restore` began; frames of others are not."""
        return self._epoch

    @property
    def idle(self) -> bool:
        """Whether the world can be asked for more: all is done, or under way where the world overlaps."""
        return self._tally.served == self._asked

    @property
    def queued(self) -> int:
        """Frames that wait to be shown."""
        return self._frames.qsize()

    @property
    def ahead(self) -> int:
        """Frames that will be shown before those of a chunk asked for now: queued, or on their way."""
        return self.queued + self._tally.coming

    @property
    def chunk_length(self) -> int:
        """Frames that the next step will yield; only meaningful when idle."""
        return self.info.chunk_frames if self._tally.chunk else self.info.first_chunk_frames

    @property
    def camera(self) -> np.ndarray:
        """Camera-to-world of the last chunk, float64 [4, 4]."""
        return self._tally.camera

    @property
    def backend(self) -> str:
        return self._tally.backend

    @property
    def frames_dreamt(self) -> int:
        return self._tally.frames

    @property
    def chunks_dreamt(self) -> int:
        """Chunks of this run, whatever resets there were."""
        return self._tally.dreamt

    @property
    def busy_s(self) -> float:
        return self._tally.busy_s

    @property
    def chunk_ms(self) -> Percentiles:
        return self._tally.chunk_ms

    @property
    def split(self) -> Split:
        """What the chunks' time went into."""
        return self._tally.split

    @property
    def building(self) -> str:
        """A better engine that is being made, and how far it is, in words; "" for none."""
        return self._world.building if self._world else ""

    def begin(self, seed: int) -> None:
        """Reset the world with `seed`; the chunk being dreamt is given up, frames not yet shown are discarded."""
        self.seed = seed
        self._start_over()
        self._ask(Reset(self._epoch, seed, self.image, self.prompt))

    def restore(self, moment: Moment) -> None:
        """Go on from another moment; what is being dreamt and not yet shown is given up as by `begin`."""
        self.seed, self.prompt = moment.seed, moment.prompt
        self._start_over()
        self._ask(Restore(self._epoch, moment))

    def step(self, controls: np.ndarray, sampled_at: float) -> None:
        """Dream the next chunk from float32 [frames, info.control_columns], sampled at `sampled_at` seconds."""
        self._ask(Step(self._epoch, controls, sampled_at))

    def reword(self, prompt: str) -> None:
        """Change the prompt from the next chunk on; where the world will not, `refusal` says why, as of all else."""
        self.prompt = prompt
        self._ask(Reword(self._epoch, prompt))

    def keep(self, done: Callable[[Moment], None]) -> None:
        """Hand the moment after the chunk that is under way to `done`, on the generator's thread."""
        self._ask(Keep(self._epoch, done))

    def refusal(self) -> str:
        """What the world would not do, in words; "" for nothing. Each is told once."""
        return self._refusals.popleft() if self._refusals else ""

    def take(self) -> Frame | None:
        """The next frame to show, None while there is none. Raises what the world raised."""
        frame = self._pop_frame()
        while frame is not None and frame.epoch != self._epoch:
            frame = self._pop_frame()
        if frame is None:
            self.check()
        return frame

    def skip(self) -> None:
        """Forget a frame that waits, to make room for what comes after it."""
        self._pop_frame()

    def check(self) -> None:
        """Raise what the world raised, if it did."""
        if self._error is not None:
            raise self._error

    def close(self, timeout: float = 3.0) -> bool:
        """Stop the thread, wait for it up to `timeout` seconds and say whether it is gone.

        A world that is still loading cannot be interrupted; its thread is a daemon and ends with the process.
        """
        self._stopping = True
        self._asked -= self._requests.discard()
        self._requests.put(None)
        if self._world is not None:
            self._world.close()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether the thread is gone, and the world at rest."""
        return not self._thread.is_alive()

    def _start_over(self) -> None:
        """Nothing that was asked for before is wanted any more."""
        self._epoch += 1
        self._asked -= self._requests.discard()
        while self._pop_frame() is not None:
            pass

    def _ask(self, request: Request) -> None:
        self._asked += 1
        self._requests.put(request)

    def _pop_frame(self) -> Frame | None:
        try:
            return self._frames.get_nowait()
        except queue.Empty:
            return None

    # ---- the thread's side ----

    def _work(self) -> None:
        try:
            world = self._world = self._load()
            for witness in self._witnesses:
                witness.loaded(world.info)
            dreamer = Dreamer(
                world,
                self._witnesses,
                self._tally,
                wanted=self._wanted,
                deliver=self._deliver,
                upcoming=self._requests.upcoming,
                refuse=self._refused,
                clock=self._clock,
            )
            self._tally.backend, self.info = world.info.backend, world.info
            while (request := self._requests.next()) is not None:
                dreamer.serve(request)
        except BaseException as error:  # travels to the loop's thread, whatever it is
            self._error = error

    def _refused(self, request: Request, words: str) -> None:
        if isinstance(request, Reword):
            # Who has asked for another one meanwhile gets that.
            self.prompt = self._tally.prompt if self.prompt == request.prompt else self.prompt
        elif self._wanted(request.epoch):
            self.seed, self.image, self.prompt = self._tally.seed, self._tally.image, self._tally.prompt
        self._refusals.append(words)

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
