"""The world protocol: all that the runtime knows of any model family.

A world is a thing that is reset once and then stepped, chunk by chunk, with one row of controls per video frame.
It is not thread safe: one thread owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from model.progress import UNWATCHED, Watcher

# The first columns of a control row, per video frame, in the camera's own axes (see input/controls.py).
CONTROL_COLUMNS = ("right", "forward", "yaw", "pitch")
# What the time of a chunk is told in; "other" is all that is none of these.
PARTS = ("denoise", "commit", "decode", "other")


@dataclass(frozen=True)
class WorldInfo:
    """What a world is, as fixed facts.

    `fps` is the rate at which its frames are meant to be presented; `chunk_frames` the video frames that one `step`
    yields (`first_chunk_frames` for the first step after a reset); `backend` and `device` what computes it, in words.

    The control vocabulary: `held_columns` names the movement actions whose keys the world wants to know as such, one
    more column each (1 while held, else 0) behind CONTROL_COLUMNS. `vocabulary` says for people what can be done here,
    as pairs of a movement action (or "mouse") and what it does in this world, in the order of the on-screen help.

    `notes` are lines about what was chosen while loading, for a person to read once. `overlaps`: the next step may be
    begun before the last one's frames were taken, and goes on beside them. `takes_text`: whether a prompt means
    anything here (`needs_text`: it cannot begin without one). `context`: the most latent frames that a chunk looks back
    on, None where that is not chosen.
    """

    name: str
    title: str
    width: int
    height: int
    fps: float
    first_chunk_frames: int
    chunk_frames: int
    latent_frames_per_chunk: int
    needs_image: bool
    needs_text: bool
    backend: str
    device: str
    weights_sha256: str
    held_columns: tuple[str, ...] = ()
    vocabulary: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    overlaps: bool = False
    takes_text: bool = False
    context: int | None = None

    @property
    def control_columns(self) -> int:
        """Columns of a control row."""
        return len(CONTROL_COLUMNS) + len(self.held_columns)


@dataclass(frozen=True)
class LoadOptions:
    """How a person wants a world loaded; None and "auto" leave it to the world.

    `weights` is the folder of a family's official files; `attention` a back end of model/attention.py; `decoder`
    "full" or "tiny"; `device` a torch device such as "cpu" or "cuda"; `threads` those of a CPU engine.

    `decode_device` is the decoder's, where it is another one; `vram` a budget of device memory in GB (10^9 bytes).
    `context` the most latent frames that a chunk looks back on, for worlds that choose them (None: as trained).
    `engine` and `precision` are names of compile/plan.py. `settled`: the engine must not change while playing, as in a
    recording: it is made ready before. `engines`: the folder of what was built (None: the user's own); `engine_dir`:
    engines that were made ahead of time. `say` is told in a line when another engine takes over. `team`: the processes
    that compute this world together, if there are more (compile/parallel.py). `progress` is told how far loading is,
    the encoding of a start picture included, and may end it by raising Cancelled; not what is built beside play.
    """

    weights: Path | None = None
    attention: str = "auto"
    decoder: str = "full"
    device: str = "auto"
    threads: int | None = None
    decode_device: str = "auto"
    vram: float | None = None
    context: int | None = None
    engine: str = "auto"
    precision: str = "auto"
    settled: bool = False
    engines: Path | None = None
    engine_dir: Path | None = None
    say: Callable[[str], None] = lambda line: None
    team: object = None
    progress: Watcher = UNWATCHED


class World(Protocol):
    info: WorldInfo

    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """Begin again from `image` (uint8 RGB [h, w, 3], any size; None: the world's own start picture) and `prompt`
        (None: the world's own). Raises UserError for what it cannot begin from, and has changed nothing then.
        """

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """Dream the next chunk.

        `controls` is float32 [chunk_frames, info.control_columns], one row per video frame: metres to the right and
        forward, radians of yaw (positive turns right) and of pitch (positive looks up), then the held columns. Yields
        `chunk_frames` frames as soon as each is there, uint8 BGRA [height, width, 4], C-contiguous and never written
        again. Exhaust the iterator before the next step, but for worlds that overlap.
        """

    @property
    def backend(self) -> str:
        """What computes at present, in words: `info.backend` to begin with."""

    @property
    def spent(self) -> Mapping[str, float]:
        """Milliseconds that the last chunk took by part (PARTS), once its frames were all taken.

        It is the host's time, without what NumPy does between the graphs: on a GPU, whose work goes on by itself, that
        is how long it took to ask for it, and of a world that overlaps the parts may be of two chunks.
        """

    @property
    def building(self) -> str:
        """What is being built beside play and how far it is, in words; empty where nothing is. From any thread."""

    def close(self) -> None:
        """Nobody plays any more: what is built beside play is given up. From any thread; never raises."""

    def prompt(self, text: str) -> None:
        """Change the text condition from the next chunk on. Raises UserError where a world takes no text, or not this
        one, and has changed nothing then.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next step depends on, as arrays that may be kept."""

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        """Raise UserError, which names the array, unless `load_state` will take `state`."""

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state` of this world, whatever was walked before; the same controls then lead to the same
        pictures. Raises as `require_state` does, and has changed nothing then.
        """

    @property
    def camera(self) -> np.ndarray:
        """Camera-to-world of the last frame dreamt, float64 [4, 4], OpenCV axes (x right, y down, z forward)."""
