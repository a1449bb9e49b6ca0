"""Recorded calls and roll-outs of WorldPlay's networks through ours: what the 8B's and the 5B's fixtures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from bench.parity import Fixture
from model.plan import Plan, Step
from model.prope import factors
from model.rings import Rings
from model.sampler import clean, sample
from model.wan import Pass
from model.worldplay.config import CHUNK, CONTEXT_TIMESTEP
from model.worldplay.overlap import Memory, candidates, choose, in_view


def as_clip(latents: torch.Tensor) -> torch.Tensor:
    """[frames, C, h, w] as official tensors are laid out, [1, C, frames, h, w]."""
    return latents.transpose(0, 1)[None]


def as_frames(clip: torch.Tensor) -> torch.Tensor:
    return clip[0].transpose(0, 1)


class Recorded:
    """The inputs of a group of calls ("a", "b", "c"): view matrices, intrinsics and labels per latent frame."""

    def __init__(self, fixture: Fixture, group: str) -> None:
        self.fixture, self.group = fixture, group
        self.device, self.dtype = fixture.device, fixture.dtype
        self.w2c, self.intrinsics = (self[name][0].double().cpu().numpy() for name in ("viewmats", "Ks"))
        self.labels = self["action"][0].cpu()

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.fixture.inputs[f"{self.group}.{name}"]

    def __contains__(self, name: str) -> bool:
        return f"{self.group}.{name}" in self.fixture.inputs

    def chooser(self, memory: Memory) -> Callable[[int], Sequence[int]]:
        """Which latent frames a chunk that begins at one looks back on: by the recorded points, where it chooses."""
        c2w = np.linalg.inv(self.w2c)

        def context(start: int) -> Sequence[int]:
            points = in_view(self["points"].cpu().numpy(), memory) if candidates(start, memory) else np.empty((0, 3))
            return choose(c2w, start, points, memory)

        return context

    def states(self, name: str) -> torch.Tensor:
        return self[name][0].to(self.dtype)

    def cameras(self, frames: Sequence[int]) -> torch.Tensor:
        chosen = list(frames)
        return torch.from_numpy(factors(self.w2c[chosen], self.intrinsics[chosen])).to(self.device)


class Passes:
    """Calls of a network over its ring, with the conditions of latent frames that are told by their numbers.

    past: the timestep that the context is told to be at.
    """

    def __init__(
        self, net, recorded: Recorded, rings: Rings, context: Sequence = (), past: float = CONTEXT_TIMESTEP
    ) -> None:
        self.net, self.recorded, self.rings, self.past = net, recorded, rings, past
        self.run = Pass(rings, context)

    def gather(self, x: torch.Tensor, frames: Sequence[int], timesteps: torch.Tensor | None = None) -> None:
        """The pass over the frames of the context."""
        self.rings.gather(len(frames))
        if len(frames):
            timesteps = torch.full((len(frames),), float(self.past)) if timesteps is None else timesteps
            self._call(self.net.encode, x, frames, timesteps)

    def draw(self, x: torch.Tensor, frames: Sequence[int], timesteps: torch.Tensor, labels=None) -> torch.Tensor:
        """The pass over a chunk behind what was gathered: the flow [frames, C, h, w]."""
        self.rings.stage(len(frames))
        return self._call(self.net.draw, x, frames, timesteps, labels)

    def _call(self, verb: Callable, x: torch.Tensor, frames: Sequence[int], timesteps: torch.Tensor, labels=None):
        self.run.actions = self.recorded.cameras(frames)
        labels = self.recorded.labels[list(frames)] if labels is None else labels
        waves = [self.net.waves(numbers.to(self.recorded.device)) for numbers in (timesteps, labels)]
        return verb(x.to(self.recorded.dtype), *waves, self.run)


@dataclass
class Walk:
    """A whole walk from recorded noise, chunk by chunk.

    passes: of the conditional row, then, where the plan is guided, of the unconditional one. condition: channels beside
    every latent frame [frames, C, h, w], None for none. choose: the context of a chunk that begins at a frame. held: a
    clean first latent frame [1, C, h, w], and its timestep. flows: all predictions, in the official order, in which the
    conditional one comes first.
    """

    plan: Plan
    passes: Sequence[Passes]
    choose: Callable[[int], Sequence[int]]
    condition: torch.Tensor | None = None
    held: tuple[torch.Tensor, float] | None = None
    flows: list[torch.Tensor] = field(default_factory=list)

    def play(self, noise: torch.Tensor) -> torch.Tensor:
        """noise: [frames, C, h, w]; returns the latents."""
        latents = noise.clone()
        for start in range(0, len(noise), CHUNK):
            frames, context = range(start, start + CHUNK), list(self.choose(start))
            for passes in self.passes:
                passes.gather(self._beside(latents[context], context), context)
            held = self.held if start == 0 else None
            latents[start : start + CHUNK] = self._chunk(noise[start : start + CHUNK], frames, held)
        return latents

    def _beside(self, x: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
        return x if self.condition is None else torch.cat([x, self.condition[list(frames)]], 1)

    def _chunk(self, noise: torch.Tensor, frames: Sequence[int], held: tuple | None) -> torch.Tensor:
        other: list[torch.Tensor] = []

        def predict(x: torch.Tensor, step: Step, row: str) -> torch.Tensor:
            timesteps = torch.full((len(x),), step.timestep)
            if held is not None:
                x, timesteps[0] = torch.cat([held[0].to(x), x[1:]]), held[1]
            passes = self.passes[row == "unconditional"]
            flow = passes.draw(self._beside(x, frames), frames, timesteps)
            if row == "unconditional":
                other.append(flow)
            else:
                self.flows += [flow, *other]
                other.clear()
            return clean(x, flow, step.sigma)

        latents = sample(self.plan, predict, noise, None)
        return latents if held is None else torch.cat([held[0].to(latents), latents[1:]])
