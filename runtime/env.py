"""A world as a Gymnasium environment: for programs that walk in it, a chunk per step. No window, no thread, no pacing.

`pip install -e '.[env]'`, then `ReverieEnv()`, or `register()` and `gymnasium.make("Reverie-v0")`. There is no task in
it: the reward is always 0 and no episode ends by itself. The same seed and the same actions give the same pictures on
the same back end, which is made ready before the first step and does not change afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import ClassVar

import numpy as np

from compile.plan import ENGINES, PRECISIONS
from input.motion import Motion, Velocity
from model.registry import DEFAULT_WORLD
from model.registry import load_world as load_by_name
from model.world import CONTROL_COLUMNS, LoadOptions, World
from runtime.actions import rows_of
from runtime.errors import UserError
from runtime.image import load_image
from runtime.options import ATTENTION, DECODERS

try:
    import gymnasium
except ImportError as error:
    raise UserError("runtime.env needs gymnasium", str(error), "install it: pip install -e '.[env]'") from error

ID = "Reverie-v0"
CHOICES = {
    "engine": ("auto", *ENGINES),
    "precision": ("auto", *PRECISIONS),
    "attention": ATTENTION,
    "decoder": DECODERS,
}
PATHS = ("weights", "engines", "engine_dir")
RESET_OPTIONS = ("image", "prompt")
LARGEST_SEED = 2**63 - 1


class ReverieEnv(gymnasium.Env):
    """A step dreams one chunk (`info["frames"]`), of which the last frame is the observation.

    Action, float32 in [-1, 1]: right, forward, turn right and look up as fractions of the top speed (running, for the
    first two), which a body takes up and loses as one that is steered by keys; then the columns of
    `WorldInfo.held_columns`, held above 0.5. Observation: uint8 RGB [height, width, 3]. Info: `chunk` since the reset,
    `camera` float64 [4, 4] (camera to world, OpenCV axes), `frames` uint8 RGB [n, height, width, 3], `backend`.
    """

    metadata: ClassVar[dict] = {"render_modes": ["rgb_array"]}

    def __init__(
        self,
        world: str = DEFAULT_WORLD,
        image: str | Path | np.ndarray | None = None,
        render_mode: str | None = None,
        max_steps: int | None = None,
        load_world: Callable[[str, LoadOptions], World] = load_by_name,
        **loading: object,
    ) -> None:
        """world: a name or a folder. image: the start picture, a file or uint8 RGB [h, w, 3]; None: the world's own.

        max_steps: after which an episode is truncated. loading: fields of model.world.LoadOptions, such as engine,
        precision, device, threads. Raises UserError for whatever cannot be.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UserError(f"no render mode {render_mode!r}", "ReverieEnv", "choose None or 'rgb_array'")
        if max_steps is not None and max_steps < 1:
            raise UserError(f"max_steps is {max_steps}", "ReverieEnv", "give 1 or more, or None")
        self.render_mode, self._max_steps = render_mode, max_steps
        self._image, self._motion = picture_of(image), Motion()
        self._world: World | None = load_world(world, options_of(loading))
        info = self.world_info = self._world.info
        columns = len(CONTROL_COLUMNS) + len(info.held_columns)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (columns,), np.float32)
        self.observation_space = gymnasium.spaces.Box(0, 255, (info.height, info.width, 3), np.uint8)
        self.metadata = {**type(self).metadata, "render_fps": info.fps / info.chunk_frames}
        self._frame: np.ndarray | None = None
        self._velocity, self._chunk = Velocity(), 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[np.ndarray, dict[str, object]]:
        """Begin again, and dream the first chunk standing still: (observation, info).

        seed: the world's, as --seed is; None draws one. options: `image` as of the constructor and `prompt`, for this
        episode.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        unknown = sorted(options.keys() - set(RESET_OPTIONS))
        if unknown:
            raise UserError(f"unknown option {unknown[0]!r}", "reset", f"known options: {', '.join(RESET_OPTIONS)}")
        if seed is not None and seed > LARGEST_SEED:
            raise UserError(f"the seed {seed} is too large", "reset", f"the largest is {LARGEST_SEED}")
        world, info = self._open(), self.world_info
        picture = picture_of(options["image"]) if options.get("image") is not None else self._image
        prompt = options.get("prompt")
        if info.needs_image and picture is None:
            raise UserError("this world needs a start picture", info.name, "give one as image")
        if info.needs_text and prompt is None:
            raise UserError("this world needs a text", info.name, 'give one: reset(options={"prompt": ...})')
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed
        world.reset(picture, prompt, drawn)
        self._velocity, self._chunk = Velocity(), 0
        return self._dream(np.zeros((info.first_chunk_frames, info.control_columns), np.float32))

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
        """Dream the next chunk: (observation, 0.0, False, truncated, info)."""
        self._open()
        if self._frame is None:
            raise gymnasium.error.ResetNeeded("call reset before step")
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape or not np.isfinite(action).all():
            raise gymnasium.error.InvalidAction(f"an action is {self.action_space}, not {action!r}")
        info = self.world_info
        self._velocity, rows = rows_of(
            action, self._velocity, self._motion, info.chunk_frames, 1 / info.fps, info.held_columns
        )
        seen, told = self._dream(rows)
        truncated = self._max_steps is not None and self._chunk > self._max_steps
        return seen, 0.0, False, truncated, told

    def render(self) -> np.ndarray | None:
        """The last frame, uint8 RGB [height, width, 3]; None without a render mode."""
        return self._frame.copy() if self.render_mode and self._frame is not None else None

    def state(self) -> dict[str, np.ndarray]:
        """All that the next steps depend on, as arrays that may be kept; see `load_state`."""
        if self._frame is None:
            raise gymnasium.error.ResetNeeded("call reset before state")
        own = {"velocity": np.array(astuple(self._velocity)), "chunk": np.array(self._chunk), "frame": self._frame}
        arrays = {f"env.{name}": array.copy() for name, array in own.items()}
        return arrays | {f"world.{name}": array.copy() for name, array in self._open().state().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state`, which an environment of the same world and back end gave: bit for bit as that one did.

        Raises UserError for what is visibly no such state.
        """
        frame = state.get("env.frame")
        if frame is None or frame.shape != self.observation_space.shape:
            raise UserError("that is no state of this environment", "load_state", "give what its state() gave")
        parts = {name.removeprefix("world."): array for name, array in state.items() if name.startswith("world.")}
        self._open().load_state({name: array.copy() for name, array in parts.items()})
        self._velocity, self._chunk = Velocity(*state["env.velocity"].tolist()), int(state["env.chunk"])
        self._frame = frame.copy()

    def close(self) -> None:
        """Let go of the world and its memory; may be called twice."""
        if self._world is not None:
            self._world.close()
        self._world = self._frame = None

    def _open(self) -> World:
        if self._world is None:
            raise gymnasium.error.ClosedEnvironmentError("the environment is closed")
        return self._world

    def _dream(self, rows: np.ndarray) -> tuple[np.ndarray, dict[str, object]]:
        """Dream a chunk by control rows: (observation, info)."""
        frames = np.stack([frame[..., 2::-1] for frame in self._world.step(rows)])  # BGRA to RGB
        camera = np.array(self._world.camera, np.float64)
        told = {"chunk": self._chunk, "camera": camera, "frames": frames, "backend": self._world.backend}
        self._chunk += 1
        self._frame = frames[-1].copy()
        return self._frame.copy(), told


def options_of(loading: Mapping[str, object]) -> LoadOptions:
    """How to load a world, from a constructor's keywords; raises UserError for what is none."""
    for name, value in loading.items():
        if name not in LoadOptions.__dataclass_fields__:
            raise UserError(f"unknown argument {name!r}", "ReverieEnv", "see model.world.LoadOptions")
        known = CHOICES.get(name, (value,))
        if value not in known:
            raise UserError(f"no {name} {value!r}", "ReverieEnv", f"choose one of {', '.join(known)}")
    paths = {name: Path(value) for name, value in loading.items() if name in PATHS and value is not None}
    # A world that changed its engine on the way would not be deterministic.
    return LoadOptions(**{"settled": True, **loading, **paths})


def picture_of(image: str | Path | np.ndarray | None) -> np.ndarray | None:
    """A start picture as uint8 RGB [h, w, 3]; raises UserError for what is none."""
    if image is None:
        return None
    if isinstance(image, str | Path):
        return load_image(Path(image)).pixels
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UserError(f"a start picture is uint8 [h, w, 3], not {image.dtype} {list(image.shape)}", "image")
    return image


def register() -> None:
    """Make `gymnasium.make("Reverie-v0", ...)` known; the keywords are those of ReverieEnv."""
    if ID not in gymnasium.registry:
        gymnasium.register(ID, entry_point="runtime.env:ReverieEnv")
