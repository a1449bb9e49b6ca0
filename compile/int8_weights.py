"""Linear layers whose weights are 8-bit whole numbers with a scale per output: half the memory, the same arithmetic.

Weights alone; activations keep their type, and products are computed in it. For machines whose memory is small, not
for speed. Eight bits of activations too, for CPUs, are compile/int8.py. Torch only.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from compile.fp8 import dequantised

LARGEST = 127  # -128 is not used: the range is even


def quantised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[N, K] to int8 [N, K] and scales [N] of the rows' dtype: each row's largest value becomes 127."""
    scale = (rows.abs().amax(1) / LARGEST).clamp(min=torch.finfo(rows.dtype).tiny)
    return (rows.float() / scale.float()[:, None]).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


class Int8Linear(nn.Module):
    """Takes and gives what the linear layer did that it is made from; `of` makes it.

    weight: int8 [inputs, outputs], column by column in memory as the original is. scale: [outputs], in the
    activations' dtype.
    """

    weights_are_buffers = True  # they are no parameters: nothing trains them

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.bias = bias

    @classmethod
    @torch.no_grad()
    def of(cls, linear: nn.Linear) -> Int8Linear:
        weight, scale = quantised(linear.weight.detach())
        return cls(weight.t(), scale, linear.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.onnx.is_in_onnx_export():
            y = x @ dequantised(self.weight, self.scale, x.dtype, axis=1)
            return y if self.bias is None else y + self.bias
        # The scale goes to the product, which is smaller than the weights. `torch._weight_int8pack_mm` does the same
        # in one call and takes 3 to 40 times as long on CPUs for hundreds of rows (1536 x 1536, 880 rows, torch 2.13).
        y = F.linear(x, self.weight.t().to(x.dtype)) * self.scale
        return y if self.bias is None else y + self.bias
