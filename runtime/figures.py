"""Figures: what is measured of a run, as one value that the overlay and the report both read, so that they agree.

It measures nothing and words nothing: the numbers are runtime/stats.py's, the generator's and the governor's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from runtime import process
from runtime.generator import Generator
from runtime.governor import Governor
from runtime.stats import Percentiles, Stats

BYTES_PER_MB = 1024 * 1024


@dataclass(frozen=True)
class Side:
    """What goes on beside the walk. None where it does not.

    recording_dropped: frames that the recording lacks; rewind_mb: memory that going back takes; building: what is made
    ready beside play, in words (World.building), "" for nothing.
    """

    recording_dropped: int | None = None
    rewind_mb: float | None = None
    building: str = ""


def figures(stats: Stats, generator: Generator, governor: Governor, fps: float, now: float, side: Side) -> dict:
    """All numbers by name, in the units that the names tell. `fps` is the rate asked for, 0 for none.

    `frame_interval_ms` is from flip to flip; `frame_interval_p99_off` the distance from the period that 99 of 100
    intervals keep, as a part of the period. `latency_ms` runs from the sampling of a frame's controls to its flip, and
    `latency_histogram` counts it by upper ends in ms; `dropped_frames` are slots that passed with no new picture. A
    chunk's split is what is typical: see World.spent, and Stats for `copy` and `present`, which are per frame.
    """
    seconds = stats.seconds(now)
    numbers = {
        "backend": generator.backend,
        "device": generator.info.device,
        "seed": generator.seed,
        "frames_presented": stats.frames,
        "seconds": round(seconds, 3),
        "fps_asked": fps,
        "fps_presented": round(stats.frames / seconds, 3) if seconds else 0.0,
        "fps_now": round(stats.rate(), 2),
        "fps_generated": round(generator.frames_dreamt / generator.busy_s, 3) if generator.busy_s else 0.0,
        "chunk_ms": spread(generator.chunk_ms, 50, 95, 99),
        "chunk_split_ms": split(stats, generator),
        "latency_ms": spread(stats.latency_ms, 50, 95),
        "latency_histogram": {"upper_ms": list(stats.latency_bars.edges), "counts": stats.latency_bars.counts},
        "frame_interval_ms": spread(stats.interval_ms, 50, 95, 99),
        "frame_interval_p99_off": round(stats.interval_off.at(99)[0], 4),
        "latency_mode": governor.mode,
        "queue_frames": generator.queued,
        "queue_depth_frames": governor.depth,
        "dropped_frames": stats.dropped,
        "rss_mb_last": round(process.rss_mb(), 1),
        "device_mb": device_mb(),
    }
    beside = {"recording_dropped_frames": side.recording_dropped, "rewind_mb": side.rewind_mb}
    beside["building"] = side.building or None
    return numbers | {name: value for name, value in beside.items() if value is not None}


def spread(samples: Percentiles, *percent: int) -> dict[str, float]:
    """Percentiles and the largest sample ever, by name."""
    values = dict(zip((f"p{n}" for n in percent), samples.at(*percent), strict=True))
    return {name: round(value, 2) for name, value in (values | {"max": samples.max}).items()}


def split(stats: Stats, generator: Generator) -> dict[str, float]:
    """Where the time goes: the parts of a chunk, and what the loop does with each frame, in ms."""
    loop = {"copy": stats.copy_ms.at(50)[0], "present": stats.present_ms.at(50)[0]}
    return {name: round(ms, 2) for name, ms in (generator.split.typical() | loop).items()}


def device_mb() -> float | None:
    """Memory of the GPU that torch holds, in MiB; None where torch is not in use, or is not on one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    held = sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count()))
    return round(held / BYTES_PER_MB, 1)
