"""kiosk.yaml: the example is what there is by default; every mistake is one line with file, key and remedy."""

import random

import pytest
import yaml
from fake_world import ROOT

from runtime.errors import UserError
from runtime.kiosk_config import KioskConfig, read_kiosk, words_of
from runtime.watch import Limits

EXAMPLE = ROOT / "assets" / "kiosk.yaml"


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "kiosk.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_the_example_says_what_is_so_without_it(write):
    example = read_kiosk(EXAMPLE)
    given = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert set(given) == set(KioskConfig.__dataclass_fields__), "the example does not tell every key"
    plain = read_kiosk(write(""))
    assert plain == KioskConfig()
    assert {key: getattr(example, key) for key in given if key != "hint"} == {
        key: getattr(plain, key) for key in given if key != "hint"
    }
    assert words_of(example.hint, "zh-CN") == "触碰任意按键开始" and words_of({"en": "Go"}, "zh-CN") == "Go"


def test_numbers_paths_and_lists_are_read(write, tmp_path):
    for name in ("a.session.jsonl", "still.png"):
        (tmp_path / name).write_text("x")
    config = read_kiosk(
        write(
            "idle_s: 7\nlog_files: 2\nseed: 12\nchord: [1, f10]\nattract: a.session.jsonl\nstill: still.png\n"
            "restart: {turn_s: 3}\nprompts: [yes, on, 3]\nallowed: [forward, prompt]\nlog: logs/k.log\nrecord: out\n"
        )
    )
    assert (config.idle_s, config.log_files, config.fixed_seed) == (7.0, 2, 12)
    assert config.chord == ("1", "f10") and config.prompts == ("yes", "on", "3")
    assert config.allowed == ("forward", "prompt")
    assert config.restart == Limits(turn_s=3.0)
    assert config.attract == (str(tmp_path / "a.session.jsonl"),) and config.still == str(tmp_path / "still.png")
    assert config.log == str(tmp_path / "logs" / "k.log") and config.record == str(tmp_path / "out")
    assert read_kiosk(write("seed: fresh")).fixed_seed is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("idle: 5", ["unknown key 'idle'", "idle_s"]),
        ("restart: {turns: 5}", ["restart", "unknown key 'turns'", "turn_s"]),
        ("idle_s: soon", ["idle_s", "'soon'"]),
        ("idle_s: 0", ["idle_s is 0", "from 1 to"]),
        ("idle_s: nan", ["idle_s", "nan"]),
        ("session_s: -3", ["session_s is -3"]),
        ("log_files: 2.5", ["log_files", "'2.5'"]),
        ("restart: {load_s: 1e9}", ["restart", "load_s is 1e+09"]),
        ("restart: 5", ["restart", "mapping"]),
        ("allowed: [forward, quit]", ["'quit' cannot be allowed"]),
        ("allowed: [forwards]", ["did you mean 'forward'"]),
        ("allowed: forward", ["allowed"]),
        ("chord: []", ["no chord", "chord: [left ctrl"]),
        ("chord: [LEFT CTRL]", ["unknown key 'LEFT CTRL'"]),
        ("seed: new", ["seed is 'new'", "fresh"]),
        ("prompts: ['']", ["empty prompt"]),
        ("prompts: [fog]\nallowed: [forward]", ["prompts", "not allowed", "add `prompt` to `allowed`"]),
        ("still: nowhere.png", ["no file", "nowhere.png", "still"]),
        ("attract: [nowhere.session.jsonl]", ["no file", "attract"]),
        ("hint: Hello", ["hint"]),
        ("[1, 2]", ["mapping"]),
        ("idle_s: 5\nidle_s: 6", ["given twice"]),
        ("idle_s: [", ["YAML"]),
    ],
)
def test_a_mistake_is_one_line(write, text, named):
    path = write(text)
    with pytest.raises(UserError) as caught:
        read_kiosk(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    assert [word for word in named if word not in line] == []


def test_mutated_files_are_refused_or_read_but_never_crash(write):
    """Two hundred files with letters altered, doubled, or lost."""
    whole = EXAMPLE.read_text(encoding="utf-8")
    lines = [line for line in whole.splitlines() if line and not line.startswith("#")]
    draw = random.Random(5)
    refused = 0
    for _ in range(200):
        text = list("\n".join(lines))
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(text))
            text[at : at + draw.randrange(3)] = draw.choice(
                ["", ":", "\t", "- ", "[", "\x00", "9", "x", "\n", "{}", "*"]
            )
        try:
            read_kiosk(write("".join(text)))
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 50


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "kiosk.yaml"
    path.write_bytes(b"\xff\xfe\x00idle_s")
    with pytest.raises(UserError, match="UTF-8"):
        read_kiosk(path)
    with pytest.raises(UserError, match="cannot read"):
        read_kiosk(tmp_path / "none.yaml")
