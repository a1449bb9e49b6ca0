"""What a GPU's published rates would allow a world: the most frames per second, whatever computes it. Measures nothing.

`python -m bench.ceiling` prints, for worlds with official sizes, what a chunk costs behind a full window (operations
counted by bench/roofline.py), and from that and the rates of `--bf16`, `--fp8` (TFLOP/s without sparsity) and
`--bandwidth` (TB/s), by default an H200's, the frames per second of three ways to compute it: all of it in bf16; the
network's linear layers in 8 bits; its attention in 8 bits as well. The decoder stays in bf16. No kernel reaches such
rates, and beside the work that is counted there is some that is not: norms, rotations, launches.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from bench.families import Spec, family_of, first_of_each_size
from bench.report import number, table
from bench.roofline import survey
from bench.worlds import contracts
from runtime.errors import UserError, first_sentence
from runtime.option_types import positive

WAYS = ("bf16", "8-bit layers", "8-bit attention too")
HEAD = ("world", "a chunk, PFLOP", "attention", "decoder, PFLOP", *(f"{way}: fps" for way in WAYS))


@dataclass(frozen=True)
class Rates:
    """Operations per second in bf16 and in 8 bits, and bytes per second."""

    bf16: float
    fp8: float
    bandwidth: float


@dataclass(frozen=True)
class Cost:
    """Of a chunk: operations of the network's linear layers, of its attention and of the decoder, the least bytes, in
    bf16, and the frames that come of it.
    """

    linear: float
    attention: float
    decoder: float
    moved: float
    frames: int

    @property
    def flops(self) -> float:
        return self.linear + self.attention + self.decoder

    def fps(self, rates: Rates, way: str) -> float:
        """The most frames per second; way: of WAYS."""
        linear = rates.bf16 if way == WAYS[0] else rates.fp8
        attention = rates.fp8 if way == WAYS[2] else rates.bf16
        computing = self.linear / linear + self.attention / attention + self.decoder / rates.bf16
        return self.frames / max(computing, self.moved / rates.bandwidth)


def added(counted: Mapping[str, dict], runs: Mapping[str, int], frames: int) -> Cost:
    """What a chunk costs that runs each graph so often."""
    linear = attention = decoder = moved = 0.0
    for name, times in runs.items():
        graph = counted[name]
        moved += times * graph["bytes"]["bf16"]
        if name == "decode":
            decoder += times * graph["flops"]
        else:
            attention += times * graph["attention"]
            linear += times * (graph["flops"] - graph["attention"])
    return Cost(linear, attention, decoder, moved, frames)


def cost_of(spec: Spec) -> Cost:
    """Raises UserError where a world has no sizes to count."""
    family = family_of(spec.world)
    if family.sketch is None:
        raise UserError(f"{spec.world} is there to be measured", "--worlds", "use python -m bench.table")
    found = contracts(spec, sketch=True)
    runs = family.runs(spec)
    decode = next(contract.graphs["decode"] for contract in found if "decode" in contract.graphs)
    pictures = next(port for port in decode.outputs if port.dtype == "uint8")
    return added(survey(found, family.seen(spec)), runs, runs["decode"] * pictures.shape[0])


def row(title: str, cost: Cost, rates: Rates) -> list[str]:
    share = cost.attention / (cost.attention + cost.linear)
    counts = [number(cost.flops / 1e15), f"{100 * share:.0f} %", number(cost.decoder / 1e15)]
    return [title, *counts, *(number(cost.fps(rates, way)) for way in WAYS)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ceiling", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--worlds", nargs="+", default=[name for name in first_of_each_size() if family_of(name).official])
    add("--context", nargs="+", type=int, default=[None], metavar="N", help="latent frames to look back on")
    add("--size", default="", metavar="WxH", help="of the pictures of worlds that have no size of their own")
    add("--bf16", type=positive, default=989, help="TFLOP/s (default: an H200's)")
    add("--fp8", type=positive, default=1979, help="TFLOP/s, of int8 too")
    add("--bandwidth", type=positive, default=4.8, help="TB/s")
    options = parser.parse_args(argv)
    rates, rows = Rates(options.bf16 * 1e12, options.fp8 * 1e12, options.bandwidth * 1e12), []
    try:
        for world in options.worlds:
            for context in options.context if family_of(world).gathers else [None]:
                size = options.size if family_of(world).gathers else ""
                spec = Spec(world, "eager", "fp32", context=context, size=size)
                rows.append(row(spec.title, cost_of(spec), rates))
    except UserError as error:
        raise SystemExit(f"ceiling: {first_sentence(error)}") from error
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
