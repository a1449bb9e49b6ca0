"""One row of the table, measured in this very process: a world on an engine, its times, its memory and its errors.

Nothing is decided here and nothing is printed: the result is a dict that can be JSON. bench/task.py gives each row a
process of its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.families import TORCH_ENGINES, Spec, family_of, is_reference
from bench.worlds import Watched, on_engine
from model.graph import CACHE, STATE
from model.world import World
from runtime.errors import UserError
from runtime.process import MEGABYTE, peak_rss_mb

SEED = 3
MOST_CHUNKS = 1000
BEYOND = 2  # chunks of the roll-out after those that fill the window
FORWARD, TURN = 0.03, 0.015  # metres and radians per frame of the walk


def controls(world: World, first: bool = False) -> np.ndarray:
    """Rows for a chunk: forward and to the right, with the first of the held keys."""
    info = world.info
    rows = np.zeros((info.first_chunk_frames if first else info.chunk_frames, info.control_columns), np.float32)
    rows[:, 1], rows[:, 2] = FORWARD, TURN
    rows[:, 4:5] = 1
    return rows


class Clock:
    """Milliseconds of work that the device has finished."""

    def __init__(self, device: str) -> None:
        self.wait: Callable[[], object] = lambda: None
        if device.startswith("cuda"):
            import torch

            self.wait = torch.cuda.synchronize

    def median(self, work: Callable[[], object], repeats: int, seconds: float) -> float:
        """The median of `repeats` runs after one to warm up, or of as many as `seconds` allow; one at least."""
        times, end = [], time.perf_counter() + seconds
        for _ in range(repeats + 1):
            self.wait()
            started = time.perf_counter()
            work()
            self.wait()
            times.append(1e3 * (time.perf_counter() - started))
            if time.perf_counter() > end:
                break
        return statistics.median(times[1:] or times)


def fill(world: World, spec: Spec, folder: Path) -> list[np.ndarray]:
    """Walk until the window is full, and give the pictures; see Family.gathers for worlds that do so but once."""
    family, kept, pictures = family_of(spec.world), folder / "state.npz", []
    if family.gathers and kept.is_file() and resumed(world, kept):
        return pictures
    world.reset(None, None, SEED)
    for chunk in range(family.window(world)):
        pictures += world.step(controls(world, chunk == 0))
    if family.gathers and is_reference(spec):
        np.savez(kept, **world.state())
    return pictures


def resumed(world: World, kept: Path) -> bool:
    """Have the world go on from a kept state; not where that is of another precision."""
    with np.load(kept, allow_pickle=False) as arrays:
        state = dict(arrays)
    try:
        world.load_state(state)
    except UserError:
        return False
    return True


def roll_out(world: World, runners: list[Watched], pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
    """BEYOND chunks more: all pictures, those before first, and the last output of `denoise`."""
    for _ in range(BEYOND):
        pictures += world.step(controls(world))
    runner = next(runner for runner in runners if "denoise" in runner.contract.graphs)
    output = runner.buffers[runner.contract.graphs["denoise"].outputs[0].name]
    drawn = output if isinstance(output, np.ndarray) else output.float().cpu().numpy()
    return {"pictures": np.stack(pictures), "drawn": drawn.copy()}


def errors(made: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> dict[str, float | None]:
    """error: |made - wanted| / |wanted| of what was drawn last; picture_error: mean absolute difference, of 255.

    None for what is not finite.
    """
    a, b = made["drawn"].astype(np.float64), wanted["drawn"].astype(np.float64)
    error = float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12))
    last = min(len(made["pictures"]), len(wanted["pictures"]))
    ours, theirs = (each["pictures"][-last:, ..., :3].astype(np.int16) for each in (made, wanted))
    apart = np.abs(ours - theirs)
    return {"error": error if np.isfinite(error) else None, "picture_error": float(apart.mean())}


def played(world: World, clock: Clock, spec: Spec) -> dict[str, float]:
    """Chunks through World.step, the next begun before the last one's pictures are taken where the world overlaps.

    fps: into host memory. chunk_times_ms: from one chunk's last picture to the next one's.
    """
    list(world.step(controls(world)))
    clock.wait()
    times, pictures, pending = [], 0, None
    started = last = time.perf_counter()
    while len(times) < MOST_CHUNKS and (len(times) < spec.repeats or last - started < spec.seconds):
        begun = world.step(controls(world))
        if world.info.overlaps:
            begun, pending = pending, begun
        pictures += sum(1 for _ in begun or ())
        now = time.perf_counter()
        times.append(1e3 * (now - last))
        last = now
    pictures += sum(1 for _ in pending or ())
    fps = pictures / (time.perf_counter() - started)
    times = times[1:] if world.info.overlaps else times  # the first one had nothing to wait for
    p50, p99 = np.percentile(times, [50, 99]).tolist()
    return {"fps": fps, "chunks": len(times), "p50_ms": p50, "p99_ms": p99, "p99_p50": p99 / p50}


def graphs_of(
    world: World, runners: list[Watched], clock: Clock, spec: Spec, chunk_runs: dict[str, float]
) -> dict[str, dict]:
    """Every graph that runs: the median of one run, in a chunk like all others or where a walk begins, and how often a
    chunk runs it. The world is at the beginning of a walk afterwards, and nothing that it draws counts any more. Of
    worlds that gather no first chunk is drawn: for its empty context, engines would have to be compiled once more.
    """
    for runner in runners:
        runner.clock = lambda run: clock.median(run, 4 * spec.repeats, spec.seconds / 2)
    list(world.step(controls(world)))
    world.reset(np.full((16, 16, 3), 128, np.uint8), None, SEED)  # a new picture: what depends on it is computed anew
    if not family_of(spec.world).gathers:
        list(world.step(controls(world, first=True)))
    took = {name: ms for runner in runners for name, ms in runner.took.items()}
    return {name: {"ms": ms, "runs": chunk_runs.get(name, 0)} for name, ms in took.items()}


def copy_ms(runners: list[Watched], clock: Clock, spec: Spec, chunk_runs: dict[str, float]) -> float:
    """A chunk's pictures from the device to pinned memory of the host; 0 where they are there already."""
    if not spec.device.startswith("cuda"):
        return 0.0
    import torch

    total = 0.0
    for runner in runners:
        decode = runner.contract.graphs.get("decode")
        for port in decode.outputs if decode else ():
            source = runner.buffers[port.name]
            if port.dtype != "uint8" or isinstance(source, np.ndarray):
                continue
            host = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
            each = clock.median(lambda s=source, h=host: h.copy_(s, non_blocking=True), spec.repeats, 1.0)
            total += each * chunk_runs.get("decode", 0)
    return total


def peak_mb() -> float:
    """The most resident memory of this process. The usual counter begins with that of the process that started it."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    return peaks[0] if peaks else peak_rss_mb()


def device_used_mb(device: str) -> float:
    """Memory of the device that is taken, by whomever; 0 without one."""
    if not device.startswith("cuda"):
        return 0.0
    import torch

    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / MEGABYTE


def measure(spec: Spec, folder: Path) -> dict:
    """The figures of one row. The reference's roll-out stays in `folder`, for other rows to be compared with."""
    settle_torch(spec)
    clock, before, started = Clock(spec.device), device_used_mb(spec.device), time.perf_counter()
    world, runners = on_engine(spec, folder)
    made = roll_out(world, runners, fill(world, spec, folder))
    result: dict = {"ready_s": time.perf_counter() - started}
    for runner in runners:
        runner.runs.clear()
    taken: list[int] = []
    chunk = clock.median(lambda: taken.append(len(list(world.step(controls(world))))), spec.repeats, spec.seconds)
    result |= {"chunk_ms": chunk}
    per_chunk = {name: count / len(taken) for runner in runners for name, count in runner.runs.items()}
    result |= played(world, clock, spec)
    result |= {
        "graphs": graphs_of(world, runners, clock, spec, per_chunk),
        "copy_ms": copy_ms(runners, clock, spec, per_chunk),
    }
    if spec.device.startswith("cuda"):  # what torch's and TensorRT's allocators took they keep until the end
        result |= {"memory_mb": device_used_mb(spec.device) - before, "memory_of": "device"}
    else:
        result |= {"memory_mb": peak_mb(), "memory_of": "process"}
    result |= {"width": world.info.width, "height": world.info.height, "frames": world.info.chunk_frames}
    result |= {"backend": runners[0].backend, "where": world.info.device}
    result |= {"state_mb": sum(standing_bytes(runner) for runner in runners) / MEGABYTE}
    return result | compared(spec, made, folder)


def compared(spec: Spec, made: dict[str, np.ndarray], folder: Path) -> dict:
    reference = folder / "reference.npz"
    if is_reference(spec):
        np.savez(reference, **made)
    if not reference.is_file():
        return {"error": None, "picture_error": None}
    with np.load(reference, allow_pickle=False) as wanted:
        return errors(made, wanted)


def standing_bytes(runner: Watched) -> int:
    """Of caches and of what decoders remember."""
    return sum(
        runner.buffers[port.name].nbytes for port in runner.buffers.ports.values() if port.role in (CACHE, STATE)
    )


def settle_torch(spec: Spec) -> None:
    """torch's threads, and fp32 that is fp32: TF32 would round what other rows are compared with."""
    if spec.engine in TORCH_ENGINES or spec.device.startswith("cuda"):
        import torch

        torch.set_num_threads(spec.threads)
        if spec.precision == "fp32":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
