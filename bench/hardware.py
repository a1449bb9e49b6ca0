"""What this machine is, in words for a title and as a name for a file. Measures nothing."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

UNITS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
LIBRARIES = ("torch", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx")


def processor() -> tuple[str, list[str]]:
    """The CPU's name, and those of its units that matter here, as far as the system tells."""
    name, units = platform.processor() or platform.machine(), []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        entries = dict(line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in entries.items()}
        name = fields.get("model name", name)
        units = [unit for unit in UNITS if unit in fields.get("flags", "").split()]
    return name, units


def gpu(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device)


def describe(device: str) -> str:
    """One line: the GPU that `device` names, if it is one, then the processor and its cores, then what computes."""
    name, units = processor()
    cpu = f"{name} ({', '.join(units)})" if units else name
    parts = [gpu(device)] if device.startswith("cuda") else []
    return ", ".join([*parts, cpu, f"{os.cpu_count()} virtual cores", *versions()])


def versions() -> list[str]:
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def slug(device: str) -> str:
    """A short name for files, such as "h200" or "amd-epyc"."""
    if device.startswith("cuda"):
        return re.sub(r"[^a-z0-9]+", "-", gpu(device).lower()).strip("-").removeprefix("nvidia-")
    name = re.sub(r"\((r|tm)\)|processor|cpu.*", "", processor()[0].lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "cpu"
