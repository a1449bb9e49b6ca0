"""Command lines that nobody would write: each is played, or told in one line with exit code 2."""

from __future__ import annotations

from random import Random

import pytest
from fake_world import ROOT, FakeWorld

import play
from runtime.errors import UserError
from runtime.options import Options, build_parser, parse_options

# What would leave the process, need a network or open a window for good.
ELSEWHERE = {"-h", "--fetch", "--kiosk", "--headless", "--engine-cache"}
OPTIONS = sorted(name for action in build_parser()._actions for name in action.option_strings if name not in ELSEWHERE)
OPTIONS.remove("--help")
VALUES = (
    *(
        "",
        " ",
        "-",
        "--",
        "0",
        "-1",
        "1",
        "7",
        "2147483648",
        "9" * 400,
        "nan",
        "inf",
        "1e999",
        "0x10",
        "1_000",
        "½",
        "٣",
    ),
    *("64x64", "0x0", "1x", "99999x99999", "320X240", "auto", "zh-CN", "xx", "low", "full", "cuda:1", "cpu", "numpy"),
    *("..", "/", "~", "/dev/null", "no/such/folder/file.mp4", "a" * 300, "a" * 300 + ".mp4", "x.session.jsonl"),
    *("cloister", "CLOISTER", "../worlds/cloister", "\udcff", "a\nb", "\x1b[2J", "{}", "%s", "'; ls", "fp32", "int8"),
)

# What some of them want.
FITTING = {
    **{"--world": "cloister", "--image": "start.png", "--seed": "7", "--fps": "240", "--size": "320x240"},
    **{"--record": "new.mp4", "--script": "script.yaml", "--report": "new.json", "--seconds": "0.1", "--frames": "2"},
    **{"--latency": "smooth", "--hud": "full", "--lang": "zh-CN", "--device": "cpu", "--weights": "sub", "--vram": "4"},
    **{
        "--engine-dir": "sub",
        "--export": "video.mp4",
        "--decoder": "tiny",
        "--attention": "sdpa",
        "--precision": "fp32",
    },
}


def command_line(random: Random, folder) -> list[str]:
    """Some options, some values, some of both, and some of neither."""
    own = [str(path) for path in sorted(folder.iterdir())]
    words = []
    for _ in range(random.randint(1, 5)):
        if random.random() < 0.6:
            words += random.choice(list(FITTING.items()))
            continue
        if random.random() < 0.85:
            words.append(random.choice(OPTIONS))
        if random.random() < 0.75:
            words.append(random.choice(own if random.random() < 0.3 else VALUES))
    if words and random.random() < 0.1:
        words = [f"{words[0]}={words[-1]}"]
    return words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to be in, with some files that are what they are called and some that are not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.png").write_bytes((ROOT / "assets/starts/court.png").read_bytes())
    (tmp_path / "walk.session.jsonl").write_text('{"format": "reverie-session"}\n')
    (tmp_path / "script.yaml").write_text("- {at: 0, down: w}\n")
    (tmp_path / "old.mp4").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    return tmp_path


def told(line: str) -> bool:
    return line.startswith("reverie: ") and line.endswith("\n") and line[:-1].isprintable()


def test_200_command_lines(folder, capsys):
    codes = {0: 0, 2: 0}
    for seed in range(200):
        argv = [*command_line(Random(seed), folder), "--frames", "1", "--fps", "500", "--headless"]
        code = play.main(argv, load_world=lambda *_: FakeWorld())
        errors = capsys.readouterr().err
        assert code in codes, argv
        assert told(errors) if code == 2 else not errors, (argv, errors)
        codes[code] += 1
    assert codes[0] > 10 and codes[2] > 50


def test_any_words_are_options_or_told(folder):
    for seed in range(200, 600):
        random = Random(seed)
        argv = command_line(random, folder) + random.choice([[], ["--headless"], ["--kiosk", random.choice(VALUES)]])
        try:
            assert isinstance(parse_options(argv), Options)
        except UserError as error:
            assert str(error).isprintable(), argv


def test_help_leaves_with_0(capsys):
    with pytest.raises(SystemExit) as left:
        play.main(["--help"])
    assert left.value.code == 0 and "--replay" in capsys.readouterr().out
