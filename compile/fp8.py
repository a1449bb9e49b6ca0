"""Linear layers in 8-bit floats: e4m3 weights scaled per output, activations scaled per token as they come.

Row-wise scaling on `torch._scaled_mm`, which runs on GPUs of compute capability 8.9 and newer, and on CPUs, where its
numbers are tested. Which layers may lose that much is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
import torch.nn as nn

FP8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FP8).max
MULTIPLE = 16  # of inputs and outputs, as the kernels want them
SMALLEST = 1e-12  # a row of zeros has a scale all the same


def quantised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[M, K] to e4m3 [M, K] and float32 scales [M, 1]: each row's largest value becomes the type's."""
    scale = rows.abs().amax(1, keepdim=True).float().clamp(min=SMALLEST) / LARGEST
    return (rows.float() / scale).clamp(-LARGEST, LARGEST).to(FP8), scale


class Fp8Linear(nn.Module):
    """A linear layer made from one of higher precision; takes and gives that one's inputs and outputs."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = quantised(linear.weight.detach())
        self.weight, self.scale = (
            nn.Parameter(weight, requires_grad=False),
            nn.Parameter(scale.t(), requires_grad=False),
        )
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, scale = quantised(x.flatten(0, -2))
        # The kernels add only a bias of the output's own half precision; so it is added here.
        y = torch._scaled_mm(rows, self.weight.t(), scale_a=scale, scale_b=self.scale, out_dtype=torch.bfloat16)
        y = y.to(x.dtype) if self.bias is None else y.to(x.dtype) + self.bias
        return y.unflatten(0, x.shape[:-1])


def quantise(module: nn.Module, patterns: Sequence[str]) -> int:
    """Replace the linear layers of `module` whose names match and whose sizes fit; returns how many there were."""
    count = 0
    for name, linear in list(module.named_modules()):
        fits = isinstance(linear, nn.Linear) and not (linear.in_features % MULTIPLE or linear.out_features % MULTIPLE)
        if fits and any(fnmatchcase(name, pattern) for pattern in patterns):
            parent, _, own = name.rpartition(".")
            setattr(module.get_submodule(parent), own, Fp8Linear(linear))
            count += 1
    return count
