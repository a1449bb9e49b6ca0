"""What fewer bits cost the embedded world in quality: an engine against ONNX Runtime in fp32, chunk by chunk.

python -m bench.int8 --world cloister [--engine openvino --precision bf16]

Both begin every chunk from one state (the exact one's), so that errors of chunks do not add up, and both draw the same
noise. Cloister hardly ever draws, it keeps what was warped; so beside the pictures there is what its head puts out
before gate and dead zone, and what is committed. Prints a line per quantity; exits with 1 where one is below its bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx

from compile.buffers import Buffers
from compile.manager import engine_module
from compile.plan import Job, Place
from compile.runner import Runner
from model.dream.config import DreamConfig
from model.dream.graphs import dream_contract, shipped
from model.dream.world import EmbeddedWorld
from model.graph import Contract, Port
from model.registry import find_world
from model.settings import read_settings
from model.worldfile import read_world_file

# dB, the least that is let pass: pictures as peak signal to noise, the others as signal to noise. In pictures 38 dB is
# a difference of one to two levels of 255, which nobody sees; what is not looked at may be as far off as a hundredth of
# its power (20 dB), of which a network that is trained on noise takes no notice.
BOUNDS = {"frames": 38.0, "disparity": 28.0, "head": 20.0, "cache": 30.0}
EQUAL = 120.0  # dB; more is not told apart from equal
HEAD = "head"


def with_head(contract: Contract, folder: Path) -> Contract:
    """The contract with one more output of `denoise`: that of its last convolution."""
    path = contract.exported["fp32"]["denoise"]
    model = onnx.load(path)
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1].output[0]
    weight = [node for node in model.graph.node if node.op_type == "Conv"][-1].input[1]
    channels = next(tensor.dims[0] for tensor in model.graph.initializer if tensor.name == weight)
    x0 = contract.graphs["denoise"].outputs[0]
    side = round((channels // 5 / (x0.shape[2] // 4)) ** 0.5)
    shape = (1, channels, x0.shape[-2] // side, x0.shape[-1] // side)
    model.graph.node.append(onnx.helper.make_node("Identity", [last], [HEAD]))
    model.graph.output.append(onnx.helper.make_tensor_value_info(HEAD, onnx.TensorProto.FLOAT, shape))
    onnx.save(model, folder / "denoise.onnx")
    denoise = replace(contract.graphs["denoise"], outputs=(x0, Port(HEAD, shape)))
    exported = contract.exported | {"fp32": {**contract.exported["fp32"], "denoise": folder / "denoise.onnx"}}
    return replace(contract, graphs=contract.graphs | {"denoise": denoise}, exported=exported)


def make_world(folder: Path, scratch: Path, engine: str, precision: str, threads: int = 1) -> EmbeddedWorld:
    """The world of `folder` on one engine, whose `denoise` tells what its head puts out. scratch: for files."""
    config = read_settings(DreamConfig, read_world_file(folder).config, str(folder / "world.yaml"))
    contract = with_head(dream_contract(folder.name, "", config, folder, shipped(folder)), scratch)
    place, module = Place(threads=threads), engine_module(engine)
    module.probe(place, precision)
    bound = module.build(Job(contract, engine, precision, place, scratch)).bind(buffers := Buffers(contract))
    with np.load(folder / "starts.npz", allow_pickle=False) as starts:
        pictures = starts["rgb"]
    named = SimpleNamespace(name=folder.name)  # all that a world needs to know of itself here
    return EmbeddedWorld(config, named, pictures, Runner(contract, buffers, bound, f"{engine} {precision}"))


def walk(chunks: int, frames: int) -> np.ndarray:
    """Controls float32 [chunks, frames, 4]: forward, with turns to both sides."""
    rows = np.zeros((chunks, frames, 4), np.float32)
    rows[..., 1] = 0.06
    rows[..., 2] = (0.04 * np.sin(np.arange(chunks) / 3))[:, None]
    return rows


def decibels(signal: float, noise: float) -> float:
    return min(EQUAL, float(10 * np.log10(max(signal, 1e-20) / max(noise, 1e-20))))


def compare(exact: EmbeddedWorld, tried: EmbeddedWorld, chunks: int, seed: int = 3) -> dict[str, float]:
    """dB per quantity of BOUNDS, of its worst kind, over `chunks` chunks, each begun from the exact world's state."""
    power = {name: np.zeros((1, 2)) for name in BOUNDS} | {"head": np.zeros((5, 2))}
    exact.reset(None, None, seed)
    for rows in walk(chunks, exact.config.frames):
        tried.load_state(exact.state())
        shown = [np.stack(list(world.step(rows)))[..., :3].astype(np.float64) for world in (exact, tried)]
        power["frames"] += 255**2, np.mean((shown[0] - shown[1]) ** 2)
        told = [quantities(world) for world in (exact, tried)]
        for name, wanted in told[0].items():
            power[name] += np.stack([wanted.var(1), np.mean((wanted - told[1][name]) ** 2, 1)], 1)
    return {name: min(decibels(*kind) for kind in kinds) for name, kinds in power.items()}


def quantities(world: EmbeddedWorld) -> dict[str, np.ndarray]:
    """What a chunk left behind, float64 [kinds, values]: the head's kinds are red, green, blue, disparity and gate."""
    read, frames = world.runner.buffers.read, world.config.frames
    head = np.moveaxis(read(HEAD).reshape(frames, 5, -1), 1, 0).reshape(5, -1)
    last = world.config.layers - 1
    cache = np.stack([read(f"{kind}{last}") for kind in ("keys", "values")]).reshape(1, -1)
    parts = {"disparity": read("x0")[:, :, 3::4].reshape(1, -1), "head": head, "cache": cache}
    return {name: part.astype(np.float64) for name, part in parts.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.int8", description=__doc__.split("\n")[0])
    parser.add_argument("--world", default="cloister")
    parser.add_argument("--engine", default="ort")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--chunks", type=int, default=30)
    options = parser.parse_args(argv)
    folder = find_world(options.world)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        exact = make_world(folder, Path(one), "ort", "fp32")
        tried = make_world(folder, Path(other), options.engine, options.precision)
        found = compare(exact, tried, options.chunks)
    print(f"{options.world}, {options.chunks} chunks, {tried.runner.backend} against {exact.runner.backend}")
    for name, value in found.items():
        print(f"  {name:10} {value:6.1f} dB, at least {BOUNDS[name]:.0f}{'' if value >= BOUNDS[name] else ': FAILS'}")
    return int(any(value < BOUNDS[name] for name, value in found.items()))


if __name__ == "__main__":
    sys.exit(main())
