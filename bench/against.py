"""The embedded world's frames per second in another revision and in this tree, on this machine, turn by turn.

`python -m bench.against REV`. Each turn is a process of its own that plays chunks as fast as they come, on what play
takes here: warmed up, then timed; turns alternate, so that what else the machine does falls on both. The median of the
ratios of neighbours counts. A revision is checked out into a temporary worktree, which is removed again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What runs in either tree: only names that the world protocol has had from the beginning. A revision whose engines take
# over while playing makes them ready before.
PLAYER = """
import dataclasses, json, sys, time
import numpy as np
from model.registry import load_world
from model.world import LoadOptions
name, seconds, warm = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
known = {field.name for field in dataclasses.fields(LoadOptions)}
world = load_world(name, LoadOptions(**({"settled": True} if "settled" in known else {})))
world.reset(None, None, 3)
frames = 0
def chunk(first=False):
    info = world.info
    rows = np.zeros((info.first_chunk_frames if first else info.chunk_frames, info.control_columns), np.float32)
    rows[:, 1], rows[:, 2] = 0.03, 0.015
    return sum(1 for _ in world.step(rows))
chunk(True)
end = time.perf_counter() + warm
while time.perf_counter() < end:
    chunk()
started = time.perf_counter()
while time.perf_counter() < started + seconds:
    frames += chunk()
backend = getattr(world, "backend", world.info.backend)
print(json.dumps({"fps": frames / (time.perf_counter() - started), "backend": backend}))
"""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The revision's tree in a folder that is gone afterwards. Raises SystemExit for what git does not know."""
    with tempfile.TemporaryDirectory(prefix="reverie-against-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"against: git {' '.join(arguments[:2])}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def turn(tree: Path, world: str, seconds: float, warm: float) -> dict:
    """{"fps", "backend"} of one process in `tree`."""
    command = [sys.executable, "-c", PLAYER, world, str(seconds), str(warm)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"against: {tree}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def compared(before: list[float], after: list[float]) -> dict[str, float]:
    """Frames per second of turns that were neighbours: medians, and the ratio after / before with its extremes."""
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    return {
        "before": statistics.median(before),
        "after": statistics.median(after),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__.split("\n")[0])
    parser.add_argument("revision", help="anything that git knows as a commit")
    parser.add_argument("--world", default="cloister")
    parser.add_argument("--turns", type=int, default=5, help="of each side")
    parser.add_argument("--seconds", type=float, default=8, help="that a turn is timed")
    parser.add_argument("--warm", type=float, default=2, help="seconds that it plays before")
    parser.add_argument("--out", type=Path, help="write the figures as JSON too")
    options = parser.parse_args(argv)
    turns: dict[str, list[dict]] = {"before": [], "after": []}
    with checked_out(options.revision) as tree:
        for number in range(options.turns):
            # Who goes first changes, so that a machine that warms up favours nobody.
            sides = [("before", tree), ("after", ROOT)]
            for side, where in sides if number % 2 == 0 else sides[::-1]:
                turns[side].append(turn(where, options.world, options.seconds, options.warm))
    rates = {side: [each["fps"] for each in done] for side, done in turns.items()}
    found = compared(**rates)
    backends = {side: done[-1]["backend"] for side, done in turns.items()}
    there = f"{found['before']:.1f} fps in {options.revision} ({backends['before']})"
    here = f"{found['after']:.1f} here ({backends['after']})"
    spread = f"{found['least']:.2f} to {found['most']:.2f}"
    print(f"{options.world}: {there}, {here}: {found['ratio']:.2f} times ({spread})")
    facts = {"revision": options.revision, "world": options.world, "backends": backends, "fps": rates, **found}
    print(json.dumps(facts))
    if options.out:
        options.out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
