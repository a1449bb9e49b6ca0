"""Quantised weights on disk: made once, then read. A safetensors file, and the report that they were made by.

The caller keys the folder (world, precision, type). Files appear whole or not at all, and the weights name the report
they belong to. Torch and safetensors.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch.nn as nn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from compile.fp8 import Fp8Linear
from compile.int8_weights import Int8Linear
from compile.precision import Places, at, places, replace
from compile.precision_report import Layer, Report
from runtime.errors import UserError, first_sentence

WEIGHTS, REPORT = "quantised.safetensors", "report.json"
# The layers, and what safetensors calls the type of their weights.
KINDS = {"fp8": (Fp8Linear, "F8_E4M3"), "int8": (Int8Linear, "I8")}
PARTS = ("weight", "scale", "reach_scale")
REMEDY = "delete the folder: it is made anew"


def stored(folder: Path) -> bool:
    """Whether there is something to load; not, whether it is sound."""
    return (folder / REPORT).is_file() and (folder / WEIGHTS).is_file()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` write a file beside `path` that takes its name when it is complete."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def save(modules: Mapping[str, nn.Module], report: Report, folder: Path) -> None:
    """Write the quantised layers of `modules`, on which `report` was applied; biases and all else stay where they are.

    The report goes last, so that without it nothing counts as stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hung, tensors, text = places(modules, KINDS[report.precision][0]), {}, report.to_json()
    for layer in report.chosen:
        parts = at(hung[layer.name]).state_dict()
        # Rows are outputs in the file, as everywhere else.
        tensors[f"{layer.name}.weight"] = parts["weight"].t().contiguous()
        tensors |= {f"{layer.name}.{part}": parts[part] for part in PARTS[1:] if part in parts}
    (folder / REPORT).unlink(missing_ok=True)
    whole(folder / WEIGHTS, lambda path: save_file(tensors, path, {"report": digest(text)}))
    whole(folder / REPORT, lambda path: path.write_text(text))


def read_report(folder: Path) -> Report:
    """Raises UserError for what is no report of a known precision."""
    path = folder / REPORT
    try:
        report = Report.from_json(path.read_text())
        if report.precision not in KINDS:
            raise ValueError(f"it knows no {report.precision}")
    except (OSError, ValueError) as error:
        raise UserError(f"the report cannot be read: {first_sentence(error)}", str(path), REMEDY) from error
    return report


def load(modules: Mapping[str, nn.Module], folder: Path) -> Report:
    """Replace the layers that were quantised by the stored ones, one by one, each on the device and of the type of its
    original, which is let go at once. Raises UserError, before anything is replaced, where the files do not fit.
    """
    report, path = read_report(folder), folder / WEIGHTS
    (kind, stored_type), hung = KINDS[report.precision], places(modules)
    parts = PARTS if report.activations == "tensor" else PARTS[:2]
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("report") != digest(report.to_json()):
                raise UserError("the quantised weights are of another report", str(path), REMEDY)
            names = set(file.keys())
            for layer in report.chosen:
                require_fit(layer, hung, {f"{layer.name}.{part}" for part in parts} <= names, file, stored_type, path)
            for layer in report.chosen:
                linear, tensors = at(hung[layer.name]), [file.get_tensor(f"{layer.name}.{part}") for part in parts]
                weight = tensors[0].to(linear.weight.device)
                scales = dict(zip(parts[1:], (tensor.to(linear.weight) for tensor in tensors[1:]), strict=True))
                replace(hung[layer.name], kind(weight.t(), bias=linear.bias, **scales))
    except (SafetensorError, OSError) as error:
        raise UserError(f"the quantised weights are damaged: {first_sentence(error)}", str(path), REMEDY) from error
    return report


def require_fit(layer: Layer, hung: Places, there: bool, file: safe_open, stored_type: str, path: Path) -> None:
    """Raise UserError unless a stored layer is there, and of the size of the one that it replaces."""
    if layer.name not in hung or not there:
        raise UserError(f"the quantised weights are of other modules: {layer.name}", str(path), REMEDY)
    found = file.get_slice(f"{layer.name}.weight")
    wanted = stored_type, list(at(hung[layer.name]).weight.shape)
    if (found.get_dtype(), found.get_shape()) != wanted:
        what = f"{layer.name} is {found.get_dtype()} {found.get_shape()}, not {wanted[0]} {wanted[1]}"
        raise UserError(what, str(path), REMEDY)
