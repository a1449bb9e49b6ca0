"""Linear layers in 8-bit floats: e4m3 weights scaled per output, activations scaled per token, or by one number.

Eager and compiled: row-wise scaling on `torch._scaled_mm`, which runs on GPUs of compute capability 8.9 and newer and
on CPUs. In exported graphs: the same numbers as QuantizeLinear and DequantizeLinear around a MatMul, for TensorRT. For
that, scales are of the layer's own type everywhere, as TensorRT wants them. Which layers may lose that much is not
decided here but in compile/precision.py. Torch only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
import torch.nn as nn

FP8 = torch.float8_e4m3fn
ONNX_FP8 = 17  # TensorProto.FLOAT8E4M3FN
OPSET = 24
LARGEST = torch.finfo(FP8).max
MULTIPLE = 16  # of inputs and outputs, as the kernels want them


def scale_of(largest: torch.Tensor) -> torch.Tensor:
    """What the largest absolute values of rows are divided by to become the type's; of their own dtype, never 0."""
    return (largest / LARGEST).clamp(min=torch.finfo(largest.dtype).tiny)


def power_of_two(scale: torch.Tensor) -> torch.Tensor:
    """The next power of two that is not less.

    What is multiplied or divided by it is not rounded in any type, so that every engine has the same 8-bit numbers.
    A float loses no precision by it, but at most one of the powers of two that its range has.
    """
    mantissa, exponent = torch.frexp(scale.float())
    return torch.ldexp(torch.ones_like(mantissa), exponent - (mantissa == 0.5).int()).to(scale.dtype)


def rounded(rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """rows / scale in e4m3; what is beyond its range becomes its largest value, as ONNX has it."""
    return (rows.float() / scale.float()).clamp(-LARGEST, LARGEST).to(FP8)


def quantised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[M, K] to e4m3 [M, K] and scales [M, 1], powers of two, of the rows' dtype."""
    scale = power_of_two(scale_of(rows.abs().amax(1, keepdim=True)))
    return rounded(rows, scale), scale


def fits(linear: nn.Linear) -> bool:
    return not (linear.in_features % MULTIPLE or linear.out_features % MULTIPLE)


class Fp8Linear(nn.Module):
    """Takes and gives what the linear layer did that it is made from; `of` makes it.

    weight: e4m3 [inputs, outputs], column by column in memory, as the kernels want it and ONNX writes it down. scale:
    [outputs], and reach_scale: [] or None, in the activations' dtype. With reach_scale activations are scaled by that
    one number, which TensorRT's own 8-bit kernels want, and what is beyond the calibrated reach is cut off.
    """

    weights_are_buffers = True  # they are no parameters: nothing trains them

    def __init__(
        self,
        weight: torch.Tensor,
        scale: torch.Tensor,
        bias: nn.Parameter | None,
        reach_scale: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("reach_scale", reach_scale)
        self.bias = bias
        self._renew()

    @classmethod
    @torch.no_grad()
    def of(cls, linear: nn.Linear, reach: float | None = None) -> Fp8Linear:
        """reach: the largest absolute input there is, where activations are to be scaled by one number."""
        weight, scale = quantised(linear.weight.detach())
        one = None if reach is None else power_of_two(scale_of(scale.new_tensor(reach)))
        return cls(weight.t(), scale[:, 0].contiguous(), linear.bias, one)

    def _renew(self) -> None:
        """What follows from the buffers. Kernels take scales in float32: made once, not at every run."""
        if self.weight.dtype != FP8:
            self.weight = self.weight.to(FP8)
        self.register_buffer("row_scale", self.scale.float()[None], persistent=False)

    def _apply(self, fn, recurse: bool = True) -> nn.Module:
        """A change of type, `.to(torch.float16)`, is one of the scales and the bias: e4m3 values survive it unchanged
        and come back as what they are.
        """
        super()._apply(fn, recurse)
        self._renew()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        y = self._in_graph(rows) if torch.onnx.is_in_onnx_export() else self._product(rows)
        y = y if self.bias is None else y + self.bias
        return y.reshape(*x.shape[:-1], y.shape[-1])

    def _input_scale(self, rows: torch.Tensor) -> torch.Tensor:
        """[M, 1] or []."""
        return scale_of(rows.abs().amax(1, keepdim=True)) if self.reach_scale is None else self.reach_scale

    def _product(self, rows: torch.Tensor) -> torch.Tensor:
        scale = self._input_scale(rows)
        small = rounded(rows, scale)
        scale = scale.float() if scale.ndim else scale.float().reshape(1, 1).repeat(rows.shape[0], 1)
        # Row-wise kernels of GPUs give bfloat16 only, and add only a bias of that type; so it is added outside.
        dtype = rows.dtype if rows.device.type == "cpu" else torch.bfloat16
        out = torch._scaled_mm(small, self.weight, scale_a=scale, scale_b=self.row_scale, out_dtype=dtype)
        return out.to(rows.dtype)

    def _in_graph(self, rows: torch.Tensor) -> torch.Tensor:
        scale = self._input_scale(rows).to(rows.dtype)
        axis = {"axis": 0} if scale.ndim else {}
        scale = scale.flatten() if scale.ndim else scale
        small = torch.onnx.ops.symbolic(
            "QuantizeLinear",
            (rows, scale),
            attrs={"output_dtype": ONNX_FP8} | axis,
            dtype=FP8,
            shape=rows.shape,
            version=OPSET,
        )
        return dequantised(small, scale, rows.dtype, **axis) @ dequantised(self.weight, self.scale, rows.dtype, axis=1)


def dequantised(small: torch.Tensor, scale: torch.Tensor, dtype: torch.dtype, **attrs: int) -> torch.Tensor:
    """ONNX's DequantizeLinear, for graphs that are being exported; the scale must be of `dtype`."""
    return torch.onnx.ops.symbolic(
        "DequantizeLinear", (small, scale), attrs=attrs, dtype=dtype, shape=small.shape, version=OPSET
    )


def quantise(module: nn.Module, patterns: Sequence[str]) -> int:
    """Replace the linear layers of `module` whose names match and whose sizes fit; returns how many there were."""
    count = 0
    for name, linear in list(module.named_modules()):
        if isinstance(linear, nn.Linear) and fits(linear) and any(fnmatchcase(name, pattern) for pattern in patterns):
            module.set_submodule(name, Fp8Linear.of(linear))
            count += 1
    return count
