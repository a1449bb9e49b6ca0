"""Several processes that compute one world, as torchrun starts them: one plays, the others do what it does.

Nothing is imported where this process is alone; how the work is split is compile/parallel.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from model.world import LoadOptions, World

LoadWorld = Callable[[str, LoadOptions], World]


def joined(device: str) -> object | None:
    """The team that torchrun started this process in (compile.parallel.Team); None where it is alone."""
    if "LOCAL_RANK" not in os.environ:
        return None
    from compile.parallel import start

    return start(device)


def led(load_world: LoadWorld, team: object) -> LoadWorld:
    """As `load_world`, for the process that plays: the others are told whatever the world does."""
    from compile.parallel import Leader

    return lambda name, how: Leader(load_world(name, how), team)


def follow(world: World, team: object) -> None:
    """Compute a part of what the player's world does, until it lets this one go."""
    from compile.parallel import follow as do_as_told

    do_as_told(world, team)
