"""What an engine was built from, as facts that make its key in the store (compile/store.py). Reads; decides nothing."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

from compile.plan import Job, Place

FORMAT = 1  # of what engines leave in their folders
LIBRARIES = ("torch", "onnxruntime", "openvino", "onnx", "onnxscript", "tensorrt", "tensorrt-rtx", "triton")
ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model", "compile")  # whose code decides what an engine computes
# TensorRT's fast path wants the scale of activations beforehand; torch takes one per token as it comes.
ACTIVATIONS = {"trt": "tensor"}


def facts_of(job: Job) -> dict[str, object]:
    """Whatever, changed, makes another engine."""
    return {
        "format": FORMAT,
        "world": job.contract.world,
        "weights": job.contract.identity,
        "graphs": hashlib.sha256(repr(sorted(job.contract.graphs.items())).encode()).hexdigest(),
        "code": code(),
        "engine": job.engine,
        "precision": job.precision,
        "device": device(job.place),
        "threads": job.place.threads if job.place.kind == "cpu" else 0,
        "libraries": libraries(),
    }


def facts_of_weights(job: Job) -> dict[str, object]:
    """The key's facts of the quantised weights that an engine runs on."""
    return facts_of(replace(job, engine=f"weights per {ACTIVATIONS.get(job.engine, 'token')}"))


@cache
def code() -> str:
    """A digest of our own code, as far as it computes."""
    whole = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


@cache
def libraries() -> dict[str, str]:
    """Versions of what engines are built with, of those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def device(place: Place) -> str:
    """The processor or the GPU, with its driver."""
    if place.kind == "cpu":
        return processor()
    import torch

    major, minor = torch.cuda.get_device_capability(place.device)
    return f"{torch.cuda.get_device_name(place.device)} sm_{major}{minor}, CUDA {torch.version.cuda}, driver {driver()}"


@cache
def processor() -> str:
    """The CPU's name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def driver() -> str:
    """The NVIDIA driver's version, as the kernel module tells; empty where it does not."""
    version = Path("/sys/module/nvidia/version")
    return version.read_text().strip() if version.exists() else ""
