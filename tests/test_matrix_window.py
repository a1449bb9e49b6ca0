"""Matrix-Game's keys in a real window: each of the runner's keys is the column that the world's own bindings say."""

import subprocess
import sys
import time

import pygame
import pytest
import yaml

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from fake_world import ROOT  # noqa: E402
from matrix_fixtures import tiny_config, write_world  # noqa: E402

from model.registry import WORLDS  # noqa: E402
from model.world import CONTROL_COLUMNS  # noqa: E402
from runtime.font import text_size  # noqa: E402
from runtime.help import FIRST_SHOWN_S  # noqa: E402
from runtime.panel import MARGIN, PADDING, SIZE  # noqa: E402
from runtime.session import Chunk, read_session  # noqa: E402

BUNDLED = yaml.safe_load((WORLDS / "matrix-game-2-templerun" / "world.yaml").read_text())
# Every action by one key, as xdotool spells it; arrows among them, which turn and look elsewhere.
KEYS = {"w": "jump", "Down": "slide", "z": "turn_left", "e": "turn_right", "a": "left", "Right": "right"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The bundled world in everything that a person sees of it, around a tiny network."""
    config = BUNDLED["config"]
    tiny = tiny_config(
        keyboard=tuple(config["keyboard"]),
        one_hot=config["one_hot"],
        mouse_dim=config["network"]["actions"]["mouse_dim"],
        steps=(1000, 500),
        vocabulary=tuple(tuple(entry) for entry in config["vocabulary"]),
    )
    return write_world(tmp_path_factory.mktemp("templerun"), tiny, bindings=BUNDLED["bindings"])


def play(desk, folder, *arguments):
    # A second thread of torch's would only wait for its turn beside this test's own processes.
    environment = desk.environment | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "play.py"), "--world", str(folder), "--weights", str(folder / "weights")]
    return subprocess.Popen([*command, *arguments], env=environment, cwd=desk.folder, stdout=subprocess.PIPE, text=True)


def held_in(chunk):
    """The actions that a chunk's last frame was told of."""
    columns = BUNDLED["config"]["keyboard"]
    return {name for name, on in zip(columns, chunk.controls[-1, len(CONTROL_COLUMNS) :], strict=True) if on}


def wait_for_held(log, wanted, seconds=60.0):
    """Wait for a chunk with exactly these actions."""
    end, held = time.perf_counter() + seconds, None
    while held != wanted:
        assert time.perf_counter() < end, f"{held} is held, not {wanted}"
        time.sleep(0.05)
        # A log begins with the first chunk that was dreamt to its end, which on a busy machine is a while.
        events = read_session(log).events if log.exists() else []
        chunks = [event for event in events if isinstance(event, Chunk)]
        held = held_in(chunks[-1]) if chunks else None


def help_shows(desk):
    """Whether the shade of the overlay lies on its edge, where it has no text; the dream itself is never that dark."""
    told = dict(line.split("=") for line in desk.do("getwindowfocus", "getwindowgeometry", "--shell").splitlines())
    size = text_size((int(told["WIDTH"]), int(told["HEIGHT"])), 1.0) * SIZE
    margin, inset = round(MARGIN * size), round(PADDING * size) // 3
    # Within the padding, past the shade's own border and round corners.
    edge = f"{inset}x120+{int(told['X']) + margin + inset}+{int(told['Y']) + margin + 2 * inset}"
    path = desk.folder / "edge.png"
    command = ["import", "-window", "root", "-crop", edge, "+repage", str(path)]
    subprocess.run(command, env=desk.environment, check=True, timeout=20)
    return bool(pygame.surfarray.array3d(pygame.image.load(str(path))).max() < 100)


def test_the_runner_s_keys_and_help(desk, folder, tmp_path):
    log = tmp_path / "o.session.jsonl"
    player = play(desk, folder, "--seed", "3", "--record", str(tmp_path / "o.mp4"), "--seconds", "60")
    try:
        desk.wait_for_title("(playing)")
        began = time.perf_counter()
        assert help_shows(desk), "a world of its own keys does not say them"
        for key, action in KEYS.items():
            desk.do("keydown", key)
            wait_for_held(log, {action})
            desk.do("keyup", key)
        wait_for_held(log, set())
        time.sleep(max(0.0, began + FIRST_SHOWN_S + 0.3 - time.perf_counter()))
        assert not help_shows(desk), "the help does not go by itself"
        desk.do("key", "F2")
        time.sleep(0.2)
        assert help_shows(desk), "F2 does not bring it back"
        desk.do("key", "F10")
        assert player.wait(20) == 0
    finally:
        player.kill()
        player.wait()
