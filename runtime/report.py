"""Report: one run as numbers, for people's notes and for checks by machine. Times in the units that the keys name."""

from __future__ import annotations

import json
from pathlib import Path

from runtime import process
from runtime.errors import UserError
from runtime.walk import Walk


def build_report(walk: Walk, startup_s: float | None) -> dict:
    """Everything that is known of a run that has ended: the figures of the overlay, and what only an end knows.

    `rss_mb` is the peak, `rss_mb_first` was taken after 30 s (at the end of a shorter run).
    """
    loop, generator = walk.loop, walk.generator
    info, numbers = generator.info, loop.figures(loop.ended_at)
    last = numbers["rss_mb_last"]
    report = {
        "world": info.name,
        "size": [info.width, info.height],
        "startup_s": None if startup_s is None else round(startup_s, 3),
        **numbers,
        "rss_mb": round(max(process.peak_rss_mb(), last), 1),
        "rss_mb_first": last if loop.rss_settled_mb is None else round(loop.rss_settled_mb, 1),
        "camera": generator.camera.tolist(),
    }
    if walk.replay is not None:
        report["replay"] = walk.replay.verdict().summary()
    return report


def write_report(report: dict, path: Path) -> None:
    """Write it as JSON; raises UserError where that cannot be done."""
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError("cannot write the report", str(path), error.strerror or str(error)) from error
