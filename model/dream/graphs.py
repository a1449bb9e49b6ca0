"""The embedded world as graphs (model/graph.py): `warp`, `denoise`, `commit` and `decode`. The modules need torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model.dream.config import DreamConfig
from model.graph import CACHE, Contract, Graph, Port

NAMES = ("warp", "denoise", "commit", "decode")
# Files that an engine has instead of a graph's own: the same function, spelt as that engine runs it faster.
VARIANTS = {"ort": {"warp": "warp-gathered"}}


def shipped(folder: Path) -> dict[str, dict[str, Path]]:
    """The ONNX files of a world, as Contract.exported has them."""
    own = {"fp32": {name: name for name in NAMES}} | VARIANTS
    return {key: {name: folder / f"{file}.onnx" for name, file in files.items()} for key, files in own.items()}


def dream_graphs(config: DreamConfig) -> dict[str, Graph]:
    """The graphs of a world of `config`; a chunk is one latent frame, and a slot of a cache holds one."""
    picture, batch = (config.height, config.width), (1, 1)
    last = (1, 4, *picture)
    chunk = (*batch, config.channels, *picture)
    moved = tuple(Port(name, (1, config.frames, size, size)) for name, size in (("relative", 4), ("turned", 3)))
    told = (
        Port("warped", (*batch, config.frames, 5, *picture)),
        Port("plucker", (*batch, config.frames, 6, *config.grid)),
        Port("slot", (1,), "int64"),
        Port("ages", (config.slots,), "int64"),
    )
    cache = (1, config.heads, config.slots * config.tokens, config.head_dim)
    caches = tuple(
        Port(f"{kind}{layer}", cache, role=CACHE) for layer in range(config.layers) for kind in ("keys", "values")
    )
    clean, x0 = Port("clean", chunk), Port("x0", chunk)
    frames = Port("frames", (config.frames, *picture, 4), "uint8")
    return {
        "warp": Graph("warp", (Port("last", last), Port("anchor", last), *moved), (told[0],)),
        "denoise": Graph("denoise", (Port("x", chunk), Port("t", batch), *told, *caches), (x0,)),
        "commit": Graph("commit", (clean, *told, *caches)),
        "decode": Graph("decode", (x0,), (frames, clean)),
    }


def dream_contract(
    world: str, identity: str, config: DreamConfig, folder: Path, exported: Mapping[str, Mapping[str, Path]]
) -> Contract:
    """folder: that of the weights, as safetensors parts; exported: see Contract."""

    def modules() -> dict[str, object]:
        from model.dream.modules import load_modules

        return load_modules(config, sorted(folder.glob("weights-*.safetensors")))

    return Contract(world, identity, dream_graphs(config), modules, exported)
