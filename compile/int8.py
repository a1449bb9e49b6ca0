"""INT8 for CPUs: graphs of which the linear layers' weights are 8-bit numbers. Needs onnx, and onnxruntime's tools.

Weights are rounded once, column by column; activations as they come, by their largest value ("dynamic"), so nothing
has to be calibrated. Attention, convolutions and caches stay as they are. What it costs in quality: bench/int8.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

LAYERS = ["MatMul", "Gemm"]


def dynamic_int8(paths: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The graphs of `paths` by name: those that have caches, the network, anew in `folder` and complete in themselves;
    the others, which are about positions and bytes, as they are.
    """
    made = dict(paths)
    for name, path in paths.items():
        model = onnx.load(path)  # with the weights, wherever they lie
        if any(node.op_type == "TensorScatter" for node in model.graph.node):
            made[name] = folder / f"{name}.int8.onnx"
            quantise(model, made[name])
    return made


def quantise(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path` with linear layers in INT8."""
    # The tool infers shapes itself, and stumbles over the exporter's where it gives a tensor another type.
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})  # else it asks for it aloud
    quantize_dynamic(
        model,
        str(path),
        op_types_to_quantize=LAYERS,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},  # what attention multiplies are no weights
    )
