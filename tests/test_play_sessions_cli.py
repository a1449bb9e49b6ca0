"""The options of sessions, saved worlds, kiosks and exports: all parse, help names them, what cannot be is one line."""

import pytest
from fake_world import FakeWorld
from session_logs import Walked

import play
from runtime.options import build_parser, parse_options


def test_everything_parses(tmp_path):
    folder = str(tmp_path)
    options = parse_options(["--fullscreen", "--latency", "low", "--lang", "zh-CN", "--hud", "full", "--offline"])
    assert (options.fullscreen, options.latency, options.lang, options.hud, options.offline) == (
        *(True, "low", "zh-CN", "full", True),
    )
    assert parse_options(["--latency", "smooth", "--lang", "en", "--hud", "off"]).overrides == {
        "latency": "smooth",
        "language": "en",
        "hud": "off",
    }
    assert parse_options(["--hud", "line"]).hud == "line"
    assert parse_options(["--slot", "on the hill"]).slot == "on the hill"
    assert parse_options(["--kiosk", f"{folder}/kiosk.yaml"]).kiosk == tmp_path / "kiosk.yaml"
    assert parse_options(["--continue", f"{folder}/a.session.jsonl"]).resume == tmp_path / "a.session.jsonl"
    export = parse_options(["--export", f"{folder}/o.mp4", "--replay", "a.session.jsonl"]).export
    assert export == tmp_path / "o.mp4" and not export.exists()


def test_help_lists_everything(capsys):
    text = " ".join(build_parser().format_help().split())
    for words in ("--fullscreen", "--kiosk FILE", "--continue FILE", "--export FILE", "--slot NAME", "--offline"):
        assert words in text
    for words in ("--latency {low,smooth}", "--lang {auto,en,zh-CN}", "--hud {off,line,full}", "--replay FILE"):
        assert words in text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("--replay a --continue b", "not allowed with"),
        ("--replay a --slot b", "not allowed with"),
        ("--continue a --slot b", "not allowed with"),
        ("--kiosk a --replay b", "not allowed with"),
        ("--kiosk a --slot b", "not allowed with"),
        ("--kiosk a --export {o}", "--kiosk and --export exclude each other"),
        ("--replay a --script b", "--replay and --script exclude each other"),
        ("--replay a --seed 4", "leave --seed out"),
        ("--continue a --seed 4", "leave --seed out"),
        ("--slot a --seed 4", "leave --seed out"),
        ("--slot a --image b", "--slot and --image exclude each other"),
        ("--slot ../a", "a slot's name cannot have"),
        ("--export {o}", "nothing to export"),
        ("--export {o} --script b", "nothing to export"),
        ("--export {o} --slot b", "nothing to export"),
        ("--export {o} --continue a", "--export and --continue exclude each other"),
        ("--export {o} --seconds 2 --record {o}", "--export and --record exclude each other"),
        ("--export {o} --seconds 2 --report r.json", "--export and --report exclude each other"),
        ("--export o.avi --seconds 2", "mp4"),
        ("--export no/such/folder/o.mp4 --seconds 2", "cannot write the video"),
        ("--export {o} --replay missing", "cannot read the session"),
        ("--continue missing", "cannot read the session"),
        ("--latency none", "invalid choice"),
        ("--lang fr", "invalid choice"),
        ("--hud some", "invalid choice"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, monkeypatch, capsys, argv, words):
    monkeypatch.chdir(tmp_path)
    given = ["--headless"] if "--kiosk" not in argv else []
    code = play.main([*given, *argv.replace("{o}", str(tmp_path / "o.mp4")).split()], load_world=lambda *_: FakeWorld())
    told = capsys.readouterr()
    assert code == 2 and words in told.err and len(told.err.splitlines()) == 1 and told.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_kiosk_has_a_window(capsys):
    assert play.main(["--headless", "--kiosk", "kiosk.yaml"]) == 2
    assert "an exhibit has a window" in capsys.readouterr().err


def test_the_next_walk_overwrites_nothing_of_the_first(tmp_path):
    options = parse_options(["--record", str(tmp_path / "o.mp4"), "--image", "x.png", "--script", "y.yaml"])
    assert options.record == tmp_path / "o.mp4"
    (tmp_path / "o.mp4").touch()
    assert (options.later().record, options.later().image, options.later().script) == (tmp_path / "o-2.mp4", None, None)
    (tmp_path / "o-2.session.jsonl").touch()
    assert options.later().record == tmp_path / "o-3.mp4"
    assert parse_options([]).later().record is None


def test_who_chose_what_cannot_be_in_the_window_chooses_again(tmp_path, monkeypatch, capsys):
    from runtime.orders import Choice

    Walked(tmp_path / "a.session.jsonl").steps(1).end()
    (tmp_path / "a.session.jsonl").write_bytes((tmp_path / "a.session.jsonl").read_bytes()[:200])
    asked = [Choice(resume=tmp_path / "a.session.jsonl"), Choice(world="cloister", slot="nothing"), None]
    told = []

    def ask(table, said=""):
        told.append(said)
        return asked.pop(0)

    monkeypatch.setattr(play, "ask", ask)
    assert play.main([], load_world=lambda *_: FakeWorld()) == 2
    assert asked == [] and told[0] == "" and "not a session" in told[1] and "no saved world 'nothing'" in told[2]
