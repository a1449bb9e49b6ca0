"""Speed of the embedded world on this machine's CPU, end to end: the second half of `make bench`.

Everything is read from the reports of real runs of play.py (headless: the same loop, at the same pace, without a
window), so the figures are what a player gets, not what a kernel could give. Prints a Markdown table; `--out` writes
the raw figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.hardware import processor

ROOT = Path(__file__).resolve().parent.parent
WALK = [
    {"at": 0.5, "down": "w"},
    *({"at": 2.0 + 2 * turn, "mouse": [180 if turn % 3 else -260, 0]} for turn in range(400)),
    *({"at": 5.0 + 9 * turn, "down": "right"} for turn in range(90)),
    *({"at": 6.0 + 9 * turn, "up": "right"} for turn in range(90)),
]


def play(world: str, seconds: float, folder: Path) -> dict:
    """One headless run of `seconds` along a scripted walk; its report."""
    script, report = folder / "walk.yaml", folder / "report.json"
    script.write_text(json.dumps(WALK))  # JSON is YAML
    command = [sys.executable, "play.py", "--world", world, "--headless", "--seconds", str(seconds)]
    command += ["--script", str(script), "--report", str(report), "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"play.py failed: {done.stderr.strip()}")
    return json.loads(report.read_text())


def hardware() -> str:
    """The CPU's name, its units and the number of its cores."""
    name, units = processor()
    return f"{name} ({', '.join(units)}), {os.cpu_count()} cores"


def table(short: dict, long: dict) -> str:
    drift = 100 * (long["rss_mb_last"] / long["rss_mb_first"] - 1)
    width, height = short["size"]
    rows = [
        ("picture", f"{width}x{height}, {short['backend']}, {short['device']}"),
        ("generated frames per second", f"{short['fps_generated']:.1f}"),
        ("presented frames per second", f"{short['fps_presented']:.2f} ({short['dropped_frames']} dropped)"),
        ("chunk of 4 frames, ms p50 / p95 / max", "{p50:.0f} / {p95:.0f} / {max:.0f}".format(**short["chunk_ms"])),
        (
            f"chunk over {long['seconds']:.0f} s, ms p50 / p99 / their ratio",
            "{p50:.0f} / {p99:.0f} / {ratio:.2f}".format(
                **long["chunk_ms"], ratio=long["chunk_ms"]["p99"] / long["chunk_ms"]["p50"]
            ),
        ),
        ("input sampled to frame presented, ms p50 / p95", "{p50:.0f} / {p95:.0f}".format(**short["latency_ms"])),
        ("process start to first frame, s", f"{short['startup_s']:.2f}"),
        ("peak memory, MB", f"{long['rss_mb']:.0f}"),
        (f"memory drift from 30 s to {long['seconds']:.0f} s of play", f"{drift:+.2f} %"),
    ]
    return "\n".join(["| figure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cpu", description=__doc__.split("\n")[0])
    parser.add_argument("--world", default="cloister")
    parser.add_argument("--seconds", type=float, default=60, help="length of the run that speeds are read from")
    parser.add_argument("--soak", type=float, default=600, help="length of the run that memory drift is read from")
    parser.add_argument("--out", type=Path, help="write the reports as JSON too")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        play(options.world, 1, Path(folder))  # warms the file cache
        short = play(options.world, options.seconds, Path(folder))
        long = play(options.world, options.soak, Path(folder)) if options.soak else short
    print(f"{hardware()}; `python -m bench.cpu --seconds {options.seconds:g} --soak {options.soak:g}`\n")
    print(table(short, long))
    if options.out:
        facts = {"processor": hardware(), "python": platform.python_version(), "short": short, "soak": long}
        options.out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
