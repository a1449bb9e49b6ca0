"""Walk: one choice made ready to be played: its session or saved world read, its world loading, its parts put together.

Everything made here is closed by the stack that was given. What outlasts a walk, such as the window, is the table's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from input.controls import Controls
from input.keymap import Keymap, load_keymap, with_overrides
from input.script import ScriptPlayer, load_script
from model import registry
from model.world import LoadOptions, World
from runtime import archive, folders, heartbeat, together
from runtime.attract import KioskDriver
from runtime.driver import Driver, Live, Resumed, Whence
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.governor import Governor
from runtime.image import StartImage, load_image
from runtime.kiosk import Kiosk
from runtime.kiosk_player import KioskPlayer, Vitals
from runtime.logged import Session
from runtime.looks import Looks
from runtime.loop import Loop, LoopConfig
from runtime.options import Options
from runtime.orders import Choice
from runtime.player import Hands, OpenPane, Player
from runtime.preferences import Preferences
from runtime.progress import Progress
from runtime.recording import Recording
from runtime.replay import Replay, replayed_image
from runtime.saving import Saving, moment_of, read_moment, write_moment
from runtime.screen import Screen
from runtime.screenshot import Screenshots
from runtime.session import read_session, session_path
from runtime.session_log import SessionLog
from runtime.shelf import list_slots, slot_path
from runtime.slots import Slot, read_slot
from runtime.visits import Visits, visits_of

# So many saved worlds are named to who asked for one that is not there.
NAMED = 8
LoadWorld = Callable[[str, LoadOptions], World]


@dataclass
class Table:
    """What outlasts a walk. `screen` opens the window when it is first asked for it; `kiosk`: whose turn it is at an
    exhibit, None where nobody exhibits.
    """

    options: Options
    screen: Callable[[], Screen]
    preferences: Preferences
    keymap: Keymap
    load_world: LoadWorld
    say: Callable[[str], None]
    panes: dict[str, OpenPane] = field(default_factory=dict)
    kiosk: Kiosk | None = None
    team: object = None

    def rebind(self, keymap: Keymap) -> None:
        """Use these keys from now on, and write them down."""
        self.keymap = keymap
        self.preferences.rebind(keymap, load_keymap())


@dataclass(frozen=True)
class Walk:
    """The parts of one; None where it has no such part."""

    world: str
    generator: Generator
    player: Player
    loop: Loop
    recording: Recording
    replay: Replay | None
    log: SessionLog | Visits | None


@dataclass(frozen=True)
class Past:
    """What a walk begins from, if it begins from another."""

    session: Session | None = None
    slot: Slot | None = None

    @property
    def whence(self) -> Whence | None:
        """Where the saved world goes on, None where there is none."""
        return partial(moment_of, self.slot) if self.slot else None

    @property
    def backend(self) -> tuple[str, str]:
        return self.session.header.engine if self.session else ("auto", "auto")

    def context_in(self, world: str | None) -> int | None:
        """What its chunks looked back on; None in another world, which may have no such thing."""
        header = self.session.header if self.session else None
        return header.context if header and Path(world or header.world).name == header.world else None


def past_of(choice: Choice) -> Past:
    """Read the session or the saved world of a choice; raises UserError."""
    log = choice.replay or choice.resume
    if log:
        return Past(session=read_session(log))
    return Past(slot=slot_called(choice.slot)) if choice.slot else Past()


def slot_called(name: str) -> Slot:
    """The saved world of that name; raises UserError, with the names that there are, where there is none."""
    path = slot_path(folders.slots_folder(), name)
    if not path.exists():
        known = [entry.name for entry in list_slots(path.parent)[:NAMED]]
        remedy = f"saved worlds: {', '.join(known)}" if known else "nothing was saved yet"
        raise UserError(f"there is no saved world {name!r}", str(path.parent), remedy)
    return read_slot(path)


def world_of(choice: Choice, past: Past) -> str:
    """The world of a choice: the one that is named, or that of its past; UserError where only a person knows it."""
    then = past.session.header.world if past.session else past.slot.meta.world if past.slot else registry.DEFAULT_WORLD
    if not choice.world and not registry.is_bundled(then):
        where = str(choice.replay or choice.resume or choice.slot)
        raise UserError(f"it was walked in {then!r}", where, "name that world's folder with --world")
    return choice.world or then


def how_to_load(options: Options, past: Past, preferences: Preferences, team: object, say) -> LoadOptions:
    """A replay is computed as its session was, unless something else is asked for; neither may change on the way."""
    engine, precision = preferences.now.engine, preferences.now.precision
    if past.session and engine == precision == "auto":
        engine, precision = past.backend
    return LoadOptions(
        options.weights,
        options.attention,
        options.decoder,
        options.device if team is None else team.device,
        decode_device=options.decode_device,
        vram=options.vram,
        context=past.context_in(options.world) if options.context is None else options.context,
        engine=engine,
        precision=precision,
        engine_dir=options.engine_dir,
        settled=bool(options.record or past.session),
        say=say,
        team=team,
    )


def log_of(options: Options, choice: Choice, world: str) -> SessionLog | None:
    """The log of a walk: beside its recording, or among the person's sessions; a replay and a test have none."""
    if options.record and not choice.replay:
        return SessionLog(session_path(options.record), write_moment)
    if choice.replay or options.headless:
        return None
    folder = folders.sessions_folder()
    archive.tidy(folder, spare=(choice.resume,) if choice.resume else ())
    return SessionLog(archive.new_log(folder, world, datetime.now()), write_moment)


def image_of(choice: Choice, past: Past, given: Path | None) -> StartImage | None:
    """The picture to start from; that of a session is looked for where it was then, or where it is said to be now."""
    if past.session:
        return replayed_image(past.session.header, given, past.session.path.parent)
    return choice.image or (load_image(given) if given else None)


def driver_of(choice: Choice, past: Past, controls: Controls, image: StartImage | None) -> tuple[Driver, Replay | None]:
    """Who leads the walk, and the check of a session that is walked again, from the picture that it began with."""
    if past.session is None:
        return Live(controls, choice.seed, past.whence), None
    replay = Replay(past.session, read_moment, image)
    return (replay if choice.replay else Resumed(replay, Live(controls, choice.seed))), replay


def put_away(saving: Saving, say: Callable[[str], None]) -> None:
    """Wait for what is to be saved; the terminal is told what the window cannot tell any more."""
    for words in saving.close():
        say(words)


def loop_of(choice: Choice, options: Options, player: Player, **more: object) -> Loop:
    """The loop around a player; a replay that nobody watches runs as fast as it can."""
    fps = 0.0 if choice.replay and options.headless and options.fps is None else options.fps
    hands, config = player.hands, LoopConfig(fps, options.seconds, options.frames)
    return Loop(hands.screen, hands.generator, hands.driver, player, hands.looks, hands.governor, config, **more)


def set_out(choice: Choice, table: Table, stack: contextlib.ExitStack) -> Walk:
    """Put a walk together; its world starts to load before the window opens, to save the time."""
    options, preferences = table.options, table.preferences
    past = past_of(choice)
    world = world_of(choice, past)
    base = with_overrides(load_keymap(), registry.bindings_of(world), f"bindings of {world}")
    keymap = preferences.keys(base)
    script = ScriptPlayer(load_script(options.script, keymap)) if options.script else None
    controls = Controls(feel=preferences.feel())
    image = image_of(choice, past, options.image)
    driver, replay = driver_of(choice, past, controls, image)
    heralds = [driver.news] if isinstance(driver, Resumed) else []
    if table.kiosk:
        log = visits = visits_of(table.kiosk.config, world, write_moment, table.say)
        driver = KioskDriver(table.kiosk, driver, read_moment, visits)
    else:
        log, visits = log_of(options, choice, world), None
    saving = Saving(folders.slots_folder(), preferences.now)
    witnesses = [witness for witness in (replay, log, saving) if witness is not None]
    load = table.load_world if table.team is None else together.led(table.load_world, table.team)
    progress = Progress()
    how = replace(how_to_load(options, past, preferences, table.team, table.say), progress=progress)
    generator = Generator(partial(load, world, how), image, witnesses)
    if log is not None:
        heralds += [] if visits else [log.news]
        stack.callback(log.close)
    stack.callback(generator.close)
    stack.callback(progress.cancel)
    generator.start()
    saving.begin(generator)
    stack.callback(put_away, saving, table.say)
    session = log.path.name if log and not visits else ""
    recording = Recording(generator, folders.recordings_folder(), session, table.say)
    stack.callback(recording.close)
    shots = Screenshots(folders.screenshots_folder())
    stack.callback(shots.close)
    looks, governor = Looks(preferences.now), Governor(preferences.now.latency)
    hands = Hands(
        *(world, table.screen(), generator, driver, controls, looks, governor, preferences),
        *(recording, saving, shots, table.panes, heralds),
    )
    hands.screen.use(keymap)
    beat = heartbeat.from_environment()
    kiosk, say = table.kiosk, table.say
    player = KioskPlayer(hands, keymap, kiosk, visits, say) if kiosk else Player(hands, keymap, base)
    vitals = Vitals(beat, generator, player, recording, log)
    loop = loop_of(choice, options, player, script=script, watchers=(recording, vitals), reading=progress.reading)
    return Walk(world, generator, player, loop, recording, replay, log)
