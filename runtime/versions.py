"""Versions: what is installed here, as far as it may have a part in what is dreamt."""

from __future__ import annotations

from importlib import metadata

LIBRARIES = ("numpy", "onnxruntime", "openvino", "torch")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def reverie_version() -> str:
    """The installed version; `source` for a checkout that was not installed."""
    return _version("reverie") or "source"


def versions() -> dict[str, str]:
    """Of the libraries that compute, as far as they are there."""
    return {name: version for name in LIBRARIES if (version := _version(name))}
