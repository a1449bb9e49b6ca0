"""Builds a world's engines ahead of time, anywhere: no GPU is needed for portable ones.

python -m compile build WORLD --out DIR [--precision fp16] [--turing] [--weights DIR] [--decoder tiny]

DIR gets a folder per contract (model/graph.py) with an engine per graph, and engine.json: what was built of what, with
the SHA-256 of every file. For people it is a line per graph; a mistake is one line and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from compile.plan import Job, Place
from compile.store import FACTS, digest_of
from compile.trt_files import Made, build_files, engine_path, version_of
from model import registry
from model.fetch import in_words
from model.graph import Contract, Unavailable
from model.world import LoadOptions
from model.worldfile import read_world_file
from runtime.errors import UserError
from runtime.options import DECODERS, Parser
from runtime.terminal import complain, say

LIBRARY = "tensorrt_rtx"  # the one that builds without a GPU
BUILDERS = ("trt",)
PRECISIONS = ("fp16", "bf16", "fp32")  # fp8 is measured on a walk, and so not made ahead of one
SAY_EVERY_S = 5.0

Say = Callable[[str], None]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line; raises UserError for what cannot be built anywhere."""
    parser = Parser(prog="python -m compile", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    build = commands.add_parser("build", help="build the engines of a world")
    build.add_argument("world", metavar="WORLD", help="a bundled world, or a folder with a world.yaml")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the engines go")
    build.add_argument("--engine", choices=BUILDERS, default="trt", help="what builds (%(default)s)")
    build.add_argument("--precision", choices=PRECISIONS, help="what it computes in (bf16; for Turing fp16)")
    build.add_argument("--turing", action="store_true", help="for GPUs of compute capability 7.5, and no others")
    build.add_argument("--weights", type=Path, metavar="DIR", help="the folder of the world's official files")
    build.add_argument("--decoder", choices=DECODERS, default="full", help="which decoder (%(default)s)")
    options = parser.parse_args(argv)
    options.precision = options.precision or ("fp16" if options.turing else "bf16")
    if options.turing and options.precision != "fp16":
        raise UserError(f"Turing GPUs do not run engines of {options.precision}", "--turing", "use --precision fp16")
    return options


def contracts_of(options: argparse.Namespace) -> list[Contract]:
    """The contracts of the world that was named, its files checked."""
    folder = registry.find_world(options.world)
    described = read_world_file(folder)
    how = LoadOptions(options.weights, decoder=options.decoder, device="cpu", precision=options.precision)
    return registry.family_of(described, folder).contracts_of(folder, described, how)


def require_builder() -> str:
    """The version of what builds; raises UserError where it is not installed."""
    try:
        __import__(LIBRARY)
    except (ImportError, OSError) as error:
        raise UserError(f"nothing that builds engines is installed: {error}", "", "pip install tensorrt-rtx") from error
    return version_of(LIBRARY)


def require_folder(out: Path) -> None:
    """Make `out`; raises UserError where nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".part"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write there: {error.strerror}", f"--out {out}", "choose another folder") from error


def built(contract: Contract, folder: Path, options: argparse.Namespace, tell: Say) -> Made:
    """Build one contract's engines in `folder`; raises UserError where that cannot be done."""
    told = 0.0

    def progress(done: int, total: int, what: str) -> None:
        nonlocal told
        if time.monotonic() - told > SAY_EVERY_S:
            told = time.monotonic()
            tell(f"{contract.world}: {what} ({done} of {total} graphs done)")

    target = "SM75" if options.turing else ""
    folder.mkdir(exist_ok=True)
    job = Job(contract, "trt", options.precision, Place("cuda"), folder, shared={"modules": cache(contract.modules)})
    try:
        return build_files(job, LIBRARY, target, progress)
    except Unavailable as reason:
        raise UserError(f"no engine was built: {reason}", contract.world, "try another --precision") from reason


def build(options: argparse.Namespace, tell: Say = say) -> None:
    """Build all engines of a world, and write engine.json."""
    version = require_builder()
    require_folder(options.out)
    contracts, graphs, files = contracts_of(options), {}, {}
    for contract in contracts:
        folder = options.out / contract.world
        made = built(contract, folder, options, tell)
        for name, figures in made.built.items():
            path = engine_path(folder, name)
            files[str(path.relative_to(options.out))] = digest_of(path)
            tell(f"{contract.world}: {name}: {in_words(path.stat().st_size)} in {figures['seconds']:.1f} s")
        for name, reason in made.refused.items():
            tell(f"{contract.world}: {name} is left to torch: {reason}")
        graphs[contract.world] = {"built": list(made.built), "refused": made.refused}
    facts = {
        "world": contracts[0].world,
        "weights": contracts[0].identity,
        "engine": options.engine,
        "precision": options.precision,
        "builder": LIBRARY,
        "version": version,
        "gpus": "compute capability 7.5" if options.turing else "compute capability 8.0 and newer",
        "graphs": graphs,
        "files": files,
    }
    (options.out / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    tell(f"engines of {contracts[0].world} are in {options.out}")


def main(argv: list[str] | None = None) -> int:
    try:
        build(parse(argv))
    except UserError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
