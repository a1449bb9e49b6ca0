"""What the worlds of official families have in common: two runners, a plan, noise by seed and chunk, a decoder's lane.

A family adds its conditioning: what `reset`, `prompt` and `step` put into the buffers, and its part of the state. See
model.world.World for what the verbs promise. Torch only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from compile.runner import Runner, spent
from model.graph import STATE
from model.lane import DecodeLane
from model.placement import Placement
from model.plan import Plan, Step
from model.sampler import clean, sample
from model.state import COUNTS, Layout
from model.wan import sinusoid
from model.world import WorldInfo

# Of everything in a state that this module knows.
COMMON: Layout = {"chunk": ((), COUNTS), "seed": ((), np.dtype(np.uint64)), "begun": ((), np.dtype(bool))}


class ChunkWorld:
    """One thread owns it. Buffers are allocated once; nothing in it grows with the length of a walk.

    network: runs the family's graphs, among them `denoise` from `x` and `timestep` to `flow`; decoder: those of
    model/decode_graphs.py.
    """

    def __init__(self, info: WorldInfo, network: Runner, decoder: Runner, placement: Placement, plan: Plan) -> None:
        self.info, self.placement, self.plan = info, placement, plan
        self.network, self.decoder = network, decoder
        self.lane = DecodeLane(self._decode, decoder.buffers.device, placement.in_turn)
        self.noise = torch.Generator(placement.device)
        self.seed = self.chunk = 0
        self.begun = False
        self._sent: dict[tuple, torch.Tensor] = {}

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

    # ---- a walk ----

    def _start(self, seed: int) -> None:
        """A walk begins; what the decoder remembers of the last one goes."""
        self.seed, self.chunk = seed, 0
        self.lane.settle()
        for name in decoder_state(self.decoder):
            self.decoder.buffers[name].zero_()
        self.begun = False

    def _require_rows(self, controls: np.ndarray) -> None:
        frames = self.info.chunk_frames if self.chunk else self.info.first_chunk_frames
        wanted = (frames, self.info.control_columns)
        if controls.shape != wanted:
            raise ValueError(f"controls are float32 {wanted}, got {controls.shape}")

    def _settle(self) -> None:
        """Between two chunks: engines may change."""
        self.network.settle()
        self.decoder.settle()

    def _denoise(self, run: Callable[[torch.Tensor, Step, str], None]) -> torch.Tensor:
        """The chunk's clean latents, float32 [frames, C, h, w]; run(x, step, row) leaves its prediction in `flow`."""
        # Noise is a function of (seed, chunk): a replay draws the same without a generator's state.
        self.noise.manual_seed(int(np.random.SeedSequence([self.seed, self.chunk]).generate_state(1)[0]))
        standing = self.network.buffers["x"]

        def draw() -> torch.Tensor:
            return torch.randn(standing.shape, generator=self.noise, device=standing.device)

        def predict(x: torch.Tensor, step: Step, row: str) -> torch.Tensor:
            run(x, step, row)
            return clean(x, self.network.buffers["flow"].float(), step.sigma)

        return sample(self.plan, predict, draw(), draw)

    angles = torch.float64  # the type in which the family's timesteps become waves

    def waves(self, port: str, *timesteps: float) -> torch.Tensor:
        """Timesteps (one for all frames, or one each) as `port` takes them: few there are, each sent but once."""
        key = (port, timesteps)
        if key not in self._sent:
            like = self.network.buffers[port]
            each = timesteps * len(like) if len(timesteps) == 1 else timesteps
            self._sent[key] = sinusoid(torch.tensor(each), like.shape[1], self.angles).to(like.device, like.dtype)
        return self._sent[key]

    def _decode(self, latent: torch.Tensor) -> torch.Tensor:
        self.decoder.put("latent", latent)
        self.decoder.run("decode" if self.begun else "decode_first")
        frames = self.decoder.buffers["frames" if self.begun else "first_frames"]
        self.begun = True
        return frames

    # ---- state ----

    def _common_state(self) -> dict[str, np.ndarray]:
        """The arrays of COMMON, and what the decoder remembers."""
        self.lane.settle()
        arrays = {name: as_array(self.decoder.buffers[name]) for name in decoder_state(self.decoder)}
        arrays |= {"chunk": np.array(self.chunk, COUNTS), "seed": np.array(self.seed, np.uint64)}
        return arrays | {"begun": np.array(self.begun)}

    def _common_layout(self) -> Layout:
        ports, buffers = self.decoder.buffers.ports, self.decoder.buffers
        own = {name: (ports[name].shape, array_type(buffers[name].dtype)) for name in decoder_state(self.decoder)}
        return {**COMMON, **own}

    def _load_common(self, state: Mapping[str, np.ndarray], cached: bool = True) -> None:
        """Go on, in a walk that was begun with the state's seed, from `_common_state`; engines are told so.

        cached: whether what is in the network's caches then counts, or all of it is computed anew.
        """
        self.network.begin(empty=not cached)
        self.decoder.begin(empty=False)
        self.chunk = int(state["chunk"])
        for name in decoder_state(self.decoder):
            self.decoder.put(name, as_tensor(state[name], self.placement.dtype))
        self.begun = bool(state["begun"])


def decoder_state(decoder: Runner) -> list[str]:
    """The names of what a decoder remembers."""
    return [port.name for port in decoder.buffers.ports.values() if port.role == STATE]


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """A copy of a tensor, wherever it is, as an array; of bfloat16, which NumPy lacks, as int16 of the same bits."""
    own = tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
    return (own.view(torch.int16) if own.dtype == torch.bfloat16 else own).numpy()


def array_type(dtype: torch.dtype) -> np.dtype:
    """The type of `as_array`."""
    return as_array(torch.empty(0, dtype=dtype)).dtype


def sent(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """A small array on a device, for what is done there next: nobody waits for what that was given before."""
    return torch.from_numpy(array).to(device, non_blocking=True)


def as_tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Back from `as_array`, for tensors of the world's own `dtype` and whole numbers."""
    tensor = torch.from_numpy(array.copy())
    return tensor.view(dtype) if tensor.dtype == torch.int16 else tensor
