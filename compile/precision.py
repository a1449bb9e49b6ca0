"""Fewer bits for linear layers, by measurement: which ones take it is read off their errors in a roll-out, not guessed.

`measure` plays a roll-out and compares every linear layer with its quantised form on what it was really given; `apply`
replaces those that stay below the threshold; `obtain` does it once and from then on reads the result
(compile/precision_store.py). Whether the whole is then good enough is not decided here. Knows no family:
it takes the modules of any contract, and what is no `nn.Linear` stays as it is. Torch only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn as nn

from compile import fp8
from compile.fp8 import Fp8Linear
from compile.int8_weights import Int8Linear
from compile.plan import Place
from compile.precision_report import Layer, Report
from model.graph import Unavailable
from runtime.errors import first_sentence

PRECISIONS = ("fp8", "int8")
# The largest |y_q - y| / |y| of a layer that is quantised. Rounding both factors to e4m3's three bits costs 0.037 where
# nothing is wrong, whatever the layer's size (each factor's error is uniform: 0.026); a layer above 0.05 has more than
# that: outliers that take the range from the rest, or outputs in which large terms cancel. Int8 weights cost the
# largest of a row over 127 * sqrt(12): 0.008 for normal ones 1500 wide; 0.02 is reached where one weight is eight
# times the usual largest.
THRESHOLD = {"fp8": 0.05, "int8": 0.02}
# Rows that are kept of a call, and calls of a layer, evenly over the roll-out: 144 rows at most.
ROWS, CALLS = 16, 8


def probe_precision(precision: str, place: Place) -> None:
    """Raise Unavailable, with the reason, unless torch computes quantised linear layers at `place`."""
    if precision not in PRECISIONS:
        raise Unavailable(f"there are no linear layers in {precision}")
    if precision == "int8":
        return
    if place.kind == "cuda" and torch.cuda.get_device_capability(place.device) < (8, 9):
        raise Unavailable("fp8 needs an NVIDIA GPU of compute capability 8.9 or newer")
    side = fp8.MULTIPLE
    try:
        trial = nn.Linear(side, side, device=place.device, dtype=torch.bfloat16)
        Fp8Linear.of(trial)(torch.ones(side, side, device=place.device, dtype=torch.bfloat16))
    except (RuntimeError, AttributeError, ValueError) as error:
        # Builds of torch differ in which of these kernels they have, and say so only when called.
        raise Unavailable(f"fp8 does not run here: {first_sentence(error)}") from error


# A layer's name to every place where it hangs: its parent and its name there. It holds no layer, so that whoever
# replaces one frees it.
Places = dict[str, list[tuple[nn.Module, str]]]


def places(modules: Mapping[str, nn.Module], kind: type = nn.Linear) -> Places:
    """Where the layers of `kind` are, of subclasses not: those are called in other ways. A layer that several graphs
    share is one, under the first name that it is met by.
    """
    found: Places = {}
    names: dict[int, str] = {}
    for prefix, parent in nn.ModuleDict(modules).named_modules():
        for own, child in parent.named_children():
            if type(child) is kind:
                name = names.setdefault(id(child), f"{prefix}.{own}" if prefix else own)
                found.setdefault(name, []).append((parent, own))
    return found


def replace(where: list[tuple[nn.Module, str]], layer: nn.Module) -> None:
    for parent, own in where:
        setattr(parent, own, layer)


def at(where: list[tuple[nn.Module, str]]) -> nn.Module:
    parent, own = where[0]
    return getattr(parent, own)


class Sample:
    """What one layer was given in a roll-out: some rows of some calls, and how far all of them reached."""

    def __init__(self) -> None:
        self.calls, self.every, self.kept, self.largest = 0, 1, [], None

    @torch.no_grad()
    def __call__(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        rows = inputs[0].detach().reshape(-1, inputs[0].shape[-1])
        if not len(rows):  # of a text that has none of these tokens
            return
        largest = rows.abs().amax()
        self.largest = largest if self.largest is None else torch.maximum(self.largest, largest)
        if self.calls % self.every == 0:
            self.kept.append(rows[:: max(1, len(rows) // ROWS)][:ROWS].clone())
            if len(self.kept) > CALLS:
                self.kept, self.every = self.kept[::2], 2 * self.every
        self.calls += 1


def record(modules: Mapping[str, nn.Module], roll_out: Callable[[], object]) -> dict[str, Sample]:
    """Run `roll_out`, which must run these very modules eagerly, and note what every linear layer is given."""
    samples, hooks = {}, []
    for name, where in places(modules).items():
        samples[name] = Sample()
        hooks.append(at(where).register_forward_pre_hook(samples[name]))
    try:
        roll_out()
    finally:
        for hook in hooks:
            hook.remove()
    return samples


def measure(
    modules: Mapping[str, nn.Module],
    precision: str,
    roll_out: Callable[[], object],
    activations: str = "token",
    threshold: float | None = None,
) -> Report:
    """Every linear layer's error in `precision` on what `roll_out` gives it; changes nothing.

    activations: of fp8, scaled per "token" as they come, or per "tensor" by the reach seen in the roll-out.
    threshold: the largest error of a layer that may be quantised, THRESHOLD's where None.
    """
    limit = THRESHOLD[precision] if threshold is None else threshold
    activations = activations if precision == "fp8" else ""
    hung = places(modules)
    layers = []
    for name, sample in record(modules, roll_out).items():
        layers.append(judged(name, at(hung[name]), sample, precision, activations, limit))
        sample.kept.clear()
    return Report(precision, activations, limit, tuple(layers))


@torch.no_grad()
def judged(name: str, linear: nn.Linear, sample: Sample, precision: str, activations: str, limit: float) -> Layer:
    if precision == "fp8" and not fp8.fits(linear):
        return Layer(name, None, f"sizes are no multiples of {fp8.MULTIPLE}", 0)
    if not sample.kept:
        return Layer(name, None, "not run", 0)
    reach = sample.largest.item()
    small = made(linear, precision, reach if activations == "tensor" else None)
    rows = torch.cat(sample.kept)
    exact = linear(rows).float()
    error = ((small(rows).float() - exact).norm() / exact.norm()).item()
    saved = linear.weight.nbytes - small.weight.nbytes - small.scale.nbytes
    if not math.isfinite(error):
        return Layer(name, None, "error is no number", saved)
    return Layer(name, error, "" if error <= limit else f"error above {limit}", saved, reach)


def made(linear: nn.Linear, precision: str, reach: float | None) -> nn.Module:
    """The quantised form; reach: see Fp8Linear.of."""
    return Fp8Linear.of(linear, reach) if precision == "fp8" else Int8Linear.of(linear)


def apply(modules: Mapping[str, nn.Module], report: Report) -> None:
    """Replace the layers that `report` chose, one by one, so that but one is ever there in both forms.

    In place: give it a twin (compile.engines.compiled) where others go on with the modules as they are.
    """
    hung = places(modules)
    for layer in report.chosen:
        reach = layer.reach if report.activations == "tensor" else None
        replace(hung[layer.name], made(at(hung[layer.name]), report.precision, reach))


def obtain(
    modules: Mapping[str, nn.Module],
    precision: str,
    folder: Path,
    roll_out: Callable[[], object],
    activations: str = "token",
) -> Report:
    """The modules in `precision`, in place: from `folder` where they lie there, else measured, made and put there.

    roll_out: see `record`; it is played only where nothing is stored. Raises UserError for files that are damaged or
    of other modules.
    """
    from compile import precision_store

    if precision_store.stored(folder):
        return precision_store.load(modules, folder)
    report = measure(modules, precision, roll_out, activations)
    apply(modules, report)
    precision_store.save(modules, report, folder)
    return report
