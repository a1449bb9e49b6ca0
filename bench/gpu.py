"""Every family at full size, with random weights, on a GPU: what each engine gives, and where the time goes.

`python -m bench.gpu --out FILE.json`, part of bench/gpu.sh. The rows of bench/table.py that a GPU is for, in the order
of what they are worth while time lasts: the chain of engines in bf16, attention back ends on the best engine that is
sure, fp8; then the operations that an eager chunk's time goes to. Of networks of billions of parameters, whose rows
take a minute or two each, it is eager and the sure engine alone. `--dry` does the same in tiny sizes anywhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from bench.families import ANY, Spec, family_of, first_of_each_size
from bench.possible import kind_of
from bench.report import markdown
from bench.row import controls
from bench.table import build_parser, device_of, measure, write
from bench.worlds import on_engine

ENGINES = ("eager", "compile", "graph", "trt")
PRECISIONS = ("bf16", "fp8")
SURE = {"cuda": "graph", "cpu": "eager"}  # the engine that attention back ends are compared on
DEAREST = 25
PROFILES_S = 40.0  # after which no further profile is begun; the longest takes as long again


def wanted(spec: Spec) -> bool:
    """One row per engine, and one per attention back end; of what is built for minutes only what tells most."""
    usual, sure = spec.attention in (ANY, "sdpa"), spec.engine == SURE[kind_of(spec.device)]
    if family_of(spec.world).gathers and not sure:
        return usual and (spec.engine, spec.precision) == ("eager", PRECISIONS[0])
    return usual or (sure and spec.precision == PRECISIONS[0])


def profile(spec: Spec, most: int = DEAREST) -> list[dict]:
    """The operations that a chunk's time goes to, the dearest first: name, calls, and their own milliseconds."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    folder = Path(tempfile.mkdtemp(prefix="reverie-profile-"))
    try:
        world, _ = on_engine(spec, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    world.reset(None, None, seed=1)
    for chunk in range(family_of(spec.world).window(world) + 1):
        list(world.step(controls(world, chunk == 0)))
    cuda = kind_of(spec.device) == "cuda"
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if cuda else [])
    with profiler(activities=kinds) as seen:
        list(world.step(controls(world)))
    own = "self_device_time_total" if cuda else "self_cpu_time_total"
    dearest = sorted(seen.key_averages(), key=lambda entry: -getattr(entry, own))[:most]
    return [
        {"name": entry.key[:120], "calls": entry.count, "ms": round(getattr(entry, own) / 1e3, 3)} for entry in dearest
    ]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The table's options, with other defaults."""
    parser = build_parser("python -m bench.gpu", __doc__.split("\n")[0])
    parser.add_argument("--dry", action="store_true", help="tiny sizes, to try the script anywhere")
    worlds = [name for name in first_of_each_size() if family_of(name).official]
    parser.set_defaults(worlds=worlds, engines=ENGINES, precisions=PRECISIONS, budget=300.0, grace=45.0, repeats=3)
    options = parser.parse_args(argv)
    options.device = device_of(options.device)
    options.tiny = options.tiny or options.dry
    options.full = not options.tiny
    return options


def main(argv: list[str] | None = None) -> None:
    options = parse(argv)
    facts = measure(options, lambda line: print(line, flush=True), wanted)
    facts["profiles"], end = {}, time.perf_counter() + PROFILES_S
    for world in options.worlds:
        spec = Spec(world, "eager", "bf16", "sdpa", options.device, options.threads, options.full)
        if family_of(world).gathers:
            spec = replace(spec, context=options.context, size=options.size)
        if time.perf_counter() > end:
            facts["profiles"][spec.title] = [{"name": "no time left", "calls": 0, "ms": 0.0}]
            continue
        try:
            facts["profiles"][spec.title] = profile(spec)
        except (RuntimeError, torch.OutOfMemoryError) as error:  # a profile that fails must not cost the rows
            facts["profiles"][spec.title] = [{"name": str(error)[:120], "calls": 0, "ms": 0.0}]
    path = write(facts, options.out)
    print(f"\n{markdown(facts)}\n\n{json.dumps(facts['profiles'], indent=1)}\n\n{path}")


if __name__ == "__main__":
    main()
