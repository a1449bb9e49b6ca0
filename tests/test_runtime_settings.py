"""Settings and their file: what may be in it comes back, what may not is one line, and nothing is overwritten."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from runtime import folders
from runtime.errors import UserError
from runtime.settings import CHOICES, COSTS, SPANS, Settings, cost_of
from runtime.settings_file import load_settings, save_settings, settings_path

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def values_of(name: str) -> st.SearchStrategy:
    """What the field `name` may hold."""
    if name in CHOICES:
        return st.sampled_from(CHOICES[name])
    if name in SPANS:
        low, high, _ = SPANS[name]
        return st.integers(low, high) if FIELDS[name].type == "int" else st.floats(low, high)
    return st.booleans() if FIELDS[name].type == "bool" else st.text(st.characters(codec="utf-8"), max_size=20)


ANY = st.builds(Settings, **{name: values_of(name) for name in FIELDS})


@hypothesis_settings(max_examples=40, deadline=None)
@given(wanted=ANY)
@example(wanted=Settings(world="\x85"))
@example(wanted=Settings(world="a\u2028 b\u2029"))
def test_every_settings_come_back_from_their_file(tmp_path_factory, wanted):
    path = tmp_path_factory.mktemp("settings") / "deep" / "settings.yaml"
    save_settings(wanted, path)
    assert load_settings(path) == wanted
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.yaml"]


def test_every_field_has_limits_and_a_known_cost():
    limited = set(CHOICES) | set(SPANS)
    assert {name for name, field in FIELDS.items() if field.type != "bool"} - limited == {"world"}
    assert limited <= set(FIELDS) and set(COSTS) <= set(FIELDS)
    assert cost_of("hud") == "live" and cost_of("engine") == "restart" and cost_of("rewind_mb") == "chunk"


def test_without_a_file_the_defaults_hold_and_it_lies_where_settings_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "own"))
    assert load_settings() == Settings()
    save_settings(Settings(hud="full"))
    assert settings_path() == folders.settings_folder() / "settings.yaml" == tmp_path / "own" / "settings.yaml"
    assert load_settings() == Settings(hud="full")


def test_a_file_may_name_some_fields_and_off_is_a_word(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("hud: off\nvsync: true\ninterface_scale: 2\n", encoding="utf-8")
    assert load_settings(path) == Settings(hud="off", vsync=True, interface_scale=2.0)
    path.write_text("# nothing chosen yet\n", encoding="utf-8")
    assert load_settings(path) == Settings()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"hud: ful", ["hud is 'ful'", "off, line, full"]),
        (b"dead_zone: 2", ["dead_zone is 2.0", "from 0.0 to 0.9"]),
        (b"dead_zone: .nan", ["dead_zone", "finite"]),
        (b"rewind_mb: 1.5", ["rewind_mb is 1.5", "int"]),
        (b"vsync: on", ["vsync is 'on'", "bool"]),
        (b"volume: 3", ["unknown key 'volume'"]),
        (b"- hud", ["a mapping"]),
        (b"hud: [full", ["line 1"]),
        (b"hud: \xff", ["cannot be read"]),
        (b"rewind_mb: " + b"9" * 5000, ["cannot be read"]),
        (b"a: " + b"[" * 1000, ["cannot be read"]),
        (b"#" * 70_000, ["too long"]),
    ],
)
def test_a_damaged_file_is_one_line_and_stays_as_it_is(tmp_path, content, parts):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    for act in (load_settings, lambda at: save_settings(Settings(), at)):
        with pytest.raises(UserError) as told:
            act(path)
        assert "\n" not in str(told.value) and str(path) in str(told.value)
        assert all(part in str(told.value) for part in parts), str(told.value)
    assert path.read_bytes() == content


def test_mutated_files_are_read_or_refused(tmp_path):
    path, chance = tmp_path / "settings.yaml", random.Random(5)
    save_settings(Settings(hud="full", world="cloister"), path)
    whole, refused = path.read_bytes(), 0
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.randint(1, len(content))])
        try:
            assert isinstance(load_settings(path), Settings)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refused > 20


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot (read|write) the settings"):
        save_settings(Settings(), tmp_path / "file" / "settings.yaml")
