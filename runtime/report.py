"""Report: one run as numbers, for people's notes and for checks by machine. Times in the units that the keys name."""

from __future__ import annotations

import json
from pathlib import Path

from runtime import process
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.loop import Loop
from runtime.replay import Verdict


def build_report(
    loop: Loop, generator: Generator, startup_s: float | None, recording_dropped: int | None, verdict: Verdict | None
) -> dict:
    """Everything that is known of a run that has ended.

    `latency_ms` runs from the sampling of a frame's controls to its flip; `dropped_frames` counts slots that passed
    with no new picture; `rss_mb` is the peak, `rss_mb_first` was taken after 30 s (at the end of a shorter run).
    """
    stats, info = loop.stats, generator.info
    seconds = stats.seconds(loop.ended_at)
    chunk = dict(zip(("p50", "p95", "p99"), generator.chunk_ms.at(50, 95, 99), strict=True))
    late50, late95 = stats.latency_ms.at(50, 95)
    last = process.rss_mb()
    report = {
        "world": info.name,
        "backend": generator.backend,
        "device": info.device,
        "size": [info.width, info.height],
        "seed": generator.seed,
        "frames_presented": stats.frames,
        "seconds": round(seconds, 3),
        "fps_presented": round(stats.frames / seconds, 3) if seconds else 0.0,
        "fps_generated": round(generator.frames_dreamt / generator.busy_s, 3) if generator.busy_s else 0.0,
        "chunk_ms": {name: round(ms, 2) for name, ms in (chunk | {"max": generator.chunk_ms.max}).items()},
        "latency_ms": {"p50": round(late50, 2), "p95": round(late95, 2)},
        "startup_s": None if startup_s is None else round(startup_s, 3),
        "rss_mb": round(max(process.peak_rss_mb(), last), 1),
        "rss_mb_first": round(last if loop.rss_settled_mb is None else loop.rss_settled_mb, 1),
        "rss_mb_last": round(last, 1),
        "dropped_frames": stats.dropped,
        "camera": generator.camera.tolist(),
    }
    if recording_dropped is not None:
        report["recording_dropped_frames"] = recording_dropped
    if verdict is not None:
        report["replay"] = verdict.summary()
    return report


def write_report(report: dict, path: Path) -> None:
    """Write it as JSON; raises UserError where that cannot be done."""
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError("cannot write the report", str(path), error.strerror or str(error)) from error
