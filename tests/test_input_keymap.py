"""Keymap: the default bindings, and what a bindings file may say."""

import pytest

from input.keymap import ACTIONS, COMMANDS, Keymap, load_keymap, with_overrides
from input.keys import NAMED_KEYS, device_of, is_key_name
from input.motion import MOVEMENT_ACTIONS, ROLES
from runtime.errors import UserError


@pytest.mark.parametrize(
    ("key", "action"),
    [
        *(("w", "forward"), ("s", "back"), ("a", "left"), ("d", "right"), ("left shift", "run")),
        *(("left", "turn_left"), ("q", "turn_left"), ("right", "turn_right"), ("e", "turn_right")),
        *(("up", "look_up"), ("down", "look_down"), ("p", "pause"), ("r", "reset"), ("n", "new_seed")),
        *(("f11", "fullscreen"), ("f12", "screenshot"), ("f1", "hud"), ("escape", "menu"), ("m", "toggle_mouse")),
        *(("f2", "help"), ("h", "help"), ("space", "jump"), ("left ctrl", "slide"), ("f10", "quit")),
        *(("pad a", "jump"), ("pad start", "menu"), ("pad b", "rewind"), ("pad left stick", "run")),
        *(("left stick", "move"), ("right stick", "look"), ("mouse left", None)),
        ("x", None),
    ],
)
def test_default_bindings(key, action):
    assert load_keymap().action_of(key) == action


def test_every_action_has_a_default_key():
    keymap = load_keymap()
    assert all(keymap.keys_of(action, "keyboard") for action in ACTIONS)
    assert all(keymap.keys_of(role) for role in ROLES)
    assert not set(MOVEMENT_ACTIONS) & set(COMMANDS)


def test_keys_are_told_by_device():
    keymap = Keymap({"w": "forward", "mouse left": "forward", "pad dpad up": "forward", "left stick": "move"})
    assert keymap.keys_of("forward") == ["w", "mouse left", "pad dpad up"]
    assert [keymap.keys_of("forward", device) for device in ("keyboard", "mouse", "pad")] == [
        ["w"],
        ["mouse left"],
        ["pad dpad up"],
    ]
    assert keymap.keys_of("move", "pad") == ["left stick"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("w", ("forward", "w")),
        ("forward", ("forward", "w")),
        ("left", ("turn_left", "left")),
        ("back", ("back", "")),
        ("x", None),
    ],
)
def test_resolve_takes_keys_and_actions(tmp_path, name, found):
    path = tmp_path / "b.yaml"
    path.write_text("forward: [w, i]\nturn_left: [left]\nback: []\n")
    assert load_keymap(path).resolve(name) == found


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fly: [w]", ["unknown action 'fly'", "line 1", "use one of", "forward"]),
        ("forward: [w]\nforwrd: [s]", ["'forwrd'", "line 2", "did you mean 'forward'"]),
        ("forward: [lft shift]", ["unknown key 'lft shift'", "entry 'forward'", "did you mean 'left shift'"]),
        ("forward: [W]", ["unknown key 'W'"]),
        ("jump: [pad aa]", ["unknown key 'pad aa'", "did you mean 'pad a'"]),
        ("jump: [mouse lft]", ["did you mean 'mouse left'"]),
        ("forward: [left stick]", ["no key but a stick", "line 1", "`move: [left stick]`"]),
        ("move: [w]", ["'w' is not a stick", "left stick, right stick"]),
        ("move: [left stick]\nlook: [left stick]", ["'left stick' is bound twice", "line 2"]),
        ("forward: " + 4000 * "[", ["cannot be read as YAML"]),
        ("forward: [w]\nback: [w]", ["'w' is bound twice", "line 2", "'back'", "remove it here or from 'forward'"]),
        ("forward: [w, w]", ["'w' is bound twice"]),
        ("forward: [w]\nforward: [s]", ["'forward' is given twice"]),
        ("forward: w", ["not a list", "line 1", "`forward: [w]`"]),
        ("forward:", ["not a list"]),
        ("forward: [[w]]", ["not a list of names"]),
        ("? [forward]\n: [w]", ["cannot be read as YAML", "line 1"]),
        ("- w", ["not a mapping", "`forward: [w]`"]),
        ("", ["not a mapping"]),
        ("forward: [w", ["cannot be read as YAML", "line 1"]),
        ("forward: [w]\x07", ["is not UTF-8 text"]),
    ],
)
def test_mistakes_are_told(tmp_path, text, parts):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_keymap(path)
    for part in ["mine.yaml", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize("content", [None, b"forward: [\xff]"])
def test_unreadable_files_are_told(tmp_path, content):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="mine.yaml"):
        load_keymap(path)


def test_names_that_yaml_would_bend_are_keys(tmp_path):
    path = tmp_path / "b.yaml"
    path.write_text("forward: [1, n, y]\nback: ['[', \"[4]\", ö]\n")
    assert list(load_keymap(path).by_key) == ["1", "n", "y", "[", "[4]", "ö"]


DEFAULTS = Keymap({"w": "forward", "left": "turn_left", "q": "turn_left", "space": "jump", "p": "pause"})


@pytest.mark.parametrize(
    ("overrides", "after"),
    [
        ({}, dict(DEFAULTS.by_key)),
        (
            {"forward": ["up"]},
            {"left": "turn_left", "q": "turn_left", "space": "jump", "p": "pause", "up": "forward"},
        ),
        ({"left": ["left", "a"]}, {**DEFAULTS.by_key, "left": "left", "a": "left"}),
        ({"turn_left": []}, {"w": "forward", "space": "jump", "p": "pause"}),
        (
            {"jump": ("w",), "forward": ["space"]},
            {"left": "turn_left", "q": "turn_left", "p": "pause", "w": "jump", "space": "forward"},
        ),
        ({"pause": ["space"]}, {"w": "forward", "left": "turn_left", "q": "turn_left", "space": "pause"}),
    ],
)
def test_overrides_take_keys_and_leave_the_rest(overrides, after):
    before = dict(DEFAULTS.by_key)
    assert with_overrides(DEFAULTS, overrides, "here").by_key == after
    assert DEFAULTS.by_key == before


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"fly": ["w"]}, ["unknown action 'fly'", "entry 'fly'", "use one of"]),
        ({1: ["w"]}, ["unknown action 1"]),
        ({"jump": ["spcae"]}, ["unknown key 'spcae'", "entry 'jump'", "did you mean 'space'"]),
        ({"jump": ["x"], "slide": ["x"]}, ["'x' is bound twice", "entry 'slide'", "remove it here or from 'jump'"]),
        ({"jump": "x"}, ["not a list of names", "`jump: [w]`"]),
        ({"jump": [1]}, ["not a list of names"]),
        ({"jump": None}, ["not a list of names"]),
        (["jump"], ["not a mapping"]),
    ],
)
def test_mistakes_in_overrides_are_told(overrides, parts):
    with pytest.raises(UserError) as caught:
        with_overrides(load_keymap(), overrides, "town/world.yaml, bindings")
    for part in ["town/world.yaml, bindings", *parts]:
        assert part in str(caught.value)


@pytest.fixture
def pygame(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    module = pytest.importorskip("pygame")
    module.display.init()
    yield module
    module.display.quit()


def test_key_names_are_pygames(pygame):
    constants = {pygame.key.name(getattr(pygame, name)) for name in dir(pygame) if name.startswith("K_")}
    legal = {name for name in constants if is_key_name(name)}
    assert set(NAMED_KEYS) <= legal
    assert constants - legal == {"", "AC Back", "CurrencySubUnit", "euro", "sys req"} & constants
    bound = [name for name in load_keymap().by_key if device_of(name) == "keyboard"]
    assert all(pygame.key.name(pygame.key.key_code(name)) == name for name in bound)
