"""Export of the embedded world's torch reference to ONNX graphs that share one weights file. Needs torch and onnx.

Four graphs with static shapes, opset 24: `warp` (last frame and motion in, warped frames out), `denoise` (noisy chunk,
level, conditions, slot, ages and caches in; x_0 and caches out), `commit` (the same without the head: caches out) and
`decode` (x_0 in; BGRA frames and the next last frame out). Large tensors are references into the safetensors file that
training wrote, by byte offset: ONNX's external data and safetensors are both raw little-endian bytes, so weights
exist once.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn as nn

from model.dream.config import DreamConfig
from model.dream.network import DreamNet
from model.dream.warp import warp

OPSET = 24
INLINE_BYTES = 4096  # smaller tensors stay in the graph


def pairs(caches: tuple[torch.Tensor, ...]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Flat graph inputs to (keys, values) of each layer."""
    return list(zip(caches[::2], caches[1::2], strict=True))


class Denoise(nn.Module):
    def __init__(self, net: DreamNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x, t, warped, plucker, slot, ages, *caches):
        x0, written = self.net.cached(x, t, warped, plucker, pairs(caches), slot, ages)
        return x0, *(tensor for pair in written for tensor in pair)


class Commit(Denoise):
    def forward(self, x, t, warped, plucker, slot, ages, *caches):
        written = self.net.commit(x, t, warped, plucker, pairs(caches), slot, ages)
        return tuple(tensor for pair in written for tensor in pair)


class Warp(nn.Module):
    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, last, anchor, relative, turned):
        return warp(last, anchor, relative, turned, self.config.focal, self.config.near).unsqueeze(1)


class Decode(nn.Module):
    """x_0 to what leaves the world: BGRA bytes for the window, and the clean chunk that is committed."""

    def forward(self, x0):
        clean = x0.clamp(-1, 1)
        frames = clean[0, 0].unflatten(0, (-1, 4))  # [F, 4, H, W]
        blue_green_red = torch.stack([frames[:, 2], frames[:, 1], frames[:, 0], torch.ones_like(frames[:, 0])], -1)
        bytes_ = torch.round((blue_green_red + 1) * 127.5).to(torch.uint8)
        return bytes_, clean, clean[:, 0, -4:]


def cache_names(layers: int, suffix: str = "") -> list[str]:
    return [f"{kind}{layer}{suffix}" for layer in range(layers) for kind in ("keys", "values")]


def example_inputs(net: DreamNet) -> dict[str, torch.Tensor]:
    """Inputs of `denoise` by name, in order."""
    config = net.config
    picture = (config.height, config.width)
    inputs = {
        "x": torch.zeros(1, 1, config.channels, *picture),
        "t": torch.ones(1, 1),
        "warped": torch.zeros(1, 1, config.frames, 5, *picture),
        "plucker": torch.zeros(1, 1, config.frames, 6, *config.grid),
        "slot": torch.zeros(1, dtype=torch.long),
        "ages": torch.zeros(config.slots, dtype=torch.long),
    }
    flat = [tensor for pair in net.empty_caches() for tensor in pair]
    return inputs | dict(zip(cache_names(config.layers), flat, strict=True))


def trace(module: nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str]) -> onnx.ModelProto:
    program = torch.onnx.export(
        module.eval(),
        tuple(inputs.values()),
        dynamo=True,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=outputs,
        verbose=False,
    )
    return program.model_proto


def safetensors_layout(path: Path) -> dict[str, tuple[int, int]]:
    """Name to (offset in the file, length) of every tensor of a safetensors file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {name: (8 + size + entry["data_offsets"][0], np.subtract(*entry["data_offsets"][::-1]).item())
            for name, entry in header.items()}  # fmt: skip


def share_weights(graph: onnx.ModelProto, parts: list[Path]) -> None:
    """Replace each large initializer by a reference to the tensor of the same bytes in one of `parts`."""
    places = {}
    for path in parts:
        data = path.read_bytes()
        for offset, length in safetensors_layout(path).values():
            places[data[offset : offset + length]] = (path.name, offset, length)
    for tensor in graph.graph.initializer:
        raw = onnx.numpy_helper.to_array(tensor).tobytes()
        # What is small stays in the graph, and so does a constant that is no weight, such as the rotary table.
        if len(raw) < INLINE_BYTES or raw not in places:
            continue
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in zip(("location", "offset", "length"), places[raw], strict=True):
            tensor.external_data.add(key=key, value=str(value))


def strip(graph: onnx.ModelProto) -> None:
    """Drop the exporter's notes (stack traces with the paths of the machine that exported)."""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    graph.graph.doc_string = ""
    for item in [
        *graph.graph.node,
        *graph.graph.value_info,
        *graph.graph.initializer,
        *graph.graph.input,
        *graph.graph.output,
    ]:
        del item.metadata_props[:]
        item.doc_string = ""


def export(net: DreamNet, parts: list[Path], folder: Path) -> dict[str, Path]:
    """Write the four graphs into `folder`, beside `parts` (the net's parameters as safetensors files)."""
    config, inputs = net.config, example_inputs(net)
    written = cache_names(config.layers, "_out")
    last = torch.zeros(1, 4, config.height, config.width)
    motion = {"relative": torch.eye(4), "turned": torch.eye(3)}
    moved = {name: matrix.repeat(1, config.frames, 1, 1) for name, matrix in motion.items()}
    graphs = {
        "warp": trace(Warp(config), {"last": last, "anchor": last.clone()} | moved, ["warped"]),
        "denoise": trace(Denoise(net), inputs, ["x0", *written]),
        "commit": trace(Commit(net), inputs, written),
        "decode": trace(Decode(), {"x0": inputs["x"]}, ["frames", "clean", "last"]),
    }
    paths = {}
    for name, graph in graphs.items():
        share_weights(graph, parts)
        strip(graph)
        paths[name] = folder / f"{name}.onnx"
        paths[name].write_bytes(graph.SerializeToString())
    return paths
