"""A family's chunk as data: which network runs at which noise level, and how one level leads to the next. Pure.

Convention: x_t = (1 - sigma) x_0 + sigma noise, the network predicts the flow noise - x_0, and is told the timestep
1000 sigma. Flow shift: sigma = s u / (1 + (s - 1) u) (Esser et al. 2024, "Scaling Rectified Flow Transformers", sec.
5.3.2). What follows a plan is model/sampler.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

RENOISE = "renoise"  # predict x_0, mix it with fresh noise at the next level (consistency samplers; Self-Forcing)
EULER = "euler"  # follow the flow to the next level
TABLE_STEPS = 1000


@dataclass(frozen=True)
class Step:
    """One run of a network. `next_sigma` is 0 at the end of the chunk; `guidance` 1 means the conditional row alone."""

    timestep: float
    sigma: float
    next_sigma: float = 0.0
    network: str = ""
    transition: str = RENOISE
    guidance: float = 1.0

    @property
    def rows(self) -> tuple[str, ...]:
        """The predictions that the step needs, in the order in which `guide` takes them."""
        return ("conditional",) if self.guidance == 1 else ("unconditional", "conditional")


@dataclass(frozen=True)
class Plan:
    """The steps of a chunk, and the timestep at which the clean chunk is run once more to be committed to the caches.

    `commits` names the networks that run it: each has a cache of its own.
    """

    steps: tuple[Step, ...]
    commit_timestep: float = 0.0
    commits: tuple[str, ...] = ("",)


def shifted(u: np.ndarray, shift: float) -> np.ndarray:
    return shift * u / (1 + (shift - 1) * u)


def even(steps: int) -> np.ndarray:
    """steps + 1 even levels from 1 to 0, float32, each rounded from its nearer end: the last bit matters to tables."""
    step, index = np.float32(1) / np.float32(steps), np.arange(steps + 1)
    return np.where(index < (steps + 1) // 2, 1 - step * index, step * (steps - index)).astype(np.float32)


def sigma_table(shift: float) -> np.ndarray:
    """The 1000 training noise levels, float32, falling from 1: level i is that of raw step 1000 - i."""
    return shifted(even(TABLE_STEPS)[:-1], shift)  # shift - 1 is rounded to float32 once, as torch does


def timestep_table(shift: float) -> np.ndarray:
    """The timestep of every level of `sigma_table`, float32."""
    return sigma_table(shift) * np.float32(TABLE_STEPS)


def nearest_sigma(timestep: float, shift: float) -> float:
    """The noise level of the table's entry nearest to `timestep`."""
    return float(sigma_table(shift)[np.abs(timestep_table(shift) - np.float32(timestep)).argmin()])


def warped(raw: Sequence[int], shift: float) -> tuple[float, ...]:
    """A list of raw steps (1000, 666, ...) to the timesteps of a shifted schedule; not rounded."""
    table = timestep_table(shift)
    return tuple(float(table[TABLE_STEPS - step]) for step in raw)


def renoise_levels(sigmas: Sequence[float]) -> Plan:
    """x_0 re-noised through a fixed list of noise levels, down to the clean chunk."""
    return Plan(_chain([TABLE_STEPS * sigma for sigma in sigmas], [*sigmas, 0.0], RENOISE))


def few_step(timesteps: Sequence[float], shift: float, commit_timestep: float = 0.0) -> Plan:
    """x_0 re-noised from timestep to timestep: how distilled causal models (Self-Forcing, Huang et al. 2025) run."""
    sigmas = [*(nearest_sigma(timestep, shift) for timestep in timesteps), 0.0]
    return Plan(_chain(timesteps, sigmas, RENOISE), commit_timestep)


def euler(steps: int, shift: float, guidance: float = 1.0, commit_timestep: float = 0.0) -> Plan:
    """`steps` even steps from pure noise to the clean chunk, shifted."""
    sigmas = shifted(even(steps), shift)
    timesteps = sigmas[:-1] * np.float32(TABLE_STEPS)
    return Plan(_chain(timesteps.tolist(), sigmas.tolist(), EULER, guidance), commit_timestep)


def euler_list(timesteps: Sequence[float], guidance: float = 1.0, commit_timestep: float = 0.0) -> Plan:
    """Euler steps through a fixed list of timesteps, down to the clean chunk."""
    sigmas = [*(timestep / 1000 for timestep in timesteps), 0.0]
    return Plan(_chain(timesteps, sigmas, EULER, guidance), commit_timestep)


def _chain(
    timesteps: Sequence[float], sigmas: Sequence[float], transition: str, guidance: float = 1.0
) -> tuple[Step, ...]:
    links = zip(timesteps, sigmas[:-1], sigmas[1:], strict=True)
    return tuple(Step(t, sigma, after, transition=transition, guidance=guidance) for t, sigma, after in links)


def with_experts(plan: Plan, boundary: float, high: str, low: str, guidance: tuple[float, float] | None = None) -> Plan:
    """Two networks: `high` for timesteps from 1000 * boundary on, `low` below; both commit the clean chunk.

    guidance: that of (low, high), in the order in which two-expert configurations give it.
    """
    steps = []
    for step in plan.steps:
        is_high = step.timestep >= 1000 * boundary
        scale = step.guidance if guidance is None else guidance[is_high]
        steps.append(replace(step, network=high if is_high else low, guidance=scale))
    return replace(plan, steps=tuple(steps), commits=(high, low))
