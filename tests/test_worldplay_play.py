"""WorldPlay, tiny and from official files, through the whole player: logs, videos, saved worlds, kiosk, environment."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace

import av
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from played import Played  # noqa: E402
from session_logs import Walked  # noqa: E402
from test_runtime_kiosk_player import CHORD, exhibit, lines  # noqa: E402, F401
from worldplay_files import TEXTS, stored_config, write_prompts  # noqa: E402
from worldplay_fixtures import VARIANTS  # noqa: E402
from worldplay_opened import folders_fixture, open_world  # noqa: E402, F401

import play  # noqa: E402
from input.events import Press, Release  # noqa: E402
from runtime.errors import UserError  # noqa: E402
from runtime.hud import hud_lines  # noqa: E402
from runtime.logged import Back, Chunk, Loaded, Worded  # noqa: E402
from runtime.session import read_session  # noqa: E402

SCRIPT = "- {at: 0.0, down: w}\n- {at: 0.1, mouse: [60, 9]}\n- {at: 0.5, down: d}\n- {at: 0.9, up: w}\n"
IDENTICAL = "replay: {} chunks, all frames bit-identical"


@pytest.fixture(scope="module")
def world(folders):
    """The 8B, which one test after the other may walk."""
    return open_world(folders["8b"])


@pytest.fixture
def player(capsys):
    """Plays without a window; gives (exit code, last line of stdout, stderr)."""

    def start(folder, *arguments, weights=None):
        argv = ["--headless", "--world", folder, "--weights", weights or folder / "weights", "--engine", "eager"]
        code = play.main([*map(str, argv), "--device", "cpu", *map(str, arguments)])
        told = capsys.readouterr()
        return code, (told.out.strip().splitlines() or [""])[-1], told.err

    return start


@pytest.fixture
def script(tmp_path):
    (tmp_path / "s.yaml").write_text(SCRIPT)
    return "--script", tmp_path / "s.yaml"


@pytest.mark.parametrize("network", VARIANTS)
def test_it_is_recorded_and_walked_again(folders, network, player, script, tmp_path):
    folder, report = folders[network], tmp_path / "r.json"
    walked = ["--seconds", 0.8, "--seed", 3, "--record", tmp_path / "a.mp4", "--report", report]
    assert player(folder, *script, *walked)[::2] == (0, "")
    session = read_session(tmp_path / "a.session.jsonl")
    assert session.chunks >= 2 and session.header.seed == 3
    assert any(np.abs(event.controls).max() > 0 for event in session.events if isinstance(event, Chunk))
    told = json.loads(report.read_text())
    assert min(told["chunk_split_ms"][part] for part in ("denoise", "commit", "decode")) > 0
    assert told["world"] == folder.name and "fp32" in told["backend"]
    shown = " ".join(hud_lines("full", told, frozenset()))
    assert all(part in shown for part in ("denoise", "commit", "decode"))

    assert player(folder, "--replay", tmp_path / "a.session.jsonl") == (0, IDENTICAL.format(session.chunks), "")


def test_a_replay_looks_back_on_as_much_as_its_walk_did(folders, player, script, tmp_path, capsys):
    folder, log = folders["8b"], tmp_path / "a.session.jsonl"
    walked = ["--context", 8, "--seconds", 0.4, "--record", tmp_path / "a.mp4"]
    assert player(folder, *script, *walked)[::2] == (0, "")
    assert read_session(log).header.context == 8
    assert player(folder, "--replay", log) == (0, IDENTICAL.format(read_session(log).chunks), "")
    code, _, told = player(folder, "--replay", log, "--context", 12)
    assert code == 2 and "looked back on 8 latents, and here it is 12" in told
    assert play.main(["--headless", "--world", "cloister", "--replay", str(log)]) == 2
    assert "walked in 'tiny-8b' with other weights" in capsys.readouterr().err


def test_it_is_gone_on_with_and_made_into_a_video(folders, world, player, script, tmp_path):
    folder, session = folders["8b"], Walked(tmp_path / "a.session.jsonl", world).steps(2).end()
    on = ["--continue", session.path, "--record", tmp_path / "b.mp4", "--seconds", 0.7]
    assert player(folder, *script, *on) == (0, IDENTICAL.format(2), "")
    longer = read_session(tmp_path / "b.session.jsonl")
    assert longer.chunks > 2
    size = ["--export", tmp_path / "c.mp4", "--size", "128x64"]
    code, line, _ = player(folder, "--replay", tmp_path / "b.session.jsonl", *size)
    assert (code, line) == (0, IDENTICAL.format(longer.chunks))
    with av.open(str(tmp_path / "c.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 13 + 16 * (longer.chunks - 1) and frames[0].shape == (64, 128, 3)


@pytest.fixture(scope="module")
def eventful(world, tmp_path_factory):
    """A log in which everything happens that can (words, one refused, a way back, another seed, a saved world), and
    what was told of what was refused.
    """
    walk = Walked(tmp_path_factory.mktemp("logs") / "a.session.jsonl", world, seed=4).steps(1)
    generator = walk.generator
    generator.reword(TEXTS[1])
    walk.steps(1)
    generator.reword("rain")
    before = walk.moment()
    walk.steps(1)
    refusal = generator.refusal()
    generator.restore(before)
    walk.steps(1)
    generator.begin(11)
    walk.steps(1)
    generator.restore(replace(before, logged=None))
    walk.steps(1)
    return walk.end(), refusal


def test_whatever_happens_in_a_walk_comes_back(folders, eventful, player):
    session, refusal = eventful
    assert "the text 'rain' is not stored" in refusal and all(repr(text) in refusal for text in TEXTS)
    assert [event.prompt for event in session.events if isinstance(event, Worded)] == [TEXTS[1]]
    assert {Back, Loaded} <= {type(event) for event in session.events}
    assert player(folders["8b"], "--replay", session.path) == (0, IDENTICAL.format(6), "")


def test_a_walk_with_words_that_are_not_stored_here_is_refused_in_one_line(folders, eventful, player, tmp_path):
    session, _ = eventful
    other = tmp_path / "tiny-8b"
    other.mkdir()
    for name in ("world.yaml", "start.png"):
        (other / name).write_bytes((folders["8b"] / name).read_bytes())
    write_prompts(other, stored_config("8b"), TEXTS[:1])
    code, line, errors = player(other, "--replay", session.path, weights=folders["8b"] / "weights")
    assert code == 2 and "identical" not in line and len(errors.splitlines()) == 1
    assert f"the text {TEXTS[1]!r} is not stored" in errors and f"stored: {TEXTS[0]!r})" in errors


def test_it_is_saved_loaded_and_gone_back_in_by_hand(world):
    with Played(world) as played:
        played.generator.reword(TEXTS[2])
        played.chunks(1)
        saved = played.chunks(1, "forward")
        played.press("save")
        played.hear("Saved")
        after = played.chunks(2, "left")
        played.generator.reword(TEXTS[1])
        played.chunks(1)
        played.press("load")
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert played.player.last.pixels.tobytes() == saved[-1] and played.generator.prompt == TEXTS[2]
        assert played.chunks(2, "left") == after
        played.go_back(0.2)
        assert played.player.last.pixels.tobytes() == after[15], "the end of the chunk before what was seen"
        assert played.chunks(1, "left") == after[16:]


def test_an_exhibit_s_prompts_are_dreamt_and_logged(exhibit, world, tmp_path):  # noqa: F811
    touch = [(0.3, Press("forward", "w")), (0.6, Release("forward", "w"))]
    keys = [(1.5, Press("", "1")), (2.0, Press("", "2"))]
    cues = [*touch, *keys, *((3.2, event) for event in CHORD)]
    stage, walk, _ = exhibit(cues, world=world, prompts=(TEXTS[1], "rain"), record=str(tmp_path / "rec"))
    assert walk.generator.prompt == TEXTS[1]
    (told,) = [line for line in lines if "not stored" in line]
    assert "'rain'" in told and not any("stored" in " ".join(said) for said in stage.texts_over)
    (log,) = (tmp_path / "rec").glob("*.session.jsonl")
    session = read_session(log)
    assert [event.prompt for event in session.events if isinstance(event, Worded)] == [TEXTS[1]]
    assert isinstance(session.events[-1], Chunk), "it goes on after what was refused"


def test_as_an_environment(folders):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed: make test installs it")
    ReverieEnv = importlib.import_module("runtime.env").ReverieEnv
    folder = folders["8b"]
    env = ReverieEnv(str(folder), weights=folder / "weights", device="cpu", threads=1, engine="eager")
    action, outcomes = np.array([0, 1, 0.3, 0], np.float32), []
    for prompt in (TEXTS[1], TEXTS[1], None):
        first, _ = env.reset(seed=3, options={"prompt": prompt})
        outcomes.append([first, env.step(action)[0]])
    assert np.array_equal(outcomes[0], outcomes[1]) and not np.array_equal(outcomes[0], outcomes[2])
    state = env.state()
    seen, *_, told = env.step(action)
    assert told["camera"][2, 3] > 0 and len(told["frames"]) == 16
    with pytest.raises(UserError, match="'rain' is not stored"):
        env.reset(seed=3, options={"prompt": "rain"})
    env.load_state(state)
    assert np.array_equal(env.step(action)[0], seen)
    env.close()
