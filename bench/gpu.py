"""Full-size Matrix-Game 2.0 with random weights on a GPU: what each engine gives, and where the time goes.

`python -m bench.gpu --out FILE.json`, part of bench/gpu.sh. A row per engine: milliseconds per denoising pass, commit,
decode and whole chunk (medians, the device waited for), and frames per second end to end into host memory with the
decode of one chunk beside the denoising of the next, as play does it. `--dry` runs the same on tiny sizes anywhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.synthetic import matrix_game, variant
from compile.fp8 import quantise
from compile.graphs import GraphedNet
from model.attention import BACKENDS, Unavailable, probe
from model.matrix_game.config import MatrixGameConfig
from model.matrix_game.world import MatrixGameWorld
from model.placement import place
from model.world import LoadOptions

FP8_LAYERS = ("blocks.*.self_attn.[qkvo]", "blocks.*.cross_attn.[qo]", "blocks.*.ffn.[02]")
# What a row is made of, in the order in which gains are added.
ROWS = {
    "eager": (),
    "graph": ("graph",),
    "compile": ("compile",),
    "compile + graph": ("compile", "graph"),
    "fp8 + compile + graph": ("fp8", "compile", "graph"),
}


def build(config: MatrixGameConfig, options: LoadOptions, parts: tuple[str, ...], dtype) -> MatrixGameWorld:
    """A world with the engine's parts applied to its network; the decoder runs as it is."""
    world = matrix_game(config, place(options, dtype))
    if "fp8" in parts:
        quantise(world.net, FP8_LAYERS)
    if "compile" in parts:
        for block in world.net.blocks:
            block.compile(dynamic=False)
    if "graph" in parts:
        world.net = GraphedNet(world.net)
    world.reset(None, None, seed=1)
    return world


def controls(world: MatrixGameWorld) -> np.ndarray:
    frames = world.info.chunk_frames if world.chunk else world.info.first_chunk_frames
    return np.full((frames, world.info.control_columns), 0.01, np.float32)


class Clock:
    """Milliseconds of device work, waited for."""

    def __init__(self, device: torch.device) -> None:
        self.wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def median(self, work: Callable[[], object], repeats: int) -> float:
        times = []
        for _ in range(repeats):
            self.wait()
            started = time.perf_counter()
            work()
            self.wait()
            times.append(1e3 * (time.perf_counter() - started))
        return round(statistics.median(times), 3)


@torch.inference_mode()
def parts_of(world: MatrixGameWorld, clock: Clock, repeats: int) -> dict[str, float]:
    """The medians of a chunk's parts, in a window that is full."""
    config, chunk = world.config.network, world.config.network.chunk
    condition = world.image.of(world.rings.committed, chunk)
    world.run.actions = world._act(controls(world))
    world.rings.stage(chunk)
    x = torch.randn(chunk, config.out_channels, *condition.shape[2:], device=condition.device).to(condition.dtype)
    timesteps = torch.full((chunk,), 500.0, device=condition.device)

    def commit() -> None:
        world.net.commit(x, condition, timesteps, world.run)
        world.rings.stage(chunk)

    return {
        "denoise_ms": clock.median(lambda: world.net(x, condition, timesteps, world.run), repeats),
        "commit_ms": clock.median(commit, repeats),
        "decode_ms": clock.median(lambda: list(world.lane.start(x.float())), repeats),
    }


def played(world: MatrixGameWorld, clock: Clock, chunks: int) -> dict[str, float]:
    """Whole chunks: one after the other, then with the next begun before the last one's pictures were taken."""
    chunk_ms = clock.median(lambda: list(world.step(controls(world))), chunks)
    started = time.perf_counter()
    next(iter(world.step(controls(world))))
    first_ms = 1e3 * (time.perf_counter() - started)
    clock.wait()
    started, pictures, last = time.perf_counter(), 0, None
    for _ in range(chunks):
        begun = world.step(controls(world)) if world.lane.overlaps else list(world.step(controls(world)))
        pictures += len(list(last)) if last is not None else 0
        last = begun
    pictures += len(list(last))
    fps = pictures / (time.perf_counter() - started)
    return {"chunk_ms": chunk_ms, "first_picture_ms": round(first_ms, 3), "fps": round(fps, 2)}


def row(config: MatrixGameConfig, options: LoadOptions, parts: tuple[str, ...], dtype, repeats: int) -> dict:
    device = place(options).device
    clock = Clock(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    world = build(config, options, parts, dtype)
    for _ in range(4):  # fills the window, captures and compiles what there is
        list(world.step(controls(world)))
    clock.wait()
    result = {"ready_s": round(time.perf_counter() - started, 1)}
    result |= played(world, clock, repeats) | parts_of(world, clock, repeats)
    if device.type == "cuda":
        result["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return result


def profile(config: MatrixGameConfig, options: LoadOptions, dtype, most: int = 25) -> list[dict]:
    """The operations that a chunk's time goes to on the eager engine, the dearest first."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    world = build(config, options, (), dtype)
    for _ in range(4):
        list(world.step(controls(world)))
    cuda = world.placement.device.type == "cuda"
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if cuda else [])
    with profiler(activities=kinds) as seen:
        list(world.step(controls(world)))
    own = "self_device_time_total" if cuda else "self_cpu_time_total"
    dearest = sorted(seen.key_averages(), key=lambda entry: -getattr(entry, own))[:most]
    return [
        {"name": entry.key[:120], "calls": entry.count, "ms": round(getattr(entry, own) / 1e3, 3)} for entry in dearest
    ]


def rows_of(options: argparse.Namespace) -> list[tuple[str, str, tuple[str, ...]]]:
    """(row, attention, engine parts): every engine, then every attention back end on the best engine that is sure."""
    rows = [(name, "auto", parts) for name, parts in ROWS.items()]
    rows += [(f"graph, {name}", name, ("graph",)) for name in BACKENDS]
    if options.device == "cpu":
        rows = [(name, attention, parts) for name, attention, parts in rows if "graph" not in parts]
    return [entry for entry in rows if not options.rows or entry[0] in options.rows]


def available(attention: str, device: str, dtype) -> str:
    """Why an attention back end cannot run here; empty where it can."""
    try:
        if attention != "auto":
            probe(attention, device, dtype)
    except Unavailable as reason:
        return str(reason)
    return ""


def measure(options: argparse.Namespace) -> dict:
    dtype = getattr(torch, options.dtype)
    config = dry_config() if options.dry else variant(options.world)
    started, results = time.perf_counter(), {}
    for name, attention, parts in rows_of(options):
        reason = available(attention, options.device, dtype)
        if time.perf_counter() - started > options.budget:
            reason = "no time left"
        if reason:
            results[name] = {"skipped": reason}
        else:
            how = LoadOptions(device=options.device, attention=attention)
            try:
                results[name] = row(config, how, parts, dtype, options.repeats)
            except (RuntimeError, torch.OutOfMemoryError) as error:  # one engine that fails must not cost the others
                results[name] = {"failed": str(error).splitlines()[0][:200]}
        print(f"{name}: {json.dumps(results[name])}", flush=True)
    return {
        "world": options.world,
        "device": torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device,
        "torch": torch.__version__,
        "dtype": options.dtype,
        "rows": results,
        "profile of a chunk, eager": profile(config, LoadOptions(device=options.device), dtype),
    }


def dry_config() -> MatrixGameConfig:
    """A few hundredths of the size, to try the script itself."""
    from dataclasses import replace

    full = variant("matrix-game-2")
    actions = replace(full.network.actions, layers=(0, 1), heads=2, mouse_width=128, keyboard_width=128)
    network = replace(full.network, dim=256, layers=3, heads=2, ffn_dim=512, actions=actions)
    return replace(full, width=64, height=32, network=network, vae=replace(full.vae, width=8))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__.split("\n")[0])
    parser.add_argument("--world", default="matrix-game-2")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float16", "float32"))
    parser.add_argument("--rows", nargs="*", default=(), help="only these rows")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--budget", type=float, default=330, help="seconds after which no further row is begun")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, to try the script anywhere")
    parser.add_argument("--out", type=Path, help="write the figures as JSON too")
    options = parser.parse_args(argv)
    torch.backends.cudnn.benchmark = True
    facts = measure(options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts["profile of a chunk, eager"], indent=1))


if __name__ == "__main__":
    main()
