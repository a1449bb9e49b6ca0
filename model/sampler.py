"""The few-step sampler of rectified flow: a plan of noise levels, and the loop that follows it. No network in here.

Convention: x_t = (1 - t) x_0 + t e with e standard normal; t = 1 is pure noise. The network predicts x_0, and the step
from t to s draws fresh noise: x_s = (1 - s) x_0 + s e' (the "renoise" transition of consistency samplers, Song et al.
2023, and of DMD2, Yin et al. 2024). NumPy and torch arrays both work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def renoise(x0, noise, t: float):
    """x_t for a clean `x0` and standard normal `noise` of the same shape, 0 <= t <= 1."""
    return (1 - t) * x0 + t * noise


def sample(predict: Callable, steps: Sequence[float], draw: Callable):
    """Run `predict(x_t, t) -> x_0` at each noise level of `steps` (falling, the first usually 1); returns the last x_0.

    `draw()` returns fresh standard normal noise of the chunk's shape, once per step.
    """
    x0 = None
    for t in steps:
        noise = draw()
        # At the start there is no estimate to mix in: the level is taken for pure noise.
        x0 = predict(noise if x0 is None else renoise(x0, noise, t), t)
    return x0
