"""Reverie's player: reads the command line, puts the parts together, runs them and reports. Wiring, nothing else."""
# ruff: noqa: E402

import time

# Before all other imports, which take their part of the start. Only used where the system does not tell better.
FIRST_LINE = time.perf_counter()

import contextlib
import functools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from compile.store import Store
from input.keymap import load_keymap
from model import registry
from runtime import consent, folders, library, process, strings, tether, together
from runtime.errors import UserError
from runtime.filming import film
from runtime.kiosk import Kiosk
from runtime.kiosk_config import read_kiosk
from runtime.kiosk_player import stand_in
from runtime.no_screen import NoScreen
from runtime.opening import PANES
from runtime.options import ENGINES_CLEAR, Options, parse_options
from runtime.orders import Choice, Home
from runtime.preferences import Preferences
from runtime.progress import Lines
from runtime.report import build_report, write_report
from runtime.screen import Window, require_display
from runtime.session_log import CLOSED
from runtime.settings import Settings
from runtime.settings_file import load_settings
from runtime.supervisor import supervise
from runtime.terminal import complain, say, write
from runtime.walk import LoadWorld, Table, Walk, how_to_load, past_of, set_out, world_of
from runtime.welcome import ask


def choice_of(options: Options) -> Choice:
    """What the command line asks for; a picture is read later, with what else the walk needs."""
    return Choice(
        options.world or (read_kiosk(options.kiosk).world if options.kiosk else ""),
        options.seed or 0,
        replay=options.replay,
        resume=options.resume,
        slot=options.slot or "",
    )


def table_of(options: Options, load_world: LoadWorld, stack: contextlib.ExitStack, team: object) -> Table:
    """What outlasts a walk. Without a window nobody's settings are read or written: a script is the same for all."""
    person = not options.headless
    kept = load_settings() if person else Settings()
    bindings = folders.settings_folder() / "bindings.yaml" if person else None
    preferences = Preferences(kept, options.overrides, bindings, complain)
    stack.callback(preferences.settle)  # a slider may be held to the end
    keymap = preferences.keys(load_keymap())
    language = strings.use(preferences.now.language)

    kiosk = Kiosk(read_kiosk(options.kiosk), language) if options.kiosk else None

    @functools.cache
    def screen():
        looks = {"vsync": preferences.now.vsync, "full": preferences.now.fullscreen}
        looks |= {"first": stand_in(kiosk.config)} if kiosk else {}
        made = NoScreen() if options.headless else Window(keymap, options.size, **looks)
        stack.callback(made.close)
        return made

    # At an exhibit, nobody opens a menu.
    return Table(options, screen, preferences, keymap, load_world, say, {} if kiosk else PANES, kiosk, team)


@contextlib.contextmanager
def signals_stop(walk: Walk) -> Iterator[list[int]]:
    """Within it, Ctrl-C and SIGTERM end the loop; gives the list of the signals that came."""
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)  # whoever asks twice does not want to wait
        walk.loop.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(walk: Walk, options: Options) -> int:
    """Load and play until the end or a signal; 0, or 128 and the signal's number as shells count."""
    if tether.tethered():
        tether.hold(walk.loop.stop)
    with signals_stop(walk) as came:
        info = walk.loop.load(library.titles().get(walk.world) or Path(walk.world).name or walk.world)
        if info:
            where = f"{info.backend} ({info.device})"
            say(f"world {info.name} on {where}, {info.width}x{info.height} at {info.fps:g} fps")
            for note in info.notes:
                say(note)
            walk.recording.rate = options.fps or info.fps
            if options.record:
                walk.recording.begin(options.record)
            walk.loop.play()
    return 128 + came[0] if came else 0


def report(walk: Walk, options: Options) -> int:
    """Say and write how the walk went, once everything is closed; 1 where a replay differed, else 0."""
    verdict = walk.replay.verdict() if walk.replay else None
    if options.report and walk.generator.info:
        now = time.perf_counter()
        age = process.age_s(now - FIRST_LINE)
        first_at = walk.loop.stats.first_at
        startup_s = None if first_at is None else age - (now - first_at)
        write_report(build_report(walk, startup_s), options.report)
    elif options.report:
        complain("no report, for the world was not there yet")
    if walk.recording.dropped:
        complain(f"the recording lacks {walk.recording.dropped} frames")
    if walk.log and walk.log.ended not in ("", CLOSED):
        complain(walk.log.ended)
    if verdict:
        write(verdict.line(), sys.stdout)
    return 0 if verdict is None or verdict.identical else 1


def play(options: Options, load_world: LoadWorld, team: object) -> int:
    """Walk after walk, with the start screen before and between them, until the person has had enough."""
    if not options.headless:
        require_display()
    code = 0
    with contextlib.ExitStack() as stack:
        table = table_of(options, load_world, stack, team)
        asked = not options.says_what
        choice = ask(table) if asked else choice_of(options)
        while isinstance(choice, Choice):
            try:
                walk, code = play_one(choice, table, team)
                choice = walk.player.leaving
                watched = asked and choice is None  # to its end
                choice = ask(table) if watched or isinstance(choice, Home) else choice
            except UserError as error:
                if not asked:
                    raise
                # Who chose it in the window chooses another there.
                complain(str(error))
                choice, code = ask(table, str(error)), 2
            asked, table.options = True, options.later()
    return code


def play_one(choice: Choice, table: Table, team: object) -> tuple[Walk, int]:
    """One walk, and its exit code."""
    with contextlib.ExitStack() as parts:
        walk = set_out(choice, table, parts)
        code = run(walk, table.options)
    if team is not None and walk.generator.stopped:
        team.dismiss()
    return walk, report(walk, table.options) or code


def follow(options: Options, load_world: LoadWorld, team: object) -> int:
    """What all processes do but the one that plays: compute their part, and show nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # torchrun sends it to all, and the one that plays says when to end
    choice = choice_of(options)
    past = past_of(choice)
    how = how_to_load(options, past, Preferences(Settings(), options.overrides), team, say)
    together.follow(load_world(world_of(choice, past), how), team)
    return 0


def export_walk(options: Options, load_world: LoadWorld) -> int:
    """Make a video of a session or of a script, as fast as it is dreamt; 1 where the session came out otherwise."""
    with contextlib.ExitStack() as stack:
        replay = film(choice_of(options), options, load_world, say, stack)
    verdict = replay.verdict() if replay else None
    if verdict:
        write(verdict.line(), sys.stdout)
    return 0 if verdict is None or verdict.identical else 1


def other_business(options: Options) -> bool:
    """What has nothing to do with playing: list, clear or download; whether that was it."""
    if options.list_worlds:
        for name, title, summary in registry.list_worlds():
            write(f"{name}: {title}. {summary}", sys.stdout)
    elif options.engine_cache == ENGINES_CLEAR:
        store = Store()
        say(f"{store.clear() / 1e6:.1f} MB of engines removed from {store.folder}")
    elif options.engine_cache:
        for entry in Store().entries():
            say(entry.line())
    elif options.fetch:
        asking = consent.asker(registry.terms_for(options.fetch), options.accept_licence or (), say)
        folder = registry.fetch_world(options.fetch, options.weights, options.offline, say, Lines(say), asking)
        say(f"the weights of {options.fetch} are in {folder}")
    else:
        return False
    return True


def start(options: Options, load_world: LoadWorld) -> int:
    """What the command line asks for; returns the exit code."""
    if other_business(options):
        return 0
    if options.export:
        return export_walk(options, load_world)
    if options.kiosk and not tether.tethered():
        require_display()
        return supervise(read_kiosk(options.kiosk))
    if options.kiosk:
        registry.prepare(read_kiosk(options.kiosk).world or options.world or registry.DEFAULT_WORLD)
        if not tether.turn():
            return 0
    team = together.joined(options.device)
    if team is not None and team.rank:
        return follow(options, load_world, team)
    return play(options, load_world, team)


def main(argv: list[str] | None = None, load_world: LoadWorld = registry.load_world) -> int:
    """The whole program; returns the exit code. `load_world` makes a world of the name on the command line."""
    try:
        return start(parse_options(argv), load_world)
    except UserError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    process.leave(main())
