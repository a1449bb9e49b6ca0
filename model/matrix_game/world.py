"""Matrix-Game 2.0 as a world: see model.world.World. What is said of it is model/matrix_game/load.py's affair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple

import numpy as np
import torch

from compile.rehearsal import CHUNKS
from compile.runner import Runner
from input.camera import Pose, c2w, integrate
from model.chunk_world import ChunkWorld, as_array, as_tensor
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.controls import ActionRing, keyboard_rows, mouse_rows
from model.matrix_game.encoders import CONSTANT_FROM, ImageCondition
from model.matrix_game.saved import layout_of
from model.placement import Placement
from model.rings import Rings
from model.state import COUNTS, check_state
from model.world import CONTROL_COLUMNS, WorldInfo
from runtime.errors import UserError

Encode = Callable[[np.ndarray], ImageCondition]


class MatrixGameWorld(ChunkWorld):
    """See ChunkWorld."""

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
        super().__init__(info, network, decoder, placement, config.plan())
        self.config, self.rings, self.starts, self._encode = config, rings, starts, encode
        self.image: ImageCondition | None = None
        self._picture: np.ndarray | None = None
        self._begin(seed=0)

    def _begin(self, seed: int) -> None:
        self._start(seed)
        actions, chunk = self.config.network.actions, self.config.network.chunk
        self.pose = Pose()
        self.keyboard = ActionRing(actions.keyboard_dim, actions.window, chunk)
        self.mouse = ActionRing(actions.mouse_dim, actions.window, chunk) if actions.mouse_dim else None
        self.rings.reset()

    @property
    def _actions(self) -> dict[str, ActionRing]:
        rings = {"keyboard": self.keyboard, "mouse": self.mouse}
        return {name: ring for name, ring in rings.items() if ring is not None}

    @torch.inference_mode()
    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """See model.world.World. A picture that was begun from last time needs no encoder."""
        if prompt is not None:
            self.prompt(prompt)
        picture = self.starts[seed % len(self.starts)] if image is None else image
        same = self._picture is not None and np.array_equal(picture, self._picture)
        encoded = None if same else self._encode(picture)
        self.network.begin()
        self.decoder.begin()
        if encoded is not None:
            self._condition_on(encoded)
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

    def _condition_on(self, image: ImageCondition) -> None:
        self.image = image
        self.network.put("visual", image.visual)
        self.network.run("condition")

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. The work begins with the call; on a GPU, the next step may be called before the
        iterator is exhausted, and is denoised while this one's frames are decoded.
        """
        self._require_rows(controls)
        self._settle()
        with torch.inference_mode():
            self.network.put("image", self.image.of(self.rings.committed, self.config.network.chunk))
            self._act(controls)
            self.rings.stage(self.config.network.chunk)
            latents = self._denoise(lambda x, step, row: self._pass("denoise", x, step.timestep))
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

    @torch.inference_mode()
    def _commit(self, latents: torch.Tensor) -> None:
        self._pass("commit", latents, self.plan.commit_timestep)
        self.rings.commit()
        self.chunk += 1

    def _pass(self, graph: str, x: torch.Tensor, timestep: float) -> None:
        self.network.put("x", x)
        self.network.put("timestep", self.waves("timestep", timestep))
        self.network.run(graph, self.rings.filled)

    def prompt(self, text: str) -> None:
        raise UserError("this world takes no text", self.info.name, "choose a world with text, see --list-worlds")

    def state(self) -> dict[str, np.ndarray]:
        """See model.world.World: between two steps, the iterator of the last one exhausted."""
        tensors = {f"ring.{name}": tensor for name, tensor in self.rings.state().items()}
        tensors |= {"image.latents": self.image.latents, "image.visual": self.image.visual}
        arrays = {name: as_array(tensor) for name, tensor in tensors.items()}
        for name, ring in self._actions.items():
            arrays |= {f"{name}.rows": ring.buffer.copy(), f"{name}.count": np.array(ring.count, COUNTS)}
        return self._common_state() | arrays | {"pose": np.array(astuple(self.pose))}

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        own = layout_of(self.network.buffers, self.rings, self._actions, self.placement.dtype)
        check_state({**self._common_layout(), **own}, state, self.info.name)

    @torch.inference_mode()
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)
        device, dtype = self.placement.device, self.placement.dtype
        self._begin(int(state["seed"]))
        self._load_common(state)
        self.pose = Pose(*state["pose"].tolist())

        def part(prefix: str) -> dict[str, torch.Tensor]:
            names = [name for name in state if name.startswith(prefix)]
            return {name.removeprefix(prefix): as_tensor(state[name], dtype) for name in names}

        image = ImageCondition(**{name: tensor.to(device) for name, tensor in part("image.").items()})
        if self.image is None or not image.equals(self.image):
            self._condition_on(image)
            self._picture = None
        self.rings.load_state(part("ring."))
        for name, ring in self._actions.items():
            ring.buffer[:], ring.count = state[f"{name}.rows"], int(state[f"{name}.count"])

    @property
    def camera(self) -> np.ndarray:
        """Where the controls would have led a camera: the network itself keeps no pose."""
        return c2w(self.pose)
