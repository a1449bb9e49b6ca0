"""What a WorldPlay without encoders is told of texts and pictures, and how a person may have it loaded; in one line,
what cannot be.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config as tiny_matrix  # noqa: E402
from matrix_fixtures import write_world as write_matrix  # noqa: E402
from worldplay_files import TEXTS, write_prompts  # noqa: E402
from worldplay_fixtures import walk  # noqa: E402
from worldplay_opened import (  # noqa: E402
    config_in,
    eight_fixture,  # noqa: F401
    folder_fixture,  # noqa: F401
    folders_fixture,  # noqa: F401
    network_fixture,  # noqa: F401
    open_world,
    said,
    world_fixture,  # noqa: F401
    worlds_fixture,  # noqa: F401
)

from model.registry import find_world  # noqa: E402
from model.world import LoadOptions  # noqa: E402
from model.worldfile import read_world_file  # noqa: E402
from model.worldplay.load import checked, conditioning_of  # noqa: E402
from runtime.errors import UserError  # noqa: E402

# ---- what is told of text and pictures ----


def test_only_what_is_stored_is_dreamt_of_where_there_is_no_encoder(world):
    assert conditioning_of(world.config).prompt == TEXTS[0], "the command would not store what a walk begins with"
    outcomes = []
    for prompt in (None, TEXTS[0], TEXTS[1], ""):
        world.reset(None, prompt, 5)
        outcomes.append(walk(world, 1)[0])
    assert np.array_equal(outcomes[0], outcomes[1]), "the world's own text begins a walk in which nobody says anything"
    assert not np.array_equal(outcomes[0], outcomes[2]) and not np.array_equal(outcomes[0], outcomes[3])


def test_a_text_that_is_not_stored_is_one_line_and_changes_nothing(world):
    other = np.full((40, 90, 3), 200, np.uint8)
    refusals = (
        lambda: world.prompt("rain"),
        lambda: world.reset(None, "rain", 9),
        lambda: world.reset(other, "rain", 9),
    )
    walks = []
    for refuse in (refusals, ()):
        world.reset(None, TEXTS[1], 5)
        walk(world, 1)
        for attempt in refuse:
            with pytest.raises(UserError) as caught:
                attempt()
            line = str(caught.value)
            assert "is not stored" in line and len(line.splitlines()) == 1
            assert "picture" in line or all(repr(text) in line for text in ("rain", *TEXTS)) and "' '" not in line
        walks.append(walk(world, 2))
    assert np.array_equal(*walks)


def test_a_picture_and_a_text_of_ones_own(folder, world, tmp_path):
    """The 8B is told of the picture by an encoder, so that it has to be stored too."""
    mine, config = np.full((40, 90, 3), 200, np.uint8), config_in(folder)
    world.reset(None, None, 5)
    first = walk(world, 1)[0]
    if config.network == "8b":
        with pytest.raises(UserError, match="start picture is not stored, and .*stored: 1 pictures"):
            world.reset(mine, None, 5)
        assert world.chunk == 1, "the walk is as it was"
    stored = write_prompts(folder / "weights", config, ["a wide hall"], [mine])
    world = open_world(folder)  # what is stored beside the weights lies under what is stored beside the world
    stored.unlink()
    world.reset(None, TEXTS[2], 5)
    world.reset(mine, "a wide hall", 5)
    assert not np.array_equal(walk(world, 1)[0], first)


def test_stored_prompts_that_are_damaged_are_found_before_any_weights_are_read(folder, tmp_path, monkeypatch):
    stored = write_prompts(tmp_path, config_in(folder))
    stored.write_bytes(stored.read_bytes()[:-8])
    for name in ("world.yaml", "start.png"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setattr("model.worldplay.load.load_network", lambda *_: pytest.fail("the weights are read"))
    assert "stored prompts" in (line := said(tmp_path, folder / "weights")) and str(stored) in line


# ---- options ----


def test_context_changes_what_is_looked_back_on_and_the_identity(eight, worlds):
    full, less = worlds["8b"], open_world(eight, context=8)
    assert (full.config.memory.budget, less.config.memory.budget) == (20, 8)
    assert full.info.weights_sha256 != less.info.weights_sha256, "a replay tells them apart"
    same = checked(eight, read_world_file(eight), LoadOptions(eight / "weights", context=20))
    assert same[2] == full.info.weights_sha256
    outcomes = []
    for world in (full, less):
        world.reset(None, None, 1)
        outcomes.append(walk(world, 5))
        assert len(world.history.choose(16)) == min(16, world.config.memory.budget)
    early = [np.array_equal(a, b) for a, b in zip(*outcomes, strict=True)]
    assert early == [True] * 3 + [False] * 2, "the same as long as both look back on all"
    assert "7 latents is not whole chunks of 4" in (line := said(eight, context=7)) and "--context" in line
    assert "--context" in said(eight, context=0)
    assert "48 latents are kept" in (line := said(eight, context=44)) and "multiple of 4, 40 at most" in line


def test_what_is_for_other_families_is_one_line(tmp_path, eight):
    assert "no tiny decoder" in (line := said(eight, decoder="tiny")) and "--decoder" in line
    matrix = write_matrix(tmp_path / "matrix", tiny_matrix())
    for context in (7, 8):
        assert "cannot look back on less or more" in said(matrix, context=context)
    assert "--context" in said(find_world("cloister"), context=8)


def test_too_little_memory_names_the_least_and_what_helps(eight):
    line = said(eight, vram=0.1)
    least = float(re.search(r"give it ([\d.]+) GB", line)[1])
    assert "--context" in line and 0.5 < least < 0.7, "Python and torch themselves, and little more"


def test_caches_that_no_machine_has_memory_for_are_one_line(eight, tmp_path):
    described = yaml.safe_load((eight / "world.yaml").read_text(encoding="utf-8"))
    described["config"] |= {"kept": 4 * 10**12}
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(described | {"starts": []}), encoding="utf-8")
    assert "no memory for the caches" in (line := said(tmp_path, eight / "weights", context=10**12)) and "CPU" in line
