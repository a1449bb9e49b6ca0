"""Matrix-Game 2.0 as a world: see model.world.World. What is said of it is model/matrix_game/load.py's affair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple

import numpy as np
import torch

from compile.rehearsal import CHUNKS
from compile.runner import Runner, spent
from input.camera import Pose, c2w, integrate
from model.lane import DecodeLane
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.controls import ActionRing, keyboard_rows, mouse_rows
from model.matrix_game.encoders import CONSTANT_FROM, ImageCondition
from model.matrix_game.saved import as_array, as_tensor, decoder_state, layout_of
from model.placement import Placement
from model.plan import Step
from model.rings import Rings
from model.sampler import clean, sample
from model.state import COUNTS, check_state
from model.wan import sinusoid
from model.world import CONTROL_COLUMNS, WorldInfo
from runtime.errors import UserError

Encode = Callable[[np.ndarray], ImageCondition]


class MatrixGameWorld:
    """One thread owns it. Buffers are allocated once; nothing in it grows with the length of a walk."""

    def __init__(
        self,
        config: MatrixGameConfig,
        info: WorldInfo,
        network: Runner,
        decoder: Runner,
        rings: Rings,
        encode: Encode,
        starts: list[np.ndarray],
        placement: Placement,
    ) -> None:
        """network, decoder: run the graphs of graphs.py here and of model/decode_graphs.py, the first over the buffers
        of `rings`. starts: the world's own pictures, of which the seed chooses one.
        """
        self.config, self.info, self.starts, self.placement = config, info, starts, placement
        self.network, self.decoder, self.rings = network, decoder, rings
        self.plan, self._encode = config.plan(), encode
        self.lane = DecodeLane(self._decode, decoder.buffers.device)
        self.noise = torch.Generator(placement.device)
        self.image: ImageCondition | None = None
        self._picture: np.ndarray | None = None
        self._sent: dict[float, torch.Tensor] = {}
        self._begin(seed=0)

    def _begin(self, seed: int) -> None:
        actions, chunk = self.config.network.actions, self.config.network.chunk
        self.seed, self.chunk, self.pose = seed, 0, Pose()
        self.keyboard = ActionRing(actions.keyboard_dim, actions.window, chunk)
        self.mouse = ActionRing(actions.mouse_dim, actions.window, chunk) if actions.mouse_dim else None
        self.rings.reset()
        self.lane.settle()
        for name in decoder_state(self.decoder.buffers):
            self.decoder.buffers[name].zero_()
        self.begun = False

    @property
    def _actions(self) -> dict[str, ActionRing]:
        rings = {"keyboard": self.keyboard, "mouse": self.mouse}
        return {name: ring for name, ring in rings.items() if ring is not None}

    @torch.inference_mode()
    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """See model.world.World. A picture that was begun from last time needs no encoder."""
        if prompt is not None:
            self.prompt(prompt)
        self.network.begin()
        self.decoder.begin()
        picture = self.starts[seed % len(self.starts)] if image is None else image
        if self._picture is None or not np.array_equal(picture, self._picture):
            self._condition_on(self._encode(picture))
            self._picture = picture
        self._begin(seed)

    def rehearse(self) -> None:
        """A short walk from noise, on which other engines are tried (compile/manager.py); reset afterwards."""
        self.network.begin()
        self.decoder.begin()
        ports = self.network.buffers.ports
        draws = torch.Generator().manual_seed(0)
        frames = (CONSTANT_FROM + 1, *ports["image"].shape[1:])
        parts = (torch.randn(shape, generator=draws) for shape in (frames, ports["visual"].shape))
        self._condition_on(ImageCondition(*(part.to(self.placement.device, self.placement.dtype) for part in parts)))
        self._begin(seed=0)
        for chunk in range(CHUNKS):
            count = self.config.chunk_frames if chunk else self.config.first_chunk_frames
            list(self.step(np.zeros((count, self.info.control_columns), np.float32)))
        self._picture = None

    @property
    def backend(self) -> str:
        """What computes at present: the network, then the decoder."""
        return f"{self.network.backend}, decoder {self.decoder.backend}"

    @property
    def spent(self) -> dict[str, float]:
        """See model.world.World."""
        return spent(self.network, self.decoder)

    @property
    def building(self) -> str:
        """See model.world.World."""
        return self.network.building or self.decoder.building

    def close(self) -> None:
        """See model.world.World."""
        self.network.close()
        self.decoder.close()

    def _condition_on(self, image: ImageCondition) -> None:
        self.image = image
        self.network.put("visual", image.visual)
        self.network.run("condition")

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. The work begins with the call; on a GPU, the next step may be called before the
        iterator is exhausted, and is denoised while this one's frames are decoded.
        """
        frames = self.config.chunk_frames if self.chunk else self.config.first_chunk_frames
        wanted = (frames, self.info.control_columns)
        if controls.shape != wanted:
            raise ValueError(f"controls are float32 {wanted}, got {controls.shape}")
        self.network.settle()
        self.decoder.settle()
        with torch.inference_mode():
            self.network.put("image", self.image.of(self.rings.committed, self.config.network.chunk))
            self._act(controls)
            self.rings.stage(self.config.network.chunk)
            latents = self._denoise()
        pictures = self.lane.start(latents)
        self.pose = integrate(self.pose, controls[:, : len(CONTROL_COLUMNS)])[-1]
        if self.lane.overlaps:
            self._commit(latents)
            return pictures
        return self._shown_then_committed(pictures, latents)

    def _shown_then_committed(self, pictures, latents) -> Iterator[np.ndarray]:
        """Where nothing overlaps, the person comes first."""
        yield from pictures
        self._commit(latents)

    def _act(self, controls: np.ndarray) -> None:
        """Tell the network what the chunk's latent frames see of the controls."""
        for name, ring, rows in (("keyboard", self.keyboard, keyboard_rows), ("mouse", self.mouse, mouse_rows)):
            if ring is not None:
                ring.push(rows(controls, self.config))
                windows = ring.windows(self.rings.committed, self.config.network.chunk)
                self.network.put(name, windows if name == "keyboard" else windows.reshape(len(windows), -1))

    def _denoise(self) -> torch.Tensor:
        """The chunk's clean latents, float32 [frames, 16, h, w]."""
        # Noise is a function of (seed, chunk): a replay draws the same without a generator's state.
        self.noise.manual_seed(int(np.random.SeedSequence([self.seed, self.chunk]).generate_state(1)[0]))
        standing = self.network.buffers["x"]

        def draw() -> torch.Tensor:
            return torch.randn(standing.shape, generator=self.noise, device=standing.device)

        def predict(x: torch.Tensor, step: Step, row: str) -> torch.Tensor:
            self._pass("denoise", x, step.timestep)
            return clean(x, self.network.buffers["flow"].float(), step.sigma)

        return sample(self.plan, predict, draw(), draw)

    @torch.inference_mode()
    def _commit(self, latents: torch.Tensor) -> None:
        self._pass("commit", latents, self.plan.commit_timestep)
        self.rings.commit()
        self.chunk += 1

    def _pass(self, graph: str, x: torch.Tensor, timestep: float) -> None:
        self.network.put("x", x)
        self.network.put("timestep", self._waves(timestep))
        self.network.run(graph, self.rings.filled)

    def _waves(self, timestep: float) -> torch.Tensor:
        """The timestep as the network takes it: a plan has few, and each is sent to the device once."""
        if timestep not in self._sent:
            like = self.network.buffers["timestep"]
            waves = sinusoid(torch.full(like.shape[:1], timestep), like.shape[1])
            self._sent[timestep] = waves.to(like.device, like.dtype)
        return self._sent[timestep]

    def _decode(self, latent: torch.Tensor) -> torch.Tensor:
        self.decoder.put("latent", latent)
        self.decoder.run("decode" if self.begun else "decode_first")
        frames = self.decoder.buffers["frames" if self.begun else "first_frames"]
        self.begun = True
        return frames

    def prompt(self, text: str) -> None:
        raise UserError("this world takes no text", self.info.name, "choose a world with text, see --list-worlds")

    def state(self) -> dict[str, np.ndarray]:
        """See model.world.World: between two steps, the iterator of the last one exhausted."""
        self.lane.settle()
        tensors = {f"ring.{name}": tensor for name, tensor in self.rings.state().items()}
        decoder = self.decoder.buffers
        tensors |= {name: decoder[name].to("cpu", copy=True) for name in decoder_state(decoder)}
        tensors |= {"image.latents": self.image.latents.cpu(), "image.visual": self.image.visual.cpu()}
        arrays = {name: as_array(tensor) for name, tensor in tensors.items()}
        for name, ring in self._actions.items():
            arrays |= {f"{name}.rows": ring.buffer.copy(), f"{name}.count": np.array(ring.count, COUNTS)}
        arrays |= {"chunk": np.array(self.chunk, COUNTS), "seed": np.array(self.seed, np.uint64)}
        return arrays | {"begun": np.array(self.begun), "pose": np.array(astuple(self.pose))}

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        buffers, dtype = (self.network.buffers, self.decoder.buffers), self.placement.dtype
        check_state(layout_of(*buffers, self.rings, self._actions, dtype), state, self.info.name)

    @torch.inference_mode()
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)
        device, dtype = self.placement.device, self.placement.dtype
        self.network.begin(empty=False)
        self.decoder.begin(empty=False)
        self._begin(int(state["seed"]))
        self.chunk, self.pose = int(state["chunk"]), Pose(*state["pose"].tolist())

        def part(prefix: str) -> dict[str, torch.Tensor]:
            names = [name for name in state if name.startswith(prefix)]
            return {name.removeprefix(prefix): as_tensor(state[name], dtype) for name in names}

        image = ImageCondition(**{name: tensor.to(device) for name, tensor in part("image.").items()})
        if self.image is None or not image.equals(self.image):
            self._condition_on(image)
            self._picture = None
        self.rings.load_state(part("ring."))
        for name, tensor in part("decoder.").items():
            self.decoder.put(f"decoder.{name}", tensor)
        self.begun = bool(state["begun"])
        for name, ring in self._actions.items():
            ring.buffer[:], ring.count = state[f"{name}.rows"], int(state[f"{name}.count"])

    @property
    def camera(self) -> np.ndarray:
        """Where the controls would have led a camera: the network itself keeps no pose."""
        return c2w(self.pose)
