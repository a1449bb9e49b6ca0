"""Remap: who loses a key, what must keep one, and a person's own file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input.keymap import ACTIONS, Keymap, load_keymap, with_overrides
from input.keys import LEGAL_NAMES, STICKS, device_of
from input.motion import ROLES
from input.remap import NEEDED, conflict, differences, is_last, load_own, may_bind, rebind, reset, save_own, unbind
from runtime.errors import UserError

BASE = load_keymap()
DRIVE = with_overrides(BASE, {"turn_left": ["a", "left", "q"], "look_up": []}, "a world's")
MANY = settings(max_examples=60, deadline=None)
KEYS = st.sampled_from(LEGAL_NAMES) | st.characters(codec="utf-8").filter(lambda key: may_bind("jump", key))
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("rebind"), st.sampled_from(ACTIONS), KEYS),
        st.tuples(st.just("rebind"), st.sampled_from(ROLES), st.sampled_from(STICKS)),
        st.tuples(st.just("unbind"), st.sampled_from(ACTIONS + ROLES), st.just("")),
        st.tuples(st.just("reset"), st.sampled_from(ACTIONS + ROLES), st.just("")),
    ),
    max_size=12,
)


def words(keymap):
    return {action: keymap.keys_of(action) for action in ACTIONS + ROLES}


def changed(changes, keymap=BASE):
    for kind, action, key in changes:
        match kind:
            case "rebind":
                keymap = rebind(keymap, action, key)[0]
            case "unbind":
                keymap = unbind(keymap, action)
            case "reset":
                keymap = reset(keymap, BASE, action)
    return keymap


def test_a_free_key_replaces_those_of_the_same_device():
    after, loser = rebind(BASE, "turn_left", "j")
    assert loser is None and after.keys_of("turn_left") == ["pad left shoulder", "j"]
    assert after.action_of("left") is None and after.action_of("q") is None
    after, loser = rebind(after, "turn_left", "mouse left")
    assert loser is None and after.keys_of("turn_left") == ["pad left shoulder", "j", "mouse left"]
    assert BASE.keys_of("turn_left") == ["left", "q", "pad left shoulder"], "the old keymap is as it was"


def test_a_key_that_is_taken_says_from_whom():
    assert conflict(BASE, "jump", "w") == "forward" and conflict(BASE, "forward", "w") is None
    after, loser = rebind(BASE, "jump", "w")
    assert loser == "forward" and after.keys_of("forward") == ["pad dpad up"]
    assert after.keys_of("jump") == ["pad a", "w"]


def test_the_menu_keeps_its_last_key():
    assert is_last(BASE, "escape") and not is_last(BASE, "pad start") and not is_last(BASE, "w")
    same, loser = rebind(BASE, "jump", "escape")
    assert same is BASE and loser == "menu"
    assert rebind(BASE, "jump", "pad start")[0].keys_of("menu") == ["escape"]
    assert unbind(BASE, "menu").keys_of("menu") == ["escape"]
    moved, _ = rebind(BASE, "menu", "tab")
    assert moved.keys_of("menu", "keyboard") == ["tab"] and rebind(moved, "jump", "escape")[1] is None


def test_sticks_change_places():
    after, loser = rebind(BASE, "move", "right stick")
    assert loser == "look" and after.keys_of("move") == ["right stick"] and after.keys_of("look") == ["left stick"]
    assert words(reset(after, BASE, "look")) == words(BASE)


@pytest.mark.parametrize(
    ("action", "key"), [("jump", "left stick"), ("move", "w"), ("fly", "w"), ("jump", "AC Back"), ("jump", "")]
)
def test_what_does_not_fit_is_refused(action, key):
    assert not may_bind(action, key)
    with pytest.raises(ValueError):
        rebind(BASE, action, key)


def test_one_action_gets_its_own_keys_back():
    after = rebind(rebind(BASE, "jump", "w")[0], "forward", "i")[0]
    assert reset(after, BASE, "forward").keys_of("forward") == BASE.keys_of("forward")
    assert "w" not in reset(after, BASE, "forward").keys_of("jump")
    assert reset(after, BASE) is BASE
    swapped = rebind(rebind(BASE, "menu", "w")[0], "forward", "escape")[0]
    assert reset(swapped, BASE, "forward").keys_of("menu") == BASE.keys_of("menu")


@MANY
@given(CHANGES, st.sampled_from(ACTIONS), KEYS)
def test_a_key_has_one_action_and_everyone_a_way_out(changes, action, key):
    before = changed(changes)
    after, loser = rebind(before, action, key)
    bound = [k for keys in words(after).values() for k in keys]
    assert len(bound) == len(set(bound)) == len(after.by_key)
    assert all(after.keys_of(needed, "keyboard") for needed in NEEDED)
    if after is before:
        assert loser in NEEDED
    else:
        assert [k for k in after.keys_of(action) if device_of(k) == device_of(key)] == [key]
        lost = {a for a, keys in words(before).items() if set(keys) - set(after.keys_of(a))} - {action}
        assert lost == ({loser} if loser else set())


@MANY
@given(CHANGES)
def test_a_file_brings_back_what_was_saved(tmp_path_factory, changes):
    path, keymap = tmp_path_factory.mktemp("own") / "bindings.yaml", changed(changes)
    save_own(path, keymap)
    assert words(load_own(path)) == words(keymap)
    if words(keymap) == words(BASE):
        assert "[" not in path.read_text()


def test_only_what_differs_is_written_and_lies_over_any_world(tmp_path):
    path = tmp_path / "settings" / "bindings.yaml"
    assert load_own(path, DRIVE) is DRIVE
    own, _ = rebind(DRIVE, "jump", "j")
    assert differences(own, DRIVE) == {"jump": ["pad a", "j"]}
    save_own(path, own, DRIVE)
    assert "turn_left" not in path.read_text()
    assert words(load_own(path, DRIVE)) == words(own)
    assert words(load_own(path)) == words(rebind(BASE, "jump", "j")[0])
    assert [each.name for each in path.parent.iterdir()] == ["bindings.yaml"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("jump: [w", ["cannot be read as YAML", "line"]),
        ("forward: [i]\njmp: [w]", ["unknown action 'jmp'", "line 2", "did you mean 'jump'"]),
        ("jump: [w]\nforward: [w]", ["'w' is bound twice", "line 2"]),
        ("jump: [escape]", ["no key is left for 'menu'", "line 1", "`menu: [escape]`"]),
        ("jump: [x]\nmenu: []", ["no key is left for 'menu'", "line 2", "`menu: [escape]`"]),
        ("", ["not a mapping"]),
        (b"\xff\xfe\x00", ["not UTF-8"]),
    ],
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path, text, parts):
    path = tmp_path / "bindings.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    with pytest.raises(UserError) as caught:
        load_own(path)
    for part in [str(path), "or remove that file", *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and path.read_bytes() == before


@MANY
@given(st.integers(0, 2**32), st.data())
def test_a_mutated_file_is_read_or_told(tmp_path_factory, at, data):
    path = tmp_path_factory.mktemp("own") / "bindings.yaml"
    whole = bytearray(b"jump: [x, pad y]\nforward: [i, '[']\nmove: [right stick]\nlook: []\n")
    start = at % len(whole)
    whole[start : start + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    path.write_bytes(whole)
    try:
        keymap = load_own(path)
    except UserError as error:
        assert str(path) in str(error)
    else:
        assert isinstance(keymap, Keymap) and keymap.keys_of("menu", "keyboard")


def test_a_folder_that_cannot_be_written_is_told_and_the_old_file_stays(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written down.*file.*rights"):
        save_own(tmp_path / "file" / "bindings.yaml", rebind(BASE, "jump", "j")[0])
