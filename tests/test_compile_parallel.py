"""One world in two processes against the same in one: every number of it; and that none outlives the others.

Of WorldPlay: text in front of the caches, two branches in them, two rows of guidance.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
    pytest.skip("this torch knows no gloo", allow_module_level=True)

from fake_world import FakeWorld  # noqa: E402
from matrix_fixtures import tiny_config, write_world  # noqa: E402
from parallel_worker import CHUNKS, HANGS_S, PATIENCE_S, opened, play, rows  # noqa: E402
from test_matrix_world import VARIANTS  # noqa: E402
from worldplay_fixtures import SPLIT, recorded  # noqa: E402

from compile.parallel import END, TokenSplit, follow, start  # noqa: E402
from runtime.errors import UserError  # noqa: E402

WORKER = Path(__file__).with_name("parallel_worker.py")
TOKENS = {"universal": (4, 4), "gta": (5, 4), "templerun": (4, 4)}  # of a frame, in each process
NAMES = (*VARIANTS, *SPLIT)
UNEVEN = {"width": 48, "height": 48}
# A matrix product over half of the tokens may be summed in another order.
TOLERANCE = 1e-6
ENDS = ("all is well", "leader dies", "leader hangs", "leader dies in a chunk", "follower dies", "world fails")


def run(*command: str) -> str:
    """What a command of this Python prints; its complaints where it fails."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LOCAL_RANK", "RANK", "WORLD_SIZE")
    }
    done = subprocess.run(
        [sys.executable, *command],
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    """By name: what parallel_worker.opened takes."""
    worlds = tmp_path_factory.mktemp("worlds")
    for name, changes in VARIANTS.items():
        write_world(worlds / name, tiny_config(**changes, **(UNEVEN if name == "gta" else {})))
    return {name: str(worlds / name) if name in VARIANTS else name for name in NAMES}


@pytest.fixture(scope="module")
def walks(places, tmp_path_factory):
    """By name: what one process gave, and what each of two."""
    out = tmp_path_factory.mktemp("out")
    run(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(str(WORKER), "walk", str(out), *places.values()),
    )
    results = {}
    for name, place in places.items():
        world = opened(place)
        latents = recorded(world)
        alone = play(world) | {"latents": np.stack(latents), "camera": world.camera}
        results[name] = alone, *(dict(np.load(out / f"{name}.{rank}.npz")) for rank in range(2))
    return results


def error(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference, as a part of the largest value."""
    return float(np.abs(a.astype(np.float64) - b).max() / max(np.abs(b).max(), 1e-9))


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_dream_what_one_does(walks, name):
    alone, leader, follower = walks[name]
    assert error(leader["latents"], alone["latents"]) <= TOLERANCE
    assert leader["pictures"].shape == alone["pictures"].shape
    assert np.abs(leader["pictures"].astype(int) - alone["pictures"]).max() <= 1
    assert np.array_equal(follower["latents"], leader["latents"]), "all go on from the same numbers"
    assert np.array_equal(leader["camera"], alone["camera"])


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_the_same_whoever_keeps_it(walks, name):
    """And going back to it was part of the walk."""
    alone, leader, _ = walks[name]
    names = {key for key in alone if key.startswith("state.")}
    assert names == {key for key in leader if key.startswith("state.")} and len(names) > 8
    for key in names:
        assert leader[key].shape == alone[key].shape and leader[key].dtype == alone[key].dtype
        assert error(leader[key], alone[key]) <= TOLERANCE, key


@pytest.mark.parametrize("name", NAMES)
def test_what_two_processes_saved_goes_on_in_one(places, walks, name):
    alone, leader, _ = walks[name]
    world = opened(places[name])
    world.load_state({key.removeprefix("state."): leader[key] for key in leader if key.startswith("state.")})
    pictures = np.stack(list(world.step(rows(world, CHUNKS))))
    assert np.abs(pictures.astype(int) - alone["pictures"][-len(pictures) :]).max() <= 1


def test_what_is_per_position_is_held_once(walks):
    held = {name: tuple(int(result["positions"]) for result in walks[name][1:]) for name in VARIANTS}
    assert held == {**TOKENS, "templerun": (0, 0)}
    assert str(walks["gta"][1]["device"]).startswith("2 x CPU")


@pytest.fixture(scope="module")
def ends():
    """By end and rank: what a process said last, and after how many seconds."""
    if not hasattr(os, "fork"):
        pytest.skip("these processes are forked")
    lines = [json.loads(line) for line in run(str(WORKER), "end", *ENDS).splitlines()]
    return {(line["end"], line["rank"]): (line["said"], line["seconds"]) for line in lines}


@pytest.mark.parametrize(
    "end, rank, said",
    [
        ("all is well", 0, ""),
        ("all is well", 1, ""),
        ("leader dies", 1, "UserError: the process that leads this walk is gone or silent"),
        ("leader hangs", 1, "UserError: the process that leads this walk is gone or silent"),
        ("leader dies in a chunk", 1, "RuntimeError"),
        ("follower dies", 0, "UserError: another process of this walk is gone"),
        ("world fails", 0, "UserError: this world takes no text"),
        ("world fails", 1, "UserError: the process that leads this walk is gone or silent"),
    ],
)
def test_nobody_is_left_behind(ends, end, rank, said):
    heard, seconds = ends[end, rank]
    assert heard.startswith(said) and bool(heard) == bool(said)
    assert seconds < PATIENCE_S + 5 < HANGS_S


# ---- in this process ----


def test_who_was_started_alone_has_no_team(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert start("cpu") is None


def test_who_follows_goes_on_where_its_world_would_not_do_what_it_was_told():
    told = iter([("reset", (None, None, 1)), ("prompt", ("rain",)), ("reset", (None, None, 2)), (END, ())])
    world = FakeWorld()
    follow(world, SimpleNamespace(hear=lambda: next(told)))
    assert world.seeds == [1, 2] and world.prompts == []


def test_a_process_without_a_gpu_is_refused(monkeypatch):
    for name, value in (("RANK", "1"), ("LOCAL_RANK", "1"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="no GPU for process 2 of this machine, which has 1"):
        start("cuda")


@pytest.mark.parametrize("tokens, processes, most", [(9, 8, 5), (3, 4, 3), (880, 881, 880)])
def test_tokens_that_do_not_go_round_are_refused(tokens, processes, most):
    with pytest.raises(UserError, match=f"of {processes} processes without any .*start {most}$"):
        TokenSplit(SimpleNamespace(size=lambda: processes), tokens)
