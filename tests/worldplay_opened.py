"""Tiny WorldPlays of both variants, written and opened once for each file of tests that imports these fixtures."""

from __future__ import annotations

import pytest
from worldplay_files import stored_config, write_world
from worldplay_fixtures import VARIANTS

from model.registry import load_world
from model.world import LoadOptions
from model.worldfile import read_world_file
from runtime.errors import UserError


def open_world(folder, weights=None, **options):
    own = {"weights": weights or folder / "weights", "threads": 1, "device": "cpu", "engine": "eager"}
    return load_world(str(folder), LoadOptions(**(own | options)))


def config_in(folder):
    from model.worldplay.files import config_of

    return config_of(folder, read_world_file(folder))


def said(folder, weights=None, **options) -> str:
    """The line that loading ends with."""
    with pytest.raises(UserError) as caught:
        open_world(folder, weights, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.fixture(name="folders", scope="module")
def folders_fixture(tmp_path_factory):
    """The folder of each variant, by its name."""
    made = tmp_path_factory.mktemp("worlds")
    return {network: write_world(made / f"tiny-{network}", stored_config(network)) for network in VARIANTS}


@pytest.fixture(name="worlds", scope="module")
def worlds_fixture(folders):
    """Each variant, which one test after the other may walk."""
    return {network: open_world(folder) for network, folder in folders.items()}


@pytest.fixture(name="network", params=VARIANTS)
def network_fixture(request):
    return request.param


@pytest.fixture(name="folder")
def folder_fixture(folders, network):
    return folders[network]


@pytest.fixture(name="world")
def world_fixture(worlds, network):
    return worlds[network]


@pytest.fixture(name="eight")
def eight_fixture(folders):
    """The folder of the 8B."""
    return folders["8b"]
