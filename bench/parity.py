"""Our code against fixtures recorded from official code: python bench/parity.py FAMILY KIND FILE.safetensors

The JSON of the same name beside the file says what was recorded, and may be given instead: where it is alone, all that
was recorded is in it. Prints the largest error of every recorded output and PASS or FAIL; the exit code is 0 where all
of them are within the tolerance, 1 where not, 2 for bad input. What a family and a kind are run through is
bench/fixtures/<family>.py: a function from the fixture to our outputs by name; or to those and what was recorded, both
by name, where recordings are not the fixture's tensors `out.*`. Where rounding adds up, a family's TOLERANCES say so by
kind.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runtime.errors import UserError  # noqa: E402

FIXTURES = Path(__file__).resolve().parent / "fixtures"
TOLERANCE = 2e-5
# Larger values round by more, so an output's tolerance grows with its largest one. In float32 two codes that are both
# right differ by 3e-5 where a VAE's stages reach 30.
LARGE = 5.0


class Named(dict):
    """What a fixture has, by name. What it lacks, and was asked for, is a UserError that names it."""

    def __init__(self, what: str, path: Path, *known: dict) -> None:
        super().__init__(*known)
        self.what, self.path = what, path

    def __missing__(self, name: str) -> None:
        raise UserError(f"the fixture has no {self.what}{name}", str(self.path), "record it as well")


@dataclass
class Fixture:
    """A recording: tensors by name without their prefix (`w.`, `in.`, `out.`), on `device`, and the JSON beside it.

    `others` are tensors with another prefix, by their whole name.
    """

    notes: dict
    weights: dict
    inputs: dict
    outputs: dict
    device: str = "cpu"
    dtype: object = None
    others: dict = field(default_factory=dict)


def load_fixture(path: Path, device: str, dtype: object) -> Fixture:
    import torch
    from safetensors.torch import load_file

    notes_path = path.with_suffix(".json")
    file = path.with_suffix(".safetensors") if path == notes_path else path
    try:
        notes = json.loads(notes_path.read_text(encoding="utf-8"))
        tensors = load_file(str(file)) if path == file or file.exists() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the fixture: {error}", str(path), "give a .safetensors with its .json") from error
    except Exception as error:  # safetensors has its own exception for a broken file
        raise UserError(f"cannot read the fixture: {error}", str(path), "give a whole .safetensors file") from error
    parts = {kind: Named(f"{kind}.", path) for kind in ("w", "in", "out")}
    others = Named("", path)
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        part, key = (parts[kind], rest) if kind in parts else (others, name)
        part[key] = tensor.to("cpu" if kind == "out" else device)
    notes = Named("", notes_path, notes)
    return Fixture(notes, parts["w"], parts["in"], parts["out"], device, dtype or torch.float32, others)


def module(
    cls: type,
    config: object,
    fixture: Fixture,
    keep=lambda name: True,
    unused: tuple[str, ...] = (),
    layout: object = None,
):
    """A network with those of the fixture's weights that `keep` takes and `unused` does not name, loaded strictly.

    layout: how official names become ours, where they differ (model.checkpoint.Layout).
    """
    from model.checkpoint import fill, on_meta
    from model.layout import Layout

    names = layout or Layout()
    used = {names.name(name): value for name, value in fixture.weights.items() if keep(name)}
    used = {name: value for name, value in used.items() if not any(fnmatchcase(name, p) for p in unused)}
    return fill(on_meta(cls, config), used, "the fixture's weights", fixture.device, fixture.dtype)


def largest_error(ours, recorded) -> float:
    """The largest absolute difference; infinite where the shapes differ or a number is not finite."""
    if tuple(ours.shape) != tuple(recorded.shape) or not bool(ours.isfinite().all()):
        return float("inf")
    return float((ours.double().cpu() - recorded.double()).abs().max()) if ours.numel() else 0.0


def allowed(recorded, tolerance: float) -> float:
    """The largest error that passes: none of whole numbers, in proportion to the largest value where it is LARGE."""
    if not recorded.is_floating_point():
        return 0.0
    return tolerance * max(1.0, float(recorded.abs().max()) / LARGE if recorded.numel() else 0.0)


def compare(produced: dict, recorded: dict, tolerance: float) -> bool:
    """Print a line per recorded output; whether all are there and within what is allowed."""
    width, passed = max(map(len, recorded), default=0), True
    worst = (0.0, "")
    for name, tensor in sorted(recorded.items()):
        if name not in produced:
            print(f"{name:{width}}  not produced")
            passed = False
            continue
        error = largest_error(produced[name], tensor)
        worst = max(worst, (error, name))
        within = error <= allowed(tensor, tolerance)
        passed &= within
        print(f"{name:{width}}  {error:.2e}{'' if within else '  above the tolerance'}")
    passed &= bool(recorded)
    verdict = "PASS" if passed else "FAIL"
    largest = f"largest error {worst[0]:.2e} ({worst[1]})"
    print(f"{verdict}: {len(recorded)} outputs, {largest}, tolerance {tolerance:g} (for values up to {LARGE:g})")
    return passed


def runner(family: str, kind: str) -> tuple:
    """The function that runs our code on a fixture of this kind, and how far from what was recorded it may be."""
    families = sorted(path.stem for path in FIXTURES.glob("*.py") if path.stem != "__init__")
    if family not in families:
        raise UserError(f"unknown family {family!r}", "command line", f"known families are {', '.join(families)}")
    found = importlib.import_module(f"bench.fixtures.{family}")
    kinds = found.KINDS
    if kind not in kinds:
        raise UserError(f"unknown kind {kind!r} of {family}", "command line", f"known kinds are {', '.join(kinds)}")
    return kinds[kind], getattr(found, "TOLERANCES", {}).get(kind, TOLERANCE)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/parity.py", description=__doc__.split("\n")[0])
    parser.add_argument("family", type=lambda text: text.replace("-", "_"))
    parser.add_argument("kind")
    parser.add_argument("file", type=Path)
    said = f"largest absolute error (default {TOLERANCE:g}, or the kind's), and more where values are above {LARGE:g}"
    parser.add_argument("--tolerance", type=float, help=said)
    parser.add_argument("--device", default="cpu", help="where our code runs: cpu, cuda")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    try:
        run, tolerance = runner(options.family, options.kind)
        import torch

        # Strict: TF32 would round inputs to 10 bits.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        fixture = load_fixture(options.file, options.device, getattr(torch, options.dtype))
        with torch.inference_mode():
            result = run(fixture)
        produced, recorded = result if isinstance(result, tuple) else (result, fixture.outputs)
    except UserError as error:
        print(f"parity: {error}", file=sys.stderr)
        return 2
    return 0 if compare(produced, recorded, tolerance if options.tolerance is None else options.tolerance) else 1


if __name__ == "__main__":
    sys.exit(main())
