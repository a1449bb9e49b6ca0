"""What a graph must cost: operations and bytes, and the time that this machine's rates alone would allow for them.

Counted, on the meta device, so at any size without memory: two operations per multiply-and-add of every matrix product,
convolution and attention (torch.utils.flop_counter); nothing for what is done element by element. Bytes are the least:
the weights that the graph touches, inputs and outputs once; a state twice (read and written); a cache once as a whole
(its past is read, the chunk's own slots are written). Everything in floats counts at the width of the precision. An
engine that keeps weights on the chip between two runs can beat the bytes.

`python -m bench.roofline` prints this machine's rates: the best of torch's own matrix products (NumPy's, where torch is
absent), and of a copy too large for any cache. Kernels better than those can be faster than the roofline.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from model.graph import FLOAT, STATE, Graph, Seen

WIDTHS = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1}  # bytes of a number
COPY_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
SIDES = {"cpu": 1536, "cuda": 8192}  # of the matrices whose product is measured


@dataclass(frozen=True)
class Count:
    """One run of a graph. flops: operations; weights, floats: numbers at the width of the precision, see `bytes`;
    others: bytes of ports that have a type of their own; attention: those of the operations that are attention's.
    """

    flops: int
    weights: int
    floats: int
    others: int
    attention: int = field(default=0, compare=False)

    def bytes(self, precision: str) -> int:
        """The least that moves between memory and processor."""
        return (self.weights + self.floats) * WIDTHS[precision] + self.others


def ideal_ms(flops: float, moved: float, rate: float, bandwidth: float) -> float:
    """The longer of computing and moving, in milliseconds. rate: operations per second; bandwidth: bytes per second."""
    return 1e3 * max(flops / rate, moved / bandwidth)


def fraction(ideal: float, measured: float) -> float:
    """How much of what the machine allows was reached; both in one unit."""
    return ideal / measured if measured > 0 else 0.0


def port_numbers(graph: Graph) -> tuple[int, int]:
    """(numbers of FLOAT ports, bytes of others) that one run must move."""
    floats = others = 0
    for port in (*graph.inputs, *graph.outputs):
        times = 2 if port.role == STATE else 1
        numbers = times * int(np.prod(port.shape, dtype=np.int64))
        if port.dtype == FLOAT:
            floats += numbers
        else:
            others += numbers * np.dtype(port.dtype).itemsize
    return floats, others


def count(module, graph: Graph, seen: Seen | None = None) -> Count:
    """Count one run of a torch module over full caches, or what `seen` says is filled of them.

    The module is left as it is, a twin on the meta device runs.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    twin = without_weights(module).to(torch.float32)
    inputs = []
    for port in graph.inputs:
        kind = torch.float32 if port.dtype == FLOAT else getattr(torch, port.dtype)
        inputs.append(torch.empty(port.shape, dtype=kind, device="meta"))
    touched = touches(twin)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, touched:
        twin(*inputs, seen=seen)
    kinds = counter.get_flop_counts().get("Global", {})
    # On the meta device attention is two products of batches, which nothing else here comes near to.
    attention = sum(flops for kind, flops in kinds.items() if kind in (torch.ops.aten.bmm, torch.ops.aten.baddbmm))
    return Count(counter.get_total_flops(), touched.numbers, *port_numbers(graph), attention)


def without_weights(module):
    """A copy of a module on the meta device; its weights are never copied."""
    import copy

    import torch

    held = {}
    for tensor in (*module.parameters(), *module.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        held[id(tensor)] = torch.nn.Parameter(empty, False) if isinstance(tensor, torch.nn.Parameter) else empty
    return copy.deepcopy(module, held)


def touches(module):
    """A mode that adds up, in `numbers`, the weights of `module` that the operations within it were given."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Touches(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.numbers = 0
            self._left = {id(tensor): tensor.numel() for tensor in (*module.parameters(), *module.buffers())}

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            for leaf in tree_leaves((args, kwargs or {})):
                self.numbers += self._left.pop(id(leaf), 0)
            return function(*args, **(kwargs or {}))

    return Touches()


def best_rate(work: Callable[[], object], amount: float, wait: Callable[[], object], seconds: float) -> float:
    """The best of `amount` per second over as many runs of `work` as fit, after one to warm up."""
    work()
    wait()
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        started = time.perf_counter()
        work()
        wait()
        best = max(best, amount / (time.perf_counter() - started))
    return best


def machine(device: str = "cpu", threads: int = 1, seconds: float = 0.35) -> dict[str, object]:
    """What this machine gives: operations per second by precision, bytes per second of a copy (read and written).

    A precision that torch has no matrix product for here is absent from `rates`. seconds: spent on each.
    """
    if importlib.util.find_spec("torch") is None:
        side = SIDES["cpu"]
        a, b = (np.random.default_rng(i).random((side, side), np.float32) for i in range(2))
        source = np.zeros(COPY_BYTES["cpu"], np.uint8)
        target = np.zeros_like(source)
        rates = {"fp32": best_rate(lambda: a @ b, 2 * side**3, lambda: None, seconds)}
        bandwidth = best_rate(lambda: np.copyto(target, source), 2 * source.nbytes, lambda: None, seconds)
        return {"by": "NumPy", "threads": threads, "rates": rates, "bandwidth": bandwidth}
    import torch

    kind = torch.device(device).type
    wait = torch.cuda.synchronize if kind == "cuda" else lambda: None
    rates: dict[str, float] = {}
    missing: dict[str, str] = {}
    # One thread counts too: where others are at work, threads that wait for each other get less than one alone.
    for used in sorted({1, threads} if kind == "cpu" else {threads}):
        torch.set_num_threads(used)
        for side in (SIDES[kind] // 4, SIDES[kind]):
            for precision, product in products(torch.device(device), side).items():
                if precision in missing or 2 * side**3 > rates.get(precision, np.inf) * seconds:
                    continue  # what is not done in hardware would take for ever
                try:
                    rate = best_rate(product, 2 * side**3, wait, seconds / 4)
                    rates[precision] = max(rate, rates.get(precision, 0.0))
                except (RuntimeError, ValueError) as error:
                    # Each product says in its own way what this machine lacks; the table prints it.
                    missing[precision] = str(error).strip().splitlines()[0][:160]
    source = torch.zeros(COPY_BYTES[kind], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    bandwidth = best_rate(lambda: target.copy_(source), 2 * source.nbytes, wait, seconds)
    by = f"torch {torch.__version__}"
    return {"by": by, "threads": threads, "rates": rates, "missing": missing, "bandwidth": bandwidth}


def products(device, side: int) -> Mapping[str, Callable[[], object]]:
    """A matrix product of two squares in every precision that torch may have one for."""
    import torch

    a = torch.randn(side, side, device=device)
    halves = {name: (a.to(kind), a.t().contiguous().to(kind)) for name, kind in
              (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16))}  # fmt: skip
    whole = (a * 30).clamp(-127, 127).to(torch.int8)
    made: dict[str, Callable[[], object]] = {name: (lambda x=x, y=y: torch.mm(x, y)) for name, (x, y) in halves.items()}
    made["int8"] = lambda: torch._int_mm(whole, whole.t())
    small, one = a.to(torch.float8_e4m3fn), torch.ones((), device=device)
    made["fp8"] = lambda: torch._scaled_mm(small, small.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    return made


def survey(contracts, seen: Mapping[str, Seen] = MappingProxyType({})) -> dict[str, dict]:
    """Of every graph of the contracts: operations, those of attention among them, and bytes by precision.

    seen: of graphs that are to be counted over less than there is room for.
    """
    found = {}
    for contract in contracts:
        modules = contract.modules()
        for name, graph in contract.graphs.items():
            counted = count(modules[name], graph, seen.get(name))
            widths = {width: counted.bytes(width) for width in WIDTHS}
            found[name] = {"flops": counted.flops, "attention": counted.attention, "bytes": widths}
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.roofline", description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    print(json.dumps(machine(options.device, options.threads), indent=1))


if __name__ == "__main__":
    main()
