"""The embedded world: a dream that plays on a CPU, as ONNX graphs, without torch. Implements model.world.World."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np

from compile.ort import BoundGraph
from input.camera import Pose, c2w, integrate
from model.dream.ages import ages, window
from model.dream.clearance import hold_back
from model.dream.conditions import camera_conditions
from model.dream.config import DreamConfig
from model.dream.picture import fit
from model.plan import Step, renoise_levels
from model.sampler import sample
from model.world import WorldInfo
from runtime.errors import UserError


class EmbeddedWorld:
    """See model.world.World. One thread owns it; its buffers are allocated once."""

    def __init__(self, folder: Path, config: DreamConfig, info: WorldInfo, starts: np.ndarray, threads: int) -> None:
        """starts: uint8 RGB [M, H, W, 3], the world's own start pictures; the seed chooses one."""
        self.config, self.info, self.starts = config, info, starts
        self.plan = renoise_levels(config.steps)
        self.decode = BoundGraph(folder / "decode.onnx", threads)
        self.warp = BoundGraph(folder / "warp.onnx", threads)
        shared = {"warped": self.warp.arrays["warped"]}
        self.denoise = BoundGraph(folder / "denoise.onnx", threads, shared | {"x0": self.decode.arrays["x0"]})
        # The commit pass sees the same conditions and writes the same caches; only its picture and level differ.
        names = ("warped", "plucker", "slot", "ages", *self._cache_names())
        self.commit = BoundGraph(
            folder / "commit.onnx",
            threads,
            {name: self.denoise.arrays[name] for name in names} | {"x": self.decode.arrays["clean"]},
        )
        self.commit.arrays["t"][:] = 0
        self.pose = self.start = Pose()
        self.chunk = self.seed = 0

    def _cache_names(self) -> list[str]:
        return [f"{kind}{layer}" for layer in range(self.config.layers) for kind in ("keys", "values")]

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
        self.pose = self.start = pose
        self.chunk, self.seed = 0, seed
        for name in self._cache_names():
            self.denoise.arrays[name][:] = 0
        known = np.moveaxis(picture.astype(np.float32) / 127.5 - 1, -1, 0)
        last = self.warp.arrays["last"]
        last[0, :3], last[0, 3] = known, -1  # disparity 0: nobody told how far anything is
        self.warp.arrays["anchor"][:] = last  # nothing of an earlier walk may stay
        self._sample([pose] * self.config.frames)
        self.decode.run()
        clean = self.decode.arrays["clean"].reshape(self.config.frames, 4, self.config.height, self.config.width)
        clean[:, :3] = known
        self._commit()
        # Wherever nobody has looked yet, the start picture goes on: see model/dream/warp.py.
        self.warp.arrays["anchor"][:] = last

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. Frames leave before the chunk is committed; exhaust the iterator before the next
        step.
        """
        wanted = (self.config.frames, 4)
        if controls.shape != wanted:
            raise ValueError(f"controls are float32 {wanted}, got {controls.shape}")
        disparity = (self.warp.arrays["last"][0, 3] + 1) / 2
        poses = integrate(self.pose, hold_back(controls, disparity, self.pose.pitch, self.config))
        self._sample(poses)
        self.decode.run()
        yield from self.decode.arrays["frames"].copy()
        self.pose = poses[-1]
        self._commit()

    def _sample(self, poses: list[Pose]) -> None:
        """Dream the chunk seen from `poses` into decode's input."""
        targets = np.stack([c2w(pose) for pose in poses])
        relative, turned, plucker = camera_conditions(c2w(self.pose), targets, c2w(self.start), self.config)
        self.warp.arrays["relative"][0], self.warp.arrays["turned"][0] = relative, turned
        self.warp.run()
        arrays = self.denoise.arrays
        arrays["plucker"][0, 0] = plucker
        arrays["slot"][0] = window(self.config.past).slot_of(self.chunk)
        arrays["ages"][:] = ages(self.chunk, self.config.past)
        # Noise is a function of (seed, chunk): a replay draws the same without storing a generator's state.
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, self.chunk]))

        def draw() -> np.ndarray:
            return random.standard_normal(arrays["x"].shape, np.float32)

        def predict(x: np.ndarray, step: Step, row: str) -> np.ndarray:
            arrays["x"][:], arrays["t"][:] = x, step.sigma
            self.denoise.run()
            return np.clip(arrays["x0"], -1, 1)

        sample(self.plan, predict, draw(), draw)

    def _commit(self) -> None:
        self.commit.run()
        self.warp.arrays["last"][:] = self.decode.arrays["clean"][:, 0, -4:]
        self.chunk += 1

    def prompt(self, text: str) -> None:
        raise UserError("this world takes no text", self.info.name, "choose a world with text, see --list-worlds")

    def state(self) -> dict[str, np.ndarray]:
        caches = {name: self.denoise.arrays[name].copy() for name in self._cache_names()}
        counts = {"chunk": np.array(self.chunk), "seed": np.array(self.seed, np.uint64)}
        pictures = {name: self.warp.arrays[name].copy() for name in ("last", "anchor")}
        poses = {name: np.array(astuple(getattr(self, name))) for name in ("pose", "start")}
        return caches | counts | pictures | poses

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        for name in self._cache_names():
            self.denoise.arrays[name][:] = state[name]
        for name in ("last", "anchor"):
            self.warp.arrays[name][:] = state[name]
        self.chunk, self.seed = int(state["chunk"]), int(state["seed"])
        self.pose, self.start = (Pose(*state[name].tolist()) for name in ("pose", "start"))

    @property
    def camera(self) -> np.ndarray:
        return c2w(self.pose)
