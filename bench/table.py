"""Every world on every engine, in every precision and with every attention that can run here: `make bench`.

A row each (bench/row.py), in a process of its own: milliseconds of one run of each graph (medians, the device waited
for), of a chunk alone, of the copy of its pictures to the host and of one picture to the window; frames per second end
to end; p99 beside p50; memory; what differs from eager in fp32; and how much was reached of what this machine allows
(bench/roofline.py). What cannot run is said once, with the reason. Figures go to bench/results as JSON, and to standard
output as Markdown (bench/report.py). `python -m bench.plot` draws them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from bench.families import ANY, TORCH_ENGINES, Spec, family_of, first_of_each_size
from bench.hardware import describe, slug
from bench.possible import Refusal, cannot, grouped, kind_of, place_of, possible, reference_of, stage
from bench.present import present_ms
from bench.report import markdown
from bench.roofline import fraction, ideal_ms
from bench.task import isolated
from compile.plan import ENGINES, PRECISIONS
from model.graph import Unavailable
from runtime.errors import UserError, first_sentence
from runtime.options import ATTENTION

RESULTS = Path(__file__).resolve().parent / "results"
MOST_THREADS = 4  # as play gives the embedded world

Say = Callable[[str], None]


class Bench:
    """One table being made. `folder` is for what rows leave for each other; `keep` says which rows are wanted."""

    def __init__(
        self, options: argparse.Namespace, folder: Path, say: Say, keep: Callable[[Spec], bool] = lambda spec: True
    ) -> None:
        self.options, self.folder, self.say, self.keep = options, folder, say, keep
        self.end = time.perf_counter() + options.budget
        self.rows: list[dict] = []
        self.refused: list[Refusal] = []
        self.graphs: dict[str, dict] = {}
        self.machines: dict[str, dict] = {}
        self._exported: dict[str, str] = {}

    def left(self) -> float:
        """Seconds until no further row is begun."""
        return self.end - time.perf_counter()

    def isolated(self, task: str, spec: Spec) -> dict:
        return isolated(task, spec, self.folder / spec.title, max(self.left(), 0) + self.options.grace)

    def run(self) -> dict:
        options, specs, shadows = self.options, [], []
        bases = [self.base(world) for world in options.worlds]
        for base in bases:
            found, refused = possible(base, options.engines, options.precisions, options.attention)
            found = [spec for spec in found if self.keep(spec)]
            self.refused += refused
            specs += found
            reference = reference_of(base)
            if found and not cannot(place_of(reference), reference.engine, reference.precision):
                shadows.append(reference)
        for device in dict.fromkeys(spec.device for spec in specs):
            self.measure_machine(device)
        for reference in shadows:  # made where it is not shown, too: the others are compared with it
            self.count(reference)
            if reference not in specs and self.left() > 0:
                self.isolated("row", replace(reference, seconds=0.0, repeats=1))
        for spec in sorted(specs, key=lambda spec: stage(spec, specs)):
            self.row(spec)
        for device in self.machines:
            self.measure_machine(device)
        for row in self.rows:
            self.roofline(row)
        facts = {"hardware": describe(options.device), "device": options.device, "threads": options.threads,
                 "seconds": options.seconds, "repeats": options.repeats}  # fmt: skip
        results = {"machines": self.machines, "graphs": self.graphs, "rows": self.rows}
        return facts | results | {"cannot_run": grouped(self.refused, len(bases))}

    def base(self, world: str) -> Spec:
        """What all rows of a world have in common."""
        options, family = self.options, family_of(world)
        small = family.official and (options.tiny or (kind_of(options.device) == "cpu" and not options.full))
        device = options.device if family.anywhere else "cpu"
        fixed = {"device": device, "threads": options.threads, "full": not small}
        fixed |= {"context": options.context, "size": options.size} if family.gathers else {}
        return Spec(world, "", "", **fixed, seconds=options.seconds, repeats=options.repeats)

    def count(self, spec: Spec) -> None:
        """What the graphs of a world cost."""
        found = self.isolated("survey", spec)
        if "failed" in found:
            self.refused.append(Refusal(spec.title, "roofline", "", found["failed"]))
        else:
            self.graphs[spec.title] = found

    def row(self, spec: Spec) -> None:
        what = f"{spec.title}: {spec.engine} {spec.precision} {spec.attention}".removesuffix(f" {ANY}")
        result = {"failed": "no time left"} if self.left() <= 0 else self.result(spec)
        if "failed" in result:
            subject = spec.engine if spec.attention in (ANY, "sdpa") else f"{spec.engine} on {spec.attention}"
            self.refused.append(Refusal(spec.title, subject, spec.precision, result["failed"]))
            self.say(f"{what}: {result['failed']}")
            return
        shown, driver = present_ms(result["width"], result["height"])
        self.rows.append({"title": spec.title, **asdict(spec), **result, "present_ms": shown, "present_by": driver})
        self.say(f"{what}: {result['fps']:.1f} fps, chunk {result['chunk_ms']:.1f} ms")

    def result(self, spec: Spec) -> dict:
        """Exported once for all engines of a CPU that read ONNX, then measured."""
        if spec.engine not in TORCH_ENGINES and kind_of(spec.device) == "cpu":
            if spec.title not in self._exported:
                self._exported[spec.title] = self.isolated("export", spec).get("failed", "")
            if self._exported[spec.title]:
                return {"failed": f"cannot be exported: {self._exported[spec.title]}"}
        return self.isolated("row", spec)

    def measure_machine(self, device: str) -> None:
        """Its rates before the first row and after the last; the better ones count, for others may be at work too."""
        here = self.isolated("machine", Spec("machine", "", "", device=device, threads=self.options.threads))
        if "failed" in here:
            self.refused.append(Refusal(device, "roofline", "", here["failed"]))
        elif device in self.machines:
            before = self.machines[device]
            for name, rate in here["rates"].items():
                before["rates"][name] = max(rate, before["rates"].get(name, 0.0))
            before["bandwidth"] = max(before["bandwidth"], here["bandwidth"])
        else:
            self.machines[device] = here

    def roofline(self, row: dict) -> None:
        """Of each graph and of the chunk: the milliseconds that the machine would allow, and the fraction reached."""
        counted, here = self.graphs.get(row["title"]), self.machines.get(row["device"], {"rates": {}})
        rate, row["ideal_ms"], row["reached"] = here["rates"].get(row["precision"]), None, None
        if counted is None or rate is None:
            return
        whole = 0.0
        for name, graph in row["graphs"].items():
            moved = counted[name]["bytes"][row["precision"]]
            graph["ideal_ms"] = ideal_ms(counted[name]["flops"], moved, rate, here["bandwidth"])
            graph["reached"] = fraction(graph["ideal_ms"], graph["ms"])
            whole += graph["ideal_ms"] * graph["runs"]
        row["ideal_ms"], row["reached"] = whole, fraction(whole, row["chunk_ms"])


def build_parser(prog: str = "python -m bench.table", about: str = __doc__.split("\n")[0]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=about)
    add = parser.add_argument
    add("--worlds", nargs="+", default=first_of_each_size(), help="default: one of each size of each family")
    add("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    add("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    add("--attention", nargs="+", default=[name for name in ATTENTION if name != "auto"], choices=ATTENTION)
    add("--device", default="auto", help="torch's name of it (default: an NVIDIA GPU where there is one)")
    add("--threads", type=int, default=min(MOST_THREADS, os.cpu_count() or 1), help="of the CPU, for every row")
    add("--seconds", type=float, default=2.0, help="that each row plays at least")
    add("--repeats", type=int, default=8, help="the fewest chunks that a figure is read from")
    add("--budget", type=float, default=900, help="seconds after which no further row is begun")
    add("--grace", type=float, default=60, help="seconds more, after which the row that is being made is stopped")
    add("--context", type=int, metavar="N", help="latent frames to look back on, in worlds that choose them")
    add("--size", default="", metavar="WxH", help="of the pictures of such worlds")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="families with official weights at full size on a CPU too")
    size.add_argument("--tiny", action="store_true", help="families with official weights in a tiny size on a GPU too")
    add("--out", type=Path, help="JSON to write (default: bench/results/DATE-MACHINE.json)")
    return parser


def device_of(asked: str) -> str:
    if asked != "auto":
        return asked
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def measure(options: argparse.Namespace, say: Say, keep: Callable[[Spec], bool] = lambda spec: True) -> dict:
    """The whole table as data; `keep` says which rows are wanted."""
    options.device = device_of(options.device)
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        return Bench(options, folder, say, keep).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(facts: dict, out: Path | None) -> Path:
    path = out or RESULTS / f"{time.strftime('%Y-%m-%d')}-{slug(facts['device'])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n")
    return path


def main(argv: list[str] | None = None) -> None:
    options = build_parser().parse_args(argv)
    try:
        facts = measure(options, lambda line: print(line, flush=True))
    except (UserError, Unavailable) as error:
        raise SystemExit(f"bench: {first_sentence(error)}") from error
    path = write(facts, options.out)
    print(f"\n{markdown(facts)}\n\n{path}")


if __name__ == "__main__":
    main()
