"""Filming: a session, or a walk by a script, made into a video without a window. Wiring of render.py and export.py."""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from input.controls import Controls
from input.keymap import load_keymap, with_overrides
from input.script import ScriptPlayer, load_script
from model import registry
from runtime.driver import Driver
from runtime.export import export
from runtime.generator import Generator
from runtime.image import StartImage
from runtime.options import Options
from runtime.orders import Choice
from runtime.preferences import Preferences
from runtime.provenance import provenance
from runtime.render import Scripted, frames_of
from runtime.replay import Replay
from runtime.saving import read_moment
from runtime.settings import Settings
from runtime.walk import LoadWorld, Past, how_to_load, image_of, past_of, world_of


def leader_of(
    choice: Choice, options: Options, past: Past, world: str, image: StartImage | None
) -> tuple[Driver, Replay | None]:
    """Who leads: the session, or the script from the command line."""
    if past.session:
        replay = Replay(past.session, read_moment, image)
        return replay, replay
    keymap = with_overrides(load_keymap(), registry.bindings_of(world), f"bindings of {world}")
    script = ScriptPlayer(load_script(options.script, keymap)) if options.script else None
    return Scripted(Controls(), choice.seed, script, past.whence), None


def frames_wanted(options: Options, fps: float, past: Past) -> int | None:
    """How many frames the video has; None where nobody knows."""
    if options.frames is not None:
        return options.frames
    if options.seconds is not None:
        return math.ceil(options.seconds * fps)
    return sum(len(event.digests) for event in past.session.events if hasattr(event, "digests"))


def interruptible(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames; a KeyboardInterrupt between two of them once SIGTERM came, as Ctrl-C raises it by itself."""
    asked: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number)) if main else None
    try:
        for frame in frames:
            if asked:
                raise KeyboardInterrupt
            yield frame
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def film(
    choice: Choice,
    options: Options,
    load_world: LoadWorld,
    say: Callable[[str], None],
    stack: contextlib.ExitStack,
) -> Replay | None:
    """Write the video that `options` ask for; gives the check of its session, if it is one. Raises UserError."""
    past = past_of(choice)
    world = world_of(choice, past)
    image = image_of(choice, past, options.image)
    driver, replay = leader_of(choice, options, past, world, image)
    how = how_to_load(options, past, Preferences(Settings(), options.overrides), None, say)
    witnesses = (replay,) if replay else ()
    generator = Generator(partial(load_world, world, how), image, witnesses)
    stack.callback(generator.close)
    generator.start()
    frames = frames_of(generator, driver)
    first = next(frames)  # the world is there
    info = generator.info
    fps = options.fps or info.fps
    total = frames_wanted(options, fps, past)
    facts = provenance(info, generator.seed, generator.backend, session=choice.replay.name if choice.replay else "")
    shown = interruptible(itertools.islice(itertools.chain([first], frames), total))
    export(shown, fps, options.export, options.size, facts, total=total, say=say)
    return replay
