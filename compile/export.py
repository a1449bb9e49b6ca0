"""Export of a contract's torch modules to ONNX, opset 24: one file per graph, weights stored once beside them.

Static shapes; caches are TensorScatter and Attention, in and out by name (model/graph.py). Large tensors are references
into safetensors files that are there already, by byte offset, else into one file of their own, where what several
graphs share is stored once. Needs torch, onnx and onnxscript.
"""

from __future__ import annotations

import copy
import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import torch
import torch.nn as nn

from model.graph import FLOAT, Contract, Graph

OPSET = 24
INLINE_BYTES = 4096  # smaller tensors stay in the graph
BLOB = "weights.bin"
ALIGNMENT = 64


DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def export_for(contract: Contract, modules: dict[str, nn.Module], folder: Path, precision: str) -> dict[str, Path]:
    """Export a world's loaded modules, wherever they are, in `precision`; with quantised layers in what they are in."""
    whole = nn.ModuleDict(modules)
    own = next((tensor.dtype for tensor in whole.parameters() if tensor.dtype in DTYPES.values()), torch.float32)
    dtype = DTYPES.get(precision, own)
    if any(tensor.device.type != "cpu" or tensor.dtype != dtype for tensor in whole.parameters()):
        whole = copy.deepcopy(whole).cpu().to(dtype)
    return export(contract, dict(whole), folder, dtype)


def example(graph: Graph, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Zeros of the shapes and types of a graph's inputs."""
    return tuple(
        torch.zeros(port.shape, dtype=dtype if port.dtype == FLOAT else getattr(torch, port.dtype))
        for port in graph.inputs
    )


def trace(module: nn.Module, graph: Graph, dtype: torch.dtype) -> ir.Model:
    program = torch.onnx.export(
        module.eval(),
        example(graph, dtype),
        dynamo=True,
        opset_version=OPSET,
        input_names=[port.name for port in graph.inputs],
        output_names=list(graph.output_names),
        verbose=False,
    )
    return program.model


class Store:
    """Where large tensors lie: by the digest of their bytes, the file, the offset and the length."""

    def __init__(self, folder: Path, parts: Sequence[Path] = (), own: bool = True) -> None:
        """parts: safetensors files in `folder`; own: whether others go to a file of ours, or stay in the graph."""
        self._folder, self._own = folder, own
        self._places: dict[bytes, tuple[str, int, int]] = {}
        if own:
            (folder / BLOB).write_bytes(b"")
        for path in parts:
            with open(path, "rb") as file:
                for offset, length in safetensors_layout(path).values():
                    file.seek(offset)
                    self._places[hashlib.sha256(file.read(length)).digest()] = (path.name, offset, length)

    def place(self, raw: bytes) -> tuple[str, int, int] | None:
        """(file, offset, length) of these bytes, which are written where they are nowhere yet; None to keep inline."""
        digest = hashlib.sha256(raw).digest()
        if digest not in self._places and self._own:
            with open(self._folder / BLOB, "ab") as file:
                file.write(b"\0" * (-file.tell() % ALIGNMENT))
                self._places[digest] = (BLOB, file.tell(), len(raw))
                file.write(raw)
        return self._places.get(digest)


def safetensors_layout(path: Path) -> dict[str, tuple[int, int]]:
    """Name to (offset in the file, length) of every tensor of a safetensors file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {name: (8 + size + entry["data_offsets"][0], np.subtract(*entry["data_offsets"][::-1]).item())
            for name, entry in header.items()}  # fmt: skip


def share_weights(model: ir.Model, store: Store, folder: Path) -> None:
    """Replace each large initializer by a reference to where its bytes lie."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        raw = tensor.tobytes() if tensor.nbytes >= INLINE_BYTES else b""
        place = store.place(raw) if raw else None
        if place is not None:
            file, offset, length = place
            value.const_value = ir.ExternalTensor(
                file, offset, length, tensor.dtype, shape=tensor.shape, name=value.name, base_dir=folder
            )


def stripped(model: ir.Model) -> onnx.ModelProto:
    """Without the exporter's notes (stack traces with the paths of the machine that exported)."""
    proto = ir.serde.serialize_model(model)
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    proto.graph.doc_string = ""
    graph = proto.graph
    for item in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    return proto


@torch.no_grad()
def export(
    contract: Contract,
    modules: dict[str, nn.Module],
    folder: Path,
    dtype: torch.dtype = torch.float32,
    parts: Sequence[Path] = (),
    bundled: bool = False,
) -> dict[str, Path]:
    """Write a contract's graphs into `folder`; returns the file of each.

    modules: those of the contract, on the CPU and in `dtype`. parts: safetensors files in `folder` that hold weights.
    bundled: constants that are in no part stay in their graph, for worlds that ship with their files.
    """
    store, paths = Store(folder, parts, own=not bundled), {}
    for name, graph in contract.graphs.items():
        model = trace(modules[name], graph, dtype)
        share_weights(model, store, folder)
        paths[name] = folder / f"{name}.onnx"
        paths[name].write_bytes(stripped(model).SerializeToString())
    return paths
