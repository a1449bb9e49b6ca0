"""Options: the command line, as a frozen value that was checked as far as it can be without loading a world.

A mistake is a UserError, so that it comes out as one line like any other; argparse's own way of leaving is not taken.
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from compile.plan import ENGINES, PRECISIONS
from runtime.errors import UserError

SIZES = range(64, 16385)
SEEDS = 2**31
HIGHEST_FPS = 1000
ENGINES_LIST, ENGINES_CLEAR = "list", "clear"
ATTENTION = ("auto", "sdpa", "sdpa-flash", "sdpa-cudnn", "sdpa-efficient", "varlen", "flex", "flash", "sage")
DECODERS = ("full", "tiny")


@dataclass(frozen=True)
class Options:
    """What a person asked for; None where they left it to us. `size` in pixels, `fps` in frames per second.

    `weights` is the folder of a world's official files, `fetch` the world to download them of; `offline` forbids the
    network. `engine` and `precision` say what computes (see compile/plan.py), `engine_cache` what to do with engines
    that were built before. `attention`, `decoder`, `device`, `decode_device` and `vram` (GB) are for the worlds that
    load such files (see model/world.py).
    """

    world: str | None
    image: Path | None
    seed: int
    fps: float | None
    size: tuple[int, int] | None
    record: Path | None
    replay: Path | None
    headless: bool
    seconds: float | None
    frames: int | None
    script: Path | None
    report: Path | None
    list_worlds: bool
    weights: Path | None
    fetch: str | None
    offline: bool
    engine: str
    precision: str
    engine_cache: str | None
    engine_dir: Path | None
    attention: str
    decoder: str
    device: str
    decode_device: str
    vram: float | None


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, "command line", "see --help")


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def rate(text: str) -> float:
    """Frames per second."""
    value = positive(text)
    if value > HIGHEST_FPS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {HIGHEST_FPS}")
    return value


def count(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {SEEDS - 1}")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in pixels."""
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    pair = (int(match[1]), int(match[2])) if match else (0, 0)
    if pair[0] not in SIZES or pair[1] not in SIZES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not WIDTHxHEIGHT with sides from {SIZES[0]} to {SIZES[-1]} pixels"
        )
    return pair


def device(text: str) -> str:
    """The form of a torch device; whether there is one, the world says."""
    if not re.fullmatch(r"[a-z]+(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a torch device such as cpu, cuda or cuda:1")
    return text


def build_parser() -> Parser:
    """The command line as documented in README.md."""
    parser = Parser("play.py", description="Walk through a dreamt world.", allow_abbrev=False)
    add = parser.add_argument
    add("--world", metavar="NAME|DIR", help="the world to dream (see --list-worlds), or a directory that holds one")
    add("--image", type=Path, metavar="FILE", help="PNG or JPEG to start from")
    add("--seed", type=seed, default=0, metavar="N", help="seed of the dream (default 0)")
    add("--fps", type=rate, metavar="N", help="present N frames per second (default: the world's own rate)")
    add("--size", type=size, metavar="WxH", help="size of the window in pixels")
    add("--record", type=Path, metavar="FILE.mp4", help="record the walk, with FILE.session.jsonl beside it")
    add("--replay", type=Path, metavar="FILE", help="dream a .session.jsonl again and compare every frame")
    add("--headless", action="store_true", help="no window; same pace, but a replay runs as fast as it can")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--seconds", type=positive, metavar="S", help="end after S seconds of play")
    end.add_argument("--frames", type=count, metavar="N", help="end after N frames")
    add("--script", type=Path, metavar="FILE", help="YAML file of key and mouse events to play")
    add("--report", type=Path, metavar="FILE.json", help="write what was measured")
    add("--list-worlds", action="store_true", help="name the worlds there are and leave")
    add_engines(parser)
    add_weights(parser)
    return parser


def add_engines(parser: Parser) -> None:
    """The options of what computes."""
    add = parser.add_argument_group("engines").add_argument
    add("--engine", choices=("auto", *ENGINES), default="auto", help="what computes the dream (default auto: the best)")
    add("--precision", choices=("auto", *PRECISIONS), default="auto", help="in what it is computed (default auto)")
    add("--engine-dir", type=Path, metavar="DIR", help="engines made ahead of time by python -m compile build")
    whats = (ENGINES_LIST, ENGINES_CLEAR)
    add("--engine-cache", choices=whats, help="list the engines that were built, or remove them, and leave")


def add_weights(parser: Parser) -> None:
    """The options of worlds whose official weights are downloaded."""
    add = parser.add_argument_group("worlds with official weights").add_argument
    add("--fetch", metavar="WORLD", help="download that world's weights, or with --offline check them, and leave")
    add("--weights", type=Path, metavar="DIR", help="folder of the weights (default: ~/.reverie/weights/WORLD)")
    add("--offline", action="store_true", help="never touch the network")
    add("--attention", choices=ATTENTION, default="auto", help="what computes attention (default auto)")
    add("--decoder", choices=DECODERS, default="full", help="what decodes pictures (default full)")
    add("--device", type=device, default="auto", metavar="NAME", help="torch device such as cuda:1 (default auto)")
    add("--decode-device", type=device, default="auto", metavar="NAME", help="the decoder's, if it is another one")
    add("--vram", type=positive, metavar="GB", help="memory of the device that may be used (default: what is free)")


def require_writable(path: Path, what: str) -> None:
    """Raise UserError unless `path` can be written; leaves a file that is there as it is, and creates none."""
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise UserError(f"cannot write {what}", f"{path}: {error.strerror or error}", "choose another path") from error


def require_weights(options: Options) -> None:
    """Raise UserError unless --weights is a folder, or one that --fetch can make."""
    folder = options.weights
    if folder and not folder.is_dir() and (folder.exists() or options.fetch is None):
        remedy = "name the folder that holds the weights; --fetch WORLD downloads them"
        raise UserError("not a folder" if folder.exists() else "no such folder", f"--weights {folder}", remedy)


def parse_options(argv: list[str] | None = None) -> Options:
    """Read and check a command line (None: this process's own). Raises UserError for what cannot work."""
    options = Options(**vars(build_parser().parse_args(argv)))
    if options.replay and options.script:
        raise UserError("--replay and --script exclude each other", "command line", "a session brings its own controls")
    require_weights(options)
    if options.engine_dir and not options.engine_dir.is_dir():
        remedy = "make one: python -m compile build WORLD --out DIR"
        raise UserError("no such folder", f"--engine-dir {options.engine_dir}", remedy)
    if options.record:
        if options.record.suffix.lower() != ".mp4":
            raise UserError("recordings are mp4 files", f"--record {options.record}", "end its name in .mp4")
        require_writable(options.record, "the recording")
        if not options.replay:
            require_writable(options.record.with_suffix(".session.jsonl"), "the session log")
    if options.report:
        require_writable(options.report, "the report")
    return options
