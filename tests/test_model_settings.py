"""World files that are wrong: one line that names the file, the key and what is wanted."""

from __future__ import annotations

import pytest
import yaml

from model.registry import load_world
from model.world import LoadOptions
from runtime.errors import UserError


@pytest.fixture
def world(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    from matrix_fixtures import tiny_config, write_world

    return write_world(tmp_path, tiny_config())


CONFIGS = [
    ({"steps": []}, "must fall"),
    ({"steps": [-5]}, "within 1 and 1000"),
    ({"steps": [300, 900]}, "must fall"),
    ({"steps": "1000"}, "steps is '1000'"),
    ({"width": 0}, "above 0"),
    ({"width": 50}, "patches"),
    ({"fps": 0}, "above 0"),
    ({"fps": float("nan")}, "finite"),
    ({"vocabulary": [["forward", "walk", "more"]]}, "vocabulary has 3 entries, where 2"),
    ({"vocabulary": [["fly", "fly"]]}, "'fly'"),
    ({"keyboard": ["forward", "back", "fly", "swim"]}, "'fly', 'swim'"),
    ({"keyboard": ["forward", "forward", "left", "right"]}, "one action twice"),
    ({"network": {"heads": 0}}, "not 0 heads"),
    ({"network": {"actions": {"widow": 3}}}, "unknown key 'widow'.*world.yaml: network: actions"),
    ({"network": []}, "mapping"),
]
FACTS = [
    ({"family": []}, "family is"),
    ({"family": "chess"}, "unknown family"),
    ({"starts": [3]}, "starts is 3"),
    ({"files": ["a"]}, "files is"),
    ({"title": ["a"]}, "title is"),
    ({"source": {"repo": "a/b", "licence": "MIT", "mirror": 1}}, "unknown key 'mirror'"),
]


def alter(world, changes):
    path = world / "world.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def refused(world, said):
    with pytest.raises(UserError, match=said) as caught:
        load_world(str(world))
    message = str(caught.value)
    assert "\n" not in message and str(world) in message


@pytest.mark.parametrize("changes, said", CONFIGS, ids=[str(changes) for changes, _ in CONFIGS])
def test_a_wrong_config(world, changes, said):
    facts = yaml.safe_load((world / "world.yaml").read_text())
    alter(world, {"config": facts["config"] | changes})
    refused(world, said)


@pytest.mark.parametrize("changes, said", FACTS, ids=[str(changes) for changes, _ in FACTS])
def test_wrong_facts(world, changes, said):
    alter(world, changes)
    refused(world, said)


def test_a_start_picture_that_is_not_there_is_told_before_weights_are_read(world, monkeypatch):
    alter(world, {"starts": ["nope.png"]})
    monkeypatch.setattr("model.matrix_game.load.identity", lambda *_: pytest.fail("weights were read"))
    with pytest.raises(UserError, match="cannot read the image.*nope.png"):
        load_world(str(world), LoadOptions(weights=world / "weights"))


@pytest.mark.parametrize("text, said", [("", "mapping"), ("- a", "mapping"), ("a: [", "not a world file")])
def test_no_world_file_at_all(world, text, said):
    (world / "world.yaml").write_text(text)
    refused(world, said)
