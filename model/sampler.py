"""The few-step sampler of rectified flow: the loop that follows a plan (model/plan.py). No network in here.

Arrays of NumPy and tensors of torch both work; nothing is modified in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.plan import EULER, Plan


def renoise(x0, noise, sigma: float):
    """x_t for a clean `x0` and standard normal `noise` of the same shape, 0 <= sigma <= 1."""
    return (1 - sigma) * x0 + sigma * noise


def clean(x, flow, sigma: float):
    """The clean estimate x_0 that a flow predicted at x_t implies."""
    return x - sigma * flow


def guide(predictions: Sequence, guidance: float):
    """One prediction from a step's rows: classifier-free guidance (Ho & Salimans 2022) where there are two."""
    if len(predictions) == 1:
        return predictions[0]
    unconditional, conditional = predictions
    return unconditional + guidance * (conditional - unconditional)


def sample(plan: Plan, predict: Callable, noise: object, draw: Callable):
    """Follow `plan` from pure `noise` to a clean chunk; returns the last x_0.

    predict(x, step, row) is the clean estimate x_0 of the network of `step` for one of its rows; draw() returns fresh
    standard normal noise of the chunk's shape, once between two steps that re-noise.
    """
    x, x0 = noise, None
    for step in plan.steps:
        x0 = guide([predict(x, step, row) for row in step.rows], step.guidance)
        if step.next_sigma == 0:
            break
        if step.transition == EULER:
            # x + (next - sigma) flow, with the flow as the estimate implies it.
            x = x0 + (step.next_sigma / step.sigma) * (x - x0)
        else:
            x = renoise(x0, draw(), step.next_sigma)
    return x0
