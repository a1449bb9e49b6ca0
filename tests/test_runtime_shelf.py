"""The folder of saved worlds: names, the list, deleting, and writing beside play."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_runtime_slots import slot_of

from runtime.errors import UserError
from runtime.shelf import QUICK, RELOADED, delete_slot, list_slots, slot_path
from runtime.slots import read_slot, write_slot


@pytest.mark.parametrize("name", [QUICK, "The old mill", "回廊 2", "café", "a.b", "console", "com10", "x" * 60, "🌧"])
def test_names_that_every_file_system_takes(tmp_path, name):
    path = slot_path(tmp_path, name)
    write_slot(path, slot_of())
    assert path.parent == tmp_path and [entry.name for entry in list_slots(tmp_path)] == [name]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "x" * 61,
            "界" * 60 + "x",
            "🌧" * 51,
            "a/b",
            "a\\b",
            "..",
            ".",
            ".hidden",
            "dot.",
            " a",
            "a ",
            "a\0",
            "a\n",
        ),
        *(
            "a\x7f",
            "a\u202eb",
            "\ud800",
            "c:",
            "a*",
            'a"b',
            "a?",
            "a|b",
            "<a>",
            "CON",
            "nul",
            "com1",
            "LPT9.old",
            "com²",
        ),
    ],
)
def test_names_that_some_would_not(tmp_path, name):
    with pytest.raises(UserError, match="slot's name|reserved"):
        slot_path(tmp_path, name)


def test_one_name_is_one_slot_however_it_is_typed(tmp_path):
    assert slot_path(tmp_path, "cafe\u0301") == slot_path(tmp_path, "caf\u00e9")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=70))
def test_any_name_stays_in_the_folder_or_is_refused(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp()
    try:
        path = slot_path(folder, name)
    except UserError:
        return
    assert path.parent == folder and len(path.name.encode()) <= 255 and path.resolve().parent == folder.resolve()


def test_the_list_is_newest_first_and_damaged_ones_say_why(tmp_path):
    assert list_slots(tmp_path / "none") == []
    for hour, name in ((2, "b"), (3, "c"), (1, "a")):
        slot = slot_of(prompt=name)
        meta = replace(slot.meta, when=f"2026-01-01T0{hour}:00:00+00:00")
        write_slot(slot_path(tmp_path, name), replace(slot, meta=meta))
    (tmp_path / "broken.safetensors").write_bytes(slot_path(tmp_path, "a").read_bytes()[:500])
    write_slot(slot_path(tmp_path, RELOADED), slot_of())  # the player's own affair
    (tmp_path / "notes.txt").write_text("not a slot")
    (tmp_path / "folder.safetensors").mkdir()
    *whole, one, two = list_slots(tmp_path)
    assert [entry.name for entry in whole] == ["c", "b", "a"] and not any(entry.problem for entry in whole)
    first = whole[0]
    assert (first.world, first.title, first.when[:13]) == ("cloister", "Fake world", "2026-01-01T03")
    assert np.array_equal(first.thumbnail, slot_of(prompt="c").thumbnail)
    assert {one.name, two.name} == {"broken", "folder"} and "cut off" in one.problem + two.problem


def test_the_list_reads_no_state(tmp_path, monkeypatch):
    """Only what it shows: the digest of the whole, which a load checks, is not asked for."""
    path = slot_path(tmp_path, QUICK)
    write_slot(path, slot_of({"large": np.zeros(10**6)}))
    content = bytearray(path.read_bytes())
    content[content.index(bytes(4096)) + 2000] = 1
    path.write_bytes(content)
    assert not list_slots(tmp_path)[0].problem
    with pytest.raises(UserError, match="not as it was written"):
        read_slot(path)


def test_a_slot_is_deleted_once(tmp_path):
    write_slot(slot_path(tmp_path, "a"), slot_of())
    delete_slot(tmp_path, "a")
    assert list_slots(tmp_path) == []
    with pytest.raises(UserError, match="no slot 'a'"):
        delete_slot(tmp_path, "a")
    slot_path(tmp_path, "b").mkdir()
    with pytest.raises(UserError, match="cannot delete"):
        delete_slot(tmp_path, "b")
