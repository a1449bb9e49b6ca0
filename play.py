"""Reverie's player: reads the command line, puts the parts together, runs them and reports. Wiring, nothing else."""
# ruff: noqa: E402

import time

# Before all other imports, which take their part of the start. Only used where the system does not tell better.
FIRST_LINE = time.perf_counter()

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from compile.store import Store
from input.controls import Controls
from input.keymap import load_keymap, with_overrides
from input.script import ScriptPlayer, load_script
from model import registry
from model.world import LoadOptions, World
from runtime import process, together
from runtime.driver import Live
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.image import load_image
from runtime.loop import Loop, LoopConfig
from runtime.options import ENGINES_CLEAR, Options, parse_options
from runtime.recorder import Recorder
from runtime.replay import Replay, replayed_image
from runtime.report import build_report, write_report
from runtime.screen import NoScreen, Window, require_display
from runtime.session import Session, SessionLog, read_session, session_path

LoadWorld = Callable[[str, LoadOptions], World]


def say(line: str) -> None:
    """One line for the person, at once."""
    print(f"reverie: {line}", flush=True)


@dataclass(frozen=True)
class Parts:
    """What one run is made of; None where the command line asks for none."""

    options: Options
    world: str
    generator: Generator
    loop: Loop
    recorder: Recorder | None
    replay: Replay | None


def walked_in(session: Session) -> str:
    """The bundled world of a session; UserError where it was walked in a folder that only a person knows."""
    name = session.header.world
    if not registry.is_bundled(name):
        raise UserError(f"the session was walked in {name!r}", "--replay", "name that world's folder with --world")
    return name


def world_of(options: Options, session: Session | None) -> str:
    return options.world or (walked_in(session) if session else registry.DEFAULT_WORLD)


def how_to_load(options: Options, session: Session | None) -> LoadOptions:
    """A replay is computed as its session was, unless something else is asked for; neither may change on the way."""
    engine, precision = options.engine, options.precision
    if session and engine == precision == "auto":
        engine, precision = session.header.engine
    return LoadOptions(
        options.weights,
        options.attention,
        options.decoder,
        options.device,
        decode_device=options.decode_device,
        vram=options.vram,
        engine=engine,
        precision=precision,
        engine_dir=options.engine_dir,
        settled=bool(options.record or session),
        say=say,
    )


def follow(options: Options, load_world: LoadWorld, team: object) -> int:
    """What all processes do but the one that plays: compute their part, and show nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # torchrun sends it to all, and the one that plays says when to end
    session = read_session(options.replay) if options.replay else None
    how = how_to_load(options, session)
    together.follow(load_world(world_of(options, session), replace(how, team=team, device=team.device)), team)
    return 0


def engine_cache(what: str) -> None:
    """List the engines that were built, or remove them."""
    store = Store()
    if what == ENGINES_CLEAR:
        say(f"{store.clear() / 1e6:.1f} MB of engines removed from {store.folder}")
        return
    for entry in store.entries():
        say(entry.line())


def build(options: Options, load_world: LoadWorld, stack: contextlib.ExitStack, team=None) -> Parts:
    """Make the parts; `stack` will close them. The world starts to load before the window opens, to save the time."""
    if not options.headless:
        require_display()
    session = read_session(options.replay) if options.replay else None
    replay = Replay(session) if session else None
    world = world_of(options, session)
    keymap, controls = with_overrides(load_keymap(), registry.bindings_of(world), f"bindings of {world}"), Controls()
    script = ScriptPlayer(load_script(options.script, keymap)) if options.script else None
    image = replayed_image(session, options.image) if session else options.image and load_image(options.image)
    recorder = log = None
    if options.record:
        recorder = Recorder(options.record)
        stack.callback(recorder.close)
    if recorder and not replay:
        log = SessionLog(session_path(options.record), image)
        stack.callback(log.close)
    how = how_to_load(options, session)
    if team is not None:
        how, load_world = replace(how, team=team, device=team.device), together.led(load_world, team)
    generator = Generator(partial(load_world, world, how), image.pixels if image else None, replay or log)
    stack.callback(generator.close)
    generator.start()
    screen = NoScreen() if options.headless else Window(keymap, options.size)
    stack.callback(screen.close)
    fps = 0.0 if replay and options.headless and options.fps is None else options.fps
    config = LoopConfig(fps, options.seconds, options.frames)
    driver = replay or Live(controls, options.seed)
    loop = Loop(screen, generator, driver, controls, config, keymap=keymap, script=script, recorder=recorder)
    return Parts(options, world, generator, loop, recorder, replay)


@contextlib.contextmanager
def signals_stop(loop: Loop) -> Iterator[list[int]]:
    """Within it, Ctrl-C and SIGTERM end the loop; gives the list of the signals that came."""
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)  # whoever asks twice does not want to wait
        loop.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield came
    for number, handler in before.items():
        signal.signal(number, handler)


def run(parts: Parts) -> int:
    """Load and play until the end or a signal; 0, or 128 and the signal's number as shells count."""
    with signals_stop(parts.loop) as came:
        info = parts.loop.load(Path(parts.world).name or parts.world)
        if info:
            where = f"{info.backend} ({info.device})"
            say(f"world {info.name} on {where}, {info.width}x{info.height} at {info.fps:g} fps")
            for note in info.notes:
                say(note)
            if parts.recorder:
                parts.recorder.start(parts.options.fps or info.fps)
            parts.loop.play()
    return 128 + came[0] if came else 0


def report(parts: Parts) -> int:
    """Say and write how the run went, once everything is closed; 1 where a replay differed, else 0."""
    verdict = parts.replay.verdict() if parts.replay else None
    if parts.options.report and parts.generator.info:
        now = time.perf_counter()
        age = process.age_s(now - FIRST_LINE)
        first_at = parts.loop.stats.first_at
        startup_s = None if first_at is None else age - (now - first_at)
        drops = parts.recorder.dropped if parts.recorder else None
        write_report(build_report(parts.loop, parts.generator, startup_s, drops, verdict), parts.options.report)
    elif parts.options.report:
        print("reverie: no report, for the world was not there yet", file=sys.stderr)
    if parts.recorder and parts.recorder.dropped:
        lack = f"the recording lacks {parts.recorder.dropped} frames, for the encoder was too slow"
        print(f"reverie: {lack}", file=sys.stderr)
    if verdict:
        print(verdict.line())
    return 0 if verdict is None or verdict.identical else 1


def main(argv: list[str] | None = None, load_world: LoadWorld = registry.load_world) -> int:
    """The whole program; returns the exit code. `load_world` makes a world of the name on the command line."""
    try:
        options = parse_options(argv)
        if options.list_worlds:
            for name, title, summary in registry.list_worlds():
                print(f"{name}: {title}. {summary}")
            return 0
        if options.engine_cache:
            engine_cache(options.engine_cache)
            return 0
        if options.fetch:
            folder = registry.fetch_world(options.fetch, options.weights, options.offline, say)
            say(f"the weights of {options.fetch} are in {folder}")
            return 0
        team = together.joined(options.device)
        if team is not None and team.rank:
            return follow(options, load_world, team)
        with contextlib.ExitStack() as stack:
            parts = build(options, load_world, stack, team)
            code = run(parts)
        if team is not None and parts.generator.stopped:
            team.dismiss()
        return report(parts) or code
    except UserError as error:
        print(f"reverie: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    process.leave(main())
