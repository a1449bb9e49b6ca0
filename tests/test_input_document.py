"""YAML: every file that people edit is read by loaders that refuse a key that is given twice, in one line."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
import yaml
from fake_world import ROOT
from hypothesis import given
from hypothesis import strategies as st

from input.document import read_document, read_values
from input.keymap import load_keymap
from input.remap import load_own
from input.script import load_script
from model.worldfile import read_world_file
from runtime.errors import UserError
from runtime.kiosk_config import read_kiosk
from runtime.settings_file import load_settings

READERS = {
    "settings.yaml": load_settings,
    "world.yaml": lambda path: read_world_file(path.parent),
    "kiosk.yaml": read_kiosk,
    "bindings.yaml": load_own,
    "keymap.yaml": load_keymap,
    "script.yaml": lambda path: load_script(path, load_keymap()),
}
WORLDS = sorted((ROOT / "assets" / "worlds").glob("*/world.yaml"))


@pytest.mark.parametrize(
    ("name", "content", "key", "line"),
    [
        ("settings.yaml", "hud: full\nvsync: true\nhud: line\n", "hud", 3),
        ("settings.yaml", "hud: full\n'hud': full\n", "hud", 2),
        ("world.yaml", "title: A\nsummary: b\ntitle: A\n", "title", 3),
        ("world.yaml", "title: A\nconfig:\n  width: 128\n  height: 72\n  width: 64\n", "width", 5),
        ("world.yaml", "files: {a.bin: '', a.bin: ''}\n", "a.bin", 1),
        ("kiosk.yaml", "idle_s: 5\nidle_s: 6\n", "idle_s", 2),
        ("kiosk.yaml", "restart:\n  turn_s: 1\n  turn_s: 2\n", "turn_s", 3),
        ("bindings.yaml", "forward: [w]\n\nforward: [up]\n", "forward", 3),
        ("keymap.yaml", "forward: [w]\nforward: [up]\n", "forward", 2),
        ("script.yaml", "- {at: 0, down: w}\n- {at: 1, at: 2, up: w}\n", "at", 2),
    ],
)
def test_a_key_that_is_given_twice_is_one_line_that_names_it(tmp_path, name, content, key, line):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=f"'{re.escape(key)}' is given twice") as told:
        READERS[name](path)
    assert "\n" not in str(told.value) and str(path) in str(told.value) and f"line {line}" in str(told.value)


def test_the_same_key_may_be_given_in_two_places():
    assert read_values(b"a: {x: 1}\nb: {x: 2}\nc: [{x: 3}, {x: 4}]") == {
        "a": {"x": 1},
        "b": {"x": 2},
        "c": [{"x": 3}, {"x": 4}],
    }


def test_values_are_what_they_look_like_and_off_is_a_word(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: off\nc: true\nd: 1.5\ne: 2026-01-02\n")
    said = {"a": 1, "b": "off", "c": True, "d": 1.5, "e": datetime.date(2026, 1, 2)}
    assert read_values(path.read_bytes()) == said
    assert read_document(path)[0] == {"a": "1", "b": "off", "c": "true", "d": "1.5", "e": "2026-01-02"}


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.parent.name)
def test_the_bundled_worlds_say_what_plain_yaml_says(path: Path):
    assert read_values(path.read_bytes()) == yaml.safe_load(path.read_text(encoding="utf-8"))


words = st.text("ab:#-[]{}&*!|>'\"\n <", max_size=30)


@given(words)
def test_whatever_is_written_is_read_or_told_in_a_line(content):
    try:
        read_values(content.encode())
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
