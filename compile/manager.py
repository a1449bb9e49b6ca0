"""Who decides (being written): the first engine of the chain that is quick."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from compile.buffers import Array, Buffers
from compile.plan import Job, Place
from compile.runner import Runner
from model.graph import Contract
from model.world import LoadOptions

MODULES = {"eager": "eager", "compile": "compiled", "graph": "cuda_graph"}


def engine_module(name: str):
    return importlib.import_module(f"compile.engines.{MODULES.get(name, name)}")


def prepare(
    contract: Contract, place: Place, options: LoadOptions, given: Mapping[str, Array] | None = None, dtype=None
) -> Runner:
    """dtype: torch's, for buffers that are tensors; None for NumPy arrays."""
    device = None if dtype is None else place.device
    buffers = Buffers(contract, given, device, dtype)
    name = "ort" if contract.exported and options.engine == "auto" else "eager"
    job = Job(contract, name, "fp32", place, Path(tempfile.mkdtemp()), shared={"modules": contract.modules})
    engine = engine_module(name).build(job)
    return Runner(contract, buffers, engine.bind(buffers), f"{name} fp32")
