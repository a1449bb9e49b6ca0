"""The embedded world: graphs that play on a CPU, without torch. Implements model.world.World."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np

from compile.rehearsal import CHUNKS
from compile.runner import Runner, spent
from input.camera import Pose, c2w, integrate
from model.dream.ages import ages, window
from model.dream.clearance import hold_back
from model.dream.conditions import camera_conditions
from model.dream.config import DreamConfig
from model.dream.picture import fit
from model.graph import CACHE
from model.plan import Step, renoise_levels
from model.sampler import sample
from model.state import COUNTS, POSES, Layout, check_state
from model.world import WorldInfo
from runtime.errors import UserError


class EmbeddedWorld:
    """See model.world.World. One thread owns it; its buffers are allocated once."""

    def __init__(self, config: DreamConfig, info: WorldInfo, starts: np.ndarray, runner: Runner) -> None:
        """starts: uint8 RGB [M, H, W, 3], the world's own start pictures; the seed chooses one. runner: runs the graphs
        of model/dream/graphs.py.
        """
        self.config, self.info, self.starts, self.runner = config, info, starts, runner
        self.plan = renoise_levels(config.steps)
        self.pose = self.start = Pose()
        self.chunk = self.seed = 0

    def _cache_names(self) -> list[str]:
        return [port.name for port in self.runner.buffers.ports.values() if port.role == CACHE]

    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """See model.world.World: the picture is taken for one that looks straight ahead."""
        if prompt is not None:
            self.prompt(prompt)
        config = self.config
        picture = self.starts[seed % len(self.starts)] if image is None else fit(image, config.width, config.height)
        self.begin(picture, Pose(), seed)

    def begin(self, picture: np.ndarray, pose: Pose, seed: int) -> None:
        """Stand still in `picture` (uint8 RGB [H, W, 3], seen from `pose`) for one chunk, in which its depth is dreamt.

        That chunk becomes the cache's sink; nothing of it is shown.
        """
        self.runner.begin()
        self.pose = self.start = pose
        self.chunk, self.seed = 0, seed
        for name in self._cache_names():
            self.runner.buffers[name][:] = 0
        known = np.moveaxis(picture.astype(np.float32) / 127.5 - 1, -1, 0)
        unknown = np.full_like(known[:1], -1)  # disparity 0: nobody told how far anything is
        last = np.concatenate([known, unknown])[None]
        self.runner.put("last", last)
        self.runner.put("anchor", last)  # nothing of an earlier walk may stay
        self._sample([pose] * self.config.frames)
        self.runner.run("decode")
        clean = self.runner.buffers.read("clean").copy()
        frames = clean.reshape(self.config.frames, 4, self.config.height, self.config.width)
        frames[:, :3] = known
        self.runner.put("clean", clean)
        self._commit()
        # Wherever nobody has looked yet, the start picture goes on: see model/dream/warp.py.
        self.runner.put("anchor", self.runner.buffers["last"])

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. Frames leave before the chunk is committed; exhaust the iterator before the next
        step.
        """
        wanted = (self.config.frames, 4)
        if controls.shape != wanted:
            raise ValueError(f"controls are float32 {wanted}, got {controls.shape}")
        self.runner.settle()
        disparity = (self.runner.buffers.read("last")[0, 3] + 1) / 2
        poses = integrate(self.pose, hold_back(controls, disparity, self.pose.pitch, self.config))
        self._sample(poses)
        self.runner.run("decode")
        yield from self.runner.buffers.read("frames").copy()
        self.pose = poses[-1]
        self._commit()

    def rehearse(self) -> None:
        """A short walk, on which another engine is tried (compile/manager.py); reset afterwards."""
        self.reset(None, None, 0)
        for _ in range(CHUNKS):
            list(self.step(np.zeros((self.config.frames, 4), np.float32)))

    @property
    def backend(self) -> str:
        """What computes at present."""
        return self.runner.backend

    @property
    def spent(self) -> dict[str, float]:
        """See model.world.World."""
        return spent(self.runner)

    @property
    def building(self) -> str:
        """See model.world.World."""
        return self.runner.building

    def close(self) -> None:
        """See model.world.World."""
        self.runner.close()

    def _sample(self, poses: list[Pose]) -> None:
        """Dream the chunk seen from `poses` into decode's input."""
        targets = np.stack([c2w(pose) for pose in poses])
        relative, turned, plucker = camera_conditions(c2w(self.pose), targets, c2w(self.start), self.config)
        put, buffers = self.runner.put, self.runner.buffers
        put("relative", relative[None])
        put("turned", turned[None])
        self.runner.run("warp")
        put("plucker", plucker[None, None])
        put("slot", np.array([window(self.config.past).slot_of(self.chunk)]))
        put("ages", ages(self.chunk, self.config.past))
        # Noise is a function of (seed, chunk): a replay draws the same without storing a generator's state.
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, self.chunk]))

        def draw():
            return buffers.own(random.standard_normal(buffers["x"].shape, np.float32))

        def predict(x, step: Step, row: str):
            put("x", x)
            put("t", np.full((1, 1), step.sigma, np.float32))
            self.runner.run("denoise")
            return buffers["x0"].clip(-1, 1)

        sample(self.plan, predict, draw(), draw)

    def _commit(self) -> None:
        self.runner.run("commit")
        self.runner.put("last", self.runner.buffers["clean"][:, 0, -4:])
        self.chunk += 1

    def prompt(self, text: str) -> None:
        raise UserError("this world takes no text", self.info.name, "choose a world with text, see --list-worlds")

    def state(self) -> dict[str, np.ndarray]:
        """See model.world.World: between two steps, the iterator of the last one exhausted."""
        names = [*self._cache_names(), "last", "anchor"]
        arrays = {name: self.runner.buffers.read(name).copy() for name in names}
        counts = {"chunk": np.array(self.chunk, COUNTS), "seed": np.array(self.seed, np.uint64)}
        poses = {name: np.array(astuple(getattr(self, name))) for name in ("pose", "start")}
        return arrays | counts | poses

    def _layout(self) -> Layout:
        names = [*self._cache_names(), "last", "anchor"]
        arrays = {name: (self.runner.buffers.ports[name].shape, np.dtype(np.float32)) for name in names}
        poses = {name: ((len(astuple(self.pose)),), POSES) for name in ("pose", "start")}
        return arrays | poses | {"chunk": ((), COUNTS), "seed": ((), np.dtype(np.uint64))}

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        check_state(self._layout(), state, self.info.name)

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)
        self.runner.begin(empty=False)
        for name in [*self._cache_names(), "last", "anchor"]:
            self.runner.put(name, state[name])
        self.chunk, self.seed = int(state["chunk"]), int(state["seed"])
        self.pose, self.start = (Pose(*state[name].tolist()) for name in ("pose", "start"))

    @property
    def camera(self) -> np.ndarray:
        return c2w(self.pose)
