"""Options: the command line, as a frozen value that was checked as far as it can be without loading a world.

A mistake is a UserError, so that it comes out as one line like any other; argparse's own way of leaving is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# These raise for no path, not even for one that is longer than the system allows.
from pathlib import Path

from compile.plan import ENGINES, PRECISIONS
from runtime.option_checks import check, unused
from runtime.option_types import Parser, count, device, positive, rate, seed, size
from runtime.settings import HUDS, LANGUAGES, LATENCIES

ENGINES_LIST, ENGINES_CLEAR = "list", "clear"
ATTENTION = ("auto", "sdpa", "sdpa-flash", "sdpa-cudnn", "sdpa-efficient", "varlen", "flex", "flash", "sage")
DECODERS = ("full", "tiny")


@dataclass(frozen=True)
class Options:
    """What a person asked for; None where they left it to us. `size` in pixels, `fps` in frames per second.

    `resume` is the session to go on with (--continue), `slot` the name of a saved world to go on from, `export` the
    video to make without a window. `latency`, `lang`, `hud` and `fullscreen` are laid over the settings.

    `weights` is the folder of a world's official files, `fetch` the world to download them of, `accept_licence` names
    the licences that are accepted for that (None: none); `offline` forbids the network. `engine` and `precision` say
    what computes (see compile/plan.py), `engine_cache` what to do with engines that were built before. `attention`,
    `decoder`, `device`, `decode_device`, `vram` (GB) and `context` are for the worlds that load such files (see
    model/world.py).
    """

    world: str | None
    image: Path | None
    seed: int | None
    fps: float | None
    size: tuple[int, int] | None
    record: Path | None
    replay: Path | None
    resume: Path | None
    slot: str | None
    export: Path | None
    kiosk: Path | None
    headless: bool
    seconds: float | None
    frames: int | None
    script: Path | None
    report: Path | None
    fullscreen: bool
    latency: str | None
    hud: str | None
    lang: str | None
    list_worlds: bool
    weights: Path | None
    fetch: str | None
    accept_licence: list[str] | None
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
    context: int | None

    @property
    def says_what(self) -> bool:
        """Whether the command line says what is to be played, so that nobody has to be asked."""
        said = (self.world, self.image, self.seed, self.fps, self.record, self.replay, self.resume, self.slot)
        said += (self.export, self.kiosk, self.seconds, self.frames, self.script, self.report)
        return self.headless or any(value is not None for value in said)

    def later(self) -> Options:
        """For a walk after the first: what was said of that one alone holds no more, no recording is overwritten."""
        record = self.record and unused(self.record)
        return replace(self, image=None, script=None, record=record, seconds=None, frames=None)

    @property
    def overrides(self) -> dict[str, object]:
        """The fields of runtime.settings.Settings that hold for this run."""
        fullscreen = self.fullscreen or self.kiosk is not None or None
        said = {"latency": self.latency, "hud": self.hud, "language": self.lang, "fullscreen": fullscreen}
        said |= {name: value for name in ("engine", "precision") if (value := getattr(self, name)) != "auto"}
        return {name: value for name, value in said.items() if value is not None}


def build_parser() -> Parser:
    """The command line as documented in README.md."""
    parser = Parser("play.py", description="Walk through a dreamt world.", allow_abbrev=False)
    add = parser.add_argument
    add("--world", metavar="NAME|DIR", help="the world to dream (see --list-worlds), or a directory that holds one")
    add("--image", type=Path, metavar="FILE", help="PNG or JPEG to start from")
    add("--seed", type=seed, metavar="N", help="seed of the dream (default 0)")
    add("--fps", type=rate, metavar="N", help="present N frames per second (default: the world's own rate)")
    add("--size", type=size, metavar="WxH", help="size of the window in pixels")
    add("--record", type=Path, metavar="FILE.mp4", help="record the walk, with FILE.session.jsonl beside it")
    add_sessions(parser)
    add("--headless", action="store_true", help="no window; same pace, but a replay runs as fast as it can")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--seconds", type=positive, metavar="S", help="end after S seconds of play")
    end.add_argument("--frames", type=count, metavar="N", help="end after N frames")
    add("--script", type=Path, metavar="FILE", help="YAML file of key and mouse events to play")
    add("--report", type=Path, metavar="FILE.json", help="write what was measured")
    add("--list-worlds", action="store_true", help="name the worlds there are and leave")
    add("--offline", action="store_true", help="never touch the network")
    add_looks(parser)
    add_engines(parser)
    add_weights(parser)
    return parser


def add_sessions(parser: Parser) -> None:
    """The options of walks that were walked before: one of them at a time, or none."""
    add = parser.add_mutually_exclusive_group().add_argument
    add("--replay", type=Path, metavar="FILE", help="dream a .session.jsonl again and compare every frame")
    add(
        "--continue",
        dest="resume",
        type=Path,
        metavar="FILE",
        help="dream a .session.jsonl again and go on from its end",
    )
    add("--slot", metavar="NAME", help="go on from the saved world NAME")
    add("--kiosk", type=Path, metavar="FILE", help="run unattended, as that YAML file says")
    what = "make a video of --replay FILE, or of --seconds S of a --script, as fast as it goes; --size is the video's"
    parser.add_argument("--export", type=Path, metavar="FILE.mp4", help=what)


def add_looks(parser: Parser) -> None:
    """The options that are settings too: given here, they hold for this run."""
    add = parser.add_argument_group("how it looks and feels").add_argument
    add("--fullscreen", action="store_true", help="fill the screen")
    add("--latency", choices=LATENCIES, help="low: the newest input; smooth: the steadiest picture")
    add("--hud", choices=HUDS, help="the figures over the picture")
    add("--lang", choices=LANGUAGES, help="the language of menus and messages")


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
    what = "accept the licence NAME, as --fetch shows it, where there is no terminal to ask on; may be given again"
    add("--accept-licence", action="append", metavar="NAME", help=what)
    add("--weights", type=Path, metavar="DIR", help="folder of the weights (default: ~/.reverie/weights/WORLD)")
    add("--attention", choices=ATTENTION, default="auto", help="what computes attention (default auto)")
    add("--decoder", choices=DECODERS, default="full", help="what decodes pictures (default full)")
    add("--device", type=device, default="auto", metavar="NAME", help="torch device such as cuda:1 (default auto)")
    add("--decode-device", type=device, default="auto", metavar="NAME", help="the decoder's, if it is another one")
    add("--vram", type=positive, metavar="GB", help="memory of the device that may be used (default: what is free)")
    add("--context", type=count, metavar="N", help="latent frames that a chunk looks back on, for worlds that choose")


def parse_options(argv: list[str] | None = None) -> Options:
    """Read and check a command line (None: this process's own). Raises UserError for what cannot work."""
    options = Options(**vars(build_parser().parse_args(argv)))
    check(options)
    return options
