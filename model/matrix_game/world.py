"""Matrix-Game 2.0 as a world: see model.world.World. What is said of it is model/matrix_game/load.py's affair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple

import numpy as np
import torch

from input.camera import Pose, c2w, integrate
from model.lane import DecodeLane
from model.matrix_game.actions import ActionWindows
from model.matrix_game.config import PATCH, MatrixGameConfig
from model.matrix_game.controls import ActionRing, keyboard_rows, mouse_rows
from model.matrix_game.encoders import ImageCondition
from model.matrix_game.network import MatrixGameNet
from model.memory import Memory
from model.placement import Placement
from model.plan import Step
from model.sampler import clean, sample
from model.wan import Pass
from model.world import CONTROL_COLUMNS, WorldInfo
from runtime.errors import UserError

Encode = Callable[[np.ndarray], ImageCondition]


class MatrixGameWorld:
    """One thread owns it. Buffers are allocated once; nothing in it grows with the length of a walk."""

    def __init__(
        self,
        config: MatrixGameConfig,
        info: WorldInfo,
        net: MatrixGameNet,
        decoder: torch.nn.Module,
        encode: Encode,
        starts: list[np.ndarray],
        placement: Placement,
    ) -> None:
        """starts: the world's own pictures, of which the seed chooses one; decoder: has `decode(latent, memory)`."""
        self.config, self.info, self.net, self.starts, self.placement = config, info, net, starts, placement
        self.plan, self._encode = config.plan(), encode
        rows, columns = config.latent_size
        self.rings = net.rings((rows // PATCH[0], columns // PATCH[1]), placement.device, placement.dtype)
        self.memory = Memory()
        self.lane = DecodeLane(lambda latent: decoder.decode(latent.to(placement.dtype), self.memory), placement.device)
        self.noise = torch.Generator(placement.device)
        self.run: Pass | None = None
        self._picture: np.ndarray | None = None
        self._begin(seed=0)

    def _begin(self, seed: int) -> None:
        actions, chunk = self.config.network.actions, self.config.network.chunk
        self.seed, self.chunk, self.pose = seed, 0, Pose()
        self.keyboard = ActionRing(actions.keyboard_dim, actions.window, chunk)
        self.mouse = ActionRing(actions.mouse_dim, actions.window, chunk) if actions.mouse_dim else None
        self.rings.reset()
        self.lane.settle()
        self.memory.reset()

    @torch.inference_mode()
    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """See model.world.World. A picture that was begun from last time needs no encoder."""
        if prompt is not None:
            self.prompt(prompt)
        picture = self.starts[seed % len(self.starts)] if image is None else image
        if self._picture is None or not np.array_equal(picture, self._picture):
            self._condition_on(self._encode(picture))
            self._picture = picture
        self._begin(seed)

    def _condition_on(self, image: ImageCondition) -> None:
        self.image, context = image, self.net.condition(image.visual)
        if self.run is None:
            self.run = Pass(self.rings, context, self.placement.attend)
            return
        # What a captured pass reads stays where it is.
        for standing, fresh in zip(self.run.context, context, strict=True):
            for old, new in zip(standing, fresh, strict=True):
                old.copy_(new)

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. The work begins with the call; on a GPU, the next step may be called before the
        iterator is exhausted, and is denoised while this one's frames are decoded.
        """
        frames = self.config.chunk_frames if self.chunk else self.config.first_chunk_frames
        wanted = (frames, self.info.control_columns)
        if controls.shape != wanted:
            raise ValueError(f"controls are float32 {wanted}, got {controls.shape}")
        with torch.inference_mode():
            condition = self.image.of(self.rings.committed, self.config.network.chunk)
            self.run.actions = self._act(controls)
            self.rings.stage(self.config.network.chunk)
            latents = self._denoise(condition)
        pictures = self.lane.start(latents)
        self.pose = integrate(self.pose, controls[:, : len(CONTROL_COLUMNS)])[-1]
        if self.lane.overlaps:
            self._commit(latents, condition)
            return pictures
        return self._shown_then_committed(pictures, latents, condition)

    def _shown_then_committed(self, pictures, latents, condition) -> Iterator[np.ndarray]:
        """Where nothing overlaps, the person comes first."""
        yield from pictures
        self._commit(latents, condition)

    def _act(self, controls: np.ndarray) -> ActionWindows:
        """What the chunk's latent frames see of the controls, on the device."""
        windows = []
        for ring, rows in ((self.keyboard, keyboard_rows), (self.mouse, mouse_rows)):
            if ring is not None:
                ring.push(rows(controls, self.config))
                seen = torch.from_numpy(ring.windows(self.rings.committed, self.config.network.chunk))
                windows.append(seen.to(self.placement.device, self.placement.dtype, non_blocking=True))
        return ActionWindows(windows[0], windows[1].flatten(1) if len(windows) > 1 else None)

    def _denoise(self, condition: torch.Tensor) -> torch.Tensor:
        """The chunk's clean latents, float32 [frames, 16, h, w]."""
        # Noise is a function of (seed, chunk): a replay draws the same without a generator's state.
        self.noise.manual_seed(int(np.random.SeedSequence([self.seed, self.chunk]).generate_state(1)[0]))
        shape = (len(condition), self.config.network.out_channels, *condition.shape[2:])

        def draw() -> torch.Tensor:
            return torch.randn(shape, generator=self.noise, device=condition.device)

        def predict(x: torch.Tensor, step: Step, row: str) -> torch.Tensor:
            flow = self.net(x.to(condition.dtype), condition, self._timesteps(step.timestep), self.run)
            return clean(x, flow.float(), step.sigma)

        return sample(self.plan, predict, draw(), draw)

    @torch.inference_mode()
    def _commit(self, latents: torch.Tensor, condition: torch.Tensor) -> None:
        timesteps = self._timesteps(self.plan.commit_timestep)
        self.net.commit(latents.to(condition.dtype), condition, timesteps, self.run)
        self.chunk += 1

    def _timesteps(self, timestep: float) -> torch.Tensor:
        return torch.full((self.config.network.chunk,), timestep, device=self.placement.device)

    def prompt(self, text: str) -> None:
        raise UserError("this world takes no text", self.info.name, "choose a world with text, see --list-worlds")

    def state(self) -> dict[str, np.ndarray]:
        """See model.world.World: between two steps, the iterator of the last one exhausted."""
        self.lane.settle()
        tensors = {f"ring.{name}": tensor for name, tensor in self.rings.state().items()}
        tensors |= {f"decoder.{name}": tensor for name, tensor in self.memory.state().items()}
        tensors |= {"image.latents": self.image.latents.cpu(), "image.visual": self.image.visual.cpu()}
        arrays = {name: as_array(tensor) for name, tensor in tensors.items()}
        for name, ring in (("keyboard", self.keyboard), ("mouse", self.mouse)):
            if ring is not None:
                arrays |= {f"{name}.rows": ring.buffer.copy(), f"{name}.count": np.array(ring.count)}
        counts = {"chunk": np.array(self.chunk), "seed": np.array(self.seed)}
        return arrays | counts | {"pose": np.array(astuple(self.pose))}

    @torch.inference_mode()
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        device, dtype = self.placement.device, self.placement.dtype
        self._begin(int(state["seed"]))
        self.chunk, self.pose = int(state["chunk"]), Pose(*state["pose"].tolist())

        def part(prefix: str) -> dict[str, torch.Tensor]:
            names = [name for name in state if name.startswith(prefix)]
            return {name.removeprefix(prefix): as_tensor(state[name], dtype) for name in names}

        image = part("image.")
        self._condition_on(ImageCondition(image["latents"].to(device), image["visual"].to(device)))
        self._picture = None
        self.rings.load_state(part("ring."))
        self.memory.load_state(part("decoder."), device)
        for name, ring in (("keyboard", self.keyboard), ("mouse", self.mouse)):
            if ring is not None:
                ring.buffer[:], ring.count = state[f"{name}.rows"], int(state[f"{name}.count"])

    @property
    def camera(self) -> np.ndarray:
        """Where the controls would have led a camera: the network itself keeps no pose."""
        return c2w(self.pose)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor on the CPU as an array that may be kept; bfloat16, which NumPy lacks, as int16 of the same bits."""
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()


def as_tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Back from `as_array`, for tensors of the world's own `dtype` and whole numbers."""
    tensor = torch.from_numpy(array.copy())
    return tensor.view(dtype) if tensor.dtype == torch.int16 else tensor
