"""Messages: what goes to the generator's thread and what comes back, and who is told of it. No thread in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.world import WorldInfo
from runtime.errors import UserError
from runtime.image import StartImage

State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Frame:
    """One picture (uint8 BGRA [h, w, 4]) and where it comes from; times are seconds on the loop's clock.

    `chunk` counts from the last reset, `index` within the chunk; `sampled_at` is when the controls were read that the
    chunk was dreamt from, `ready_at` when the world yielded the frame.
    """

    pixels: np.ndarray
    epoch: int
    chunk: int
    index: int
    sampled_at: float
    ready_at: float


@dataclass(frozen=True)
class Moment:
    """A place in a walk to go on from: the world's `state` after `chunk` chunks since its reset, and the last
    `picture` of them, uint8 BGRA [h, w, 4], None where there was none yet.

    `logged` is how many deeds of this run's session led to it (runtime/session.py), None where it is of another run.
    """

    state: State
    chunk: int
    seed: int
    prompt: str = ""
    picture: np.ndarray | None = None
    logged: int | None = None


@dataclass(frozen=True)
class Reset:
    """Begin again; a prompt of "" leaves the world its own."""

    epoch: int
    seed: int
    image: StartImage | None = None
    prompt: str = ""


@dataclass(frozen=True)
class Step:
    """Dream the next chunk from controls float32 [frames, columns]."""

    epoch: int
    controls: np.ndarray
    sampled_at: float


@dataclass(frozen=True)
class Reword:
    """Change the prompt from the next chunk on."""

    epoch: int
    prompt: str


@dataclass(frozen=True)
class Keep:
    """Hand the present moment to `done`, on the generator's thread."""

    epoch: int
    done: Callable[[Moment], None]


@dataclass(frozen=True)
class Restore:
    """Go on from another moment."""

    epoch: int
    moment: Moment


Request = Reset | Step | Reword | Keep | Restore


@dataclass(frozen=True)
class Begun:
    """A chunk whose frames are on their way; `busy_s` is what beginning it took."""

    request: Step
    frames: Iterator[np.ndarray]
    chunk: int
    busy_s: float


@dataclass(frozen=True)
class Dreamt:
    """A chunk that was dreamt to its end, the `chunk`-th since the reset: by what `backend`, from what, to what frames.

    `moment` makes the moment after it; only to be called at once, and only of a chunk that some witness `wants`.
    """

    chunk: int
    controls: np.ndarray
    frames: list[np.ndarray]
    backend: str
    moment: Callable[[], Moment]


class Witness(Protocol):
    """Is told on the generator's thread, in order, all that happens to the world: a log, a check, a memory."""

    def loaded(self, info: WorldInfo) -> None:
        """The world is there; may raise to refuse it."""

    def begun(self, reset: Reset) -> None:
        """The world was reset."""

    def reworded(self, prompt: str) -> None:
        """The world has another prompt."""

    def restored(self, moment: Moment) -> None:
        """The world goes on from another moment."""

    def refused(self, error: UserError) -> None:
        """The world would not do what was asked, and is as it was; may raise that, to end the walk."""

    def wants(self, chunk: int) -> bool:
        """Whether the moment after the `chunk`-th chunk since the reset will be asked for."""

    def dreamt(self, chunk: Dreamt) -> None:
        """A chunk was dreamt to its end."""


class Bystander:
    """A witness that looks at nothing; others take from it what they do not need."""

    def loaded(self, info: WorldInfo) -> None: ...

    def begun(self, reset: Reset) -> None: ...

    def reworded(self, prompt: str) -> None: ...

    def restored(self, moment: Moment) -> None: ...

    def refused(self, error: UserError) -> None: ...

    def wants(self, chunk: int) -> bool:
        return False

    def dreamt(self, chunk: Dreamt) -> None: ...
