"""Whether a world fits into so much memory, and what has to be done for that: told before anything is loaded. Pure.

Sizes go in (a family's sizes.py makes them), and out comes the arrangement that harms speed and picture least:
everything on the device; else encoders, which are only needed where a walk begins, on the CPU; else a VAE that draws in
tiles (model/tiles.py), more and more of them; else decoding in turn with denoising instead of beside it; else caches in
a form that takes less and is slower to read, where there is one; else weights of a lower precision, if the person
allowed one; else blocks that stay in host memory (compile/host_weights.py), as few as will do. Nothing is measured and
nothing is tried here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from runtime.errors import UserError

# What a process takes beside its tensors: CUDA's context and kernels, libraries' workspaces, what an allocator leaves
# unused; Python and torch themselves. Assumed, not measured.
OVERHEAD = {"cuda": 600_000_000, "cpu": 500_000_000}
SLOTS = 2  # blocks' worth of device memory that streamed blocks share


@dataclass(frozen=True)
class Sizes:
    """Bytes of a world's parts.

    blocks: of each of the network's blocks, by precision; beside: its other weights. caches: what stands for a whole
    walk, conditions included; passing: what a pass computes at its peak. decoder: its weights; remembered and drawing:
    what it keeps from frame to frame, and what it computes at its peak, by the number of tiles. encoders: the most that
    any one of them takes, weights and all: one is loaded after the other, and freed before the first pass. compact:
    caches and passing in their other form, None where there is none. seldom: of each layer that only runs when a text
    is told, and is not among the blocks.
    """

    blocks: Mapping[str, Sequence[int]]
    beside: int
    caches: int
    passing: int
    decoder: int
    remembered: Mapping[int, int]
    drawing: Mapping[int, int]
    encoders: int
    compact: tuple[int, int] | None = None
    seldom: Sequence[int] = ()

    @property
    def layers(self) -> int:
        return len(next(iter(self.blocks.values())))


@dataclass(frozen=True)
class Fit:
    """An arrangement, and the bytes that it needs at the worst moment; where nothing fits, the smallest one.

    resident: blocks on the device, the others being streamed; encoders: "device" or "cpu"; compact: whether the caches
    are; in_turn: whether decoding waits for denoising; seldom: "device" or "host", where layers are that seldom run;
    roomy: whether another engine can be tried beside play, in buffers of its own; line: for a person.
    """

    fits: bool
    resident: int
    tiles: int
    precision: str
    encoders: str
    needed: int
    line: str = ""
    compact: bool = False
    in_turn: bool = False
    seldom: str = "device"
    roomy: bool = True


def fit(sizes: Sizes, budget: int, device: str, precisions: Sequence[str]) -> Fit:
    """The least harmful arrangement within `budget` bytes on "cuda" or "cpu".

    The budget is for all that the process takes of the device. precisions: those that are allowed, the one that is
    liked best first; of the others in `sizes` the line says what they would bring, and none is ever chosen.
    """
    chosen = least_harm(sizes, budget, device, precisions)
    first = next(arrangements(sizes, budget, device, precisions))
    line = told(chosen, first, sizes.layers, budget, device)
    if device == "cuda" and (chosen.resident < sizes.layers or not chosen.fits):
        others = [name for name in sizes.blocks if name not in precisions]
        line += brought(chosen, [least_harm(sizes, budget, device, (name,)) for name in others], sizes.layers)
    caches, passing = sizes.compact if chosen.compact else (sizes.caches, sizes.passing)
    return replace(chosen, line=line, roomy=chosen.needed + caches + passing <= budget)


def require(fit: Fit, where: str, remedy: str = "") -> Fit:
    """`fit` where it fits; else raises UserError, which names the smallest budget that would do, and the `remedy`."""
    if not fit.fits:
        what = fit.line.removeprefix("memory: ")
        raise UserError(what, where, f"give it {gigabytes(fit.needed)} GB, or {remedy or 'choose a smaller world'}")
    return fit


def least_harm(sizes: Sizes, budget: int, device: str, precisions: Sequence[str]) -> Fit:
    found = list(arrangements(sizes, budget, device, precisions))
    return next((each for each in found if each.fits), min(found, key=lambda each: each.needed))


def arrangements(sizes: Sizes, budget: int, device: str, precisions: Sequence[str]) -> Iterator[Fit]:
    """All that may be tried, the least harmful first. On a CPU there is one memory, so nothing is moved."""
    apart = device != "cpu"
    places = ("device", "cpu") if apart else ("device",)
    weights = [(precision, sizes.layers, "device") for precision in precisions]
    if apart:
        # With one or two streamed blocks, the slots take as much as they would.
        fewer = [sizes.layers] * bool(sizes.seldom) + [*range(sizes.layers - SLOTS - 1, -1, -1)]
        weights += [(precisions[-1], resident, "host") for resident in fewer]
    forms = (False,) if sizes.compact is None else (False, True)
    turns = (False, True) if device == "cuda" else (False,)  # on a CPU it is in turn anyway
    ways = product(weights, forms, turns, sorted(sizes.drawing), places)
    for (precision, resident, seldom), compact, in_turn, tiles, encoders in ways:
        found = Fit(False, resident, tiles, precision, encoders, 0, "", compact, in_turn, seldom)
        bytes_ = needed(sizes, device, found)
        yield replace(found, fits=bytes_ <= budget, needed=bytes_)


def needed(sizes: Sizes, device: str, arranged: Fit) -> int:
    """Bytes at the worst moment: while chunks are drawn, or at the start of a walk, with the caches there already."""
    caches, passing = sizes.compact if arranged.compact else (sizes.caches, sizes.passing)
    standing = OVERHEAD[device] + sizes.beside + caches + sizes.decoder + sizes.remembered[arranged.tiles]
    standing += of_blocks(sizes.blocks[arranged.precision], arranged.resident)
    standing += of_blocks(sizes.seldom, len(sizes.seldom) if arranged.seldom == "device" else 0)
    working = (passing, sizes.drawing[arranged.tiles])
    # On a GPU, one chunk is decoded while the next is denoised, unless that is forbidden.
    playing = sum(working) if device == "cuda" and not arranged.in_turn else max(working)
    return standing + max(playing, sizes.encoders if arranged.encoders == "device" else 0)


def streamed(layers: int, resident: int) -> tuple[int, ...]:
    """The numbers of the blocks that are streamed, spread evenly: copies hide behind the blocks that stay."""
    count = layers - resident
    return tuple((2 * place + 1) * layers // (2 * count) for place in range(count))


def of_blocks(blocks: Sequence[int], resident: int) -> int:
    """What blocks take of the device: those that stay, and the slots, each as large as the largest of the others."""
    moving = streamed(len(blocks), resident)
    slot = max((blocks[number] for number in moving), default=0)
    return sum(size for number, size in enumerate(blocks) if number not in moving) + min(SLOTS, len(moving)) * slot


def told(chosen: Fit, first: Fit, layers: int, budget: int, device: str) -> str:
    """What is done, for a person; `first` is what would have been liked best."""
    done = []
    if chosen.seldom != first.seldom and chosen.resident == layers:
        done.append("layers that only read prompts stay in host memory")
    if chosen.resident < layers:
        done.append(f"{layers - chosen.resident} of {layers} blocks stay in host memory (slower)")
    if chosen.compact:
        done.append("compact caches (slower)")
    if chosen.in_turn:
        done.append("decoding and denoising in turn (slower)")
    if chosen.precision != first.precision:
        done.append(f"{chosen.precision} weights")
    if chosen.encoders == "cpu":
        done.append("encoders on the CPU (a new picture takes longer)")
    if chosen.tiles > 1:
        done.append(f"VAE in {chosen.tiles} tiles")
    what, limit, takes = ", ".join(done), f"{budget / 1e9:.1f}", gigabytes(chosen.needed)
    if not chosen.fits:
        return f"memory: {limit} GB are too few: {takes} GB are the least that will do" + (f" ({what})" if what else "")
    if what:
        return f"memory: needs {gigabytes(first.needed)} GB of {limit}: {what}; then {takes} GB"
    return f"memory: {takes} of {limit} GB: everything {'in main memory' if device == 'cpu' else 'on the GPU'}"


def brought(chosen: Fit, others: Sequence[Fit], layers: int) -> str:
    """What precisions that were not allowed would bring; nothing where that is nothing."""
    said: dict[str, list[str]] = {}
    for other in others:
        moving = layers - other.resident
        if other.fits and (not chosen.fits or other.resident > chosen.resident):
            gain = f"only {moving} of {layers} blocks stay there" if moving else "every block on the GPU"
        elif other.needed < chosen.needed and not chosen.fits:
            gain = f"{gigabytes(other.needed)} GB would do"
        else:
            continue
        said.setdefault(gain, []).append(other.precision)
    return "".join(f"; with {' or '.join(names)} weights, {gain}" for gain, names in said.items())


def gigabytes(count: int) -> str:
    """Rounded up, so that as much as is named is enough."""
    return f"{math.ceil(count / 1e8) / 10:.1f}"
