"""A kiosk's walk, put together as play.py does, on a screen without a window: who leads, what is kept, what is told."""

import contextlib
import time

import pytest
from fake_world import FakeWorld
from stage import Stage
from test_runtime_refusals import Particular

from input.events import Click, PadAdded, PadRemoved, Press, Quit, Release, Stick
from input.keymap import load_keymap
from runtime import heartbeat
from runtime.heartbeat import Heart
from runtime.kiosk import Kiosk
from runtime.kiosk_config import KioskConfig
from runtime.options import parse_options
from runtime.orders import Choice
from runtime.preferences import Preferences
from runtime.recorder import Recorder
from runtime.session import read_session
from runtime.settings import Settings
from runtime.walk import Table, set_out

CHORD = [Press("", "left ctrl"), Press("", "left shift"), Press("quit", "q")]


class Sealed(Stage):
    """Notes the lines that stand over the picture, too."""

    sealed = False
    texts_over = ()

    def seal(self):
        self.sealed = True

    def draw(self, pixels, layers):
        super().draw(pixels, layers)
        said = tuple(line for layer in layers for line in getattr(layer, "lines", ()))
        if said != self.texts_over[-1:]:
            self.texts_over = (*self.texts_over, said)


@pytest.fixture
def exhibit(tmp_path, monkeypatch):
    """Plays cues, (seconds, event), to the end of a kiosk; gives (screen, walk, heart)."""
    hearts = []

    def play(cues, world=None, load_s=0.0, **config):
        beat = tmp_path / "beat"
        heartbeat.make(beat)
        monkeypatch.setenv(heartbeat.VARIABLE, str(beat))
        hearts.append(Heart(beat))
        stage = Sealed(cues)
        options, preferences = parse_options(["--seconds", "20"]), Preferences(Settings(), {})
        kiosk = Kiosk(KioskConfig(**config), seed=1)

        def load(*_):
            time.sleep(load_s)
            return world or FakeWorld()

        table = Table(options, lambda: stage, preferences, load_keymap(), load, lines.append, kiosk=kiosk)
        with contextlib.ExitStack() as stack:
            walk = set_out(Choice("cloister"), table, stack)
            info = walk.loop.load("fake")
            if info:
                walk.recording.rate = info.fps
                walk.loop.play()
        return stage, walk, hearts[0]

    lines.clear()
    yield play
    for heart in hearts:
        heart.close()


lines = []


def test_from_attract_to_play_to_the_count_down_and_back(exhibit, tmp_path):
    world = FakeWorld()
    touch = [(1.0, Press("forward", "w")), (1.4, Release("forward", "w"))]
    leave = [(5.5, event) for event in CHORD]
    stage, walk, heart = exhibit(
        [*touch, *leave], world=world, idle_s=2.5, countdown_s=1.0, record=str(tmp_path / "rec")
    )
    assert stage.sealed and walk.player.leaving is not None and heart.pulse().phase == heartbeat.LEAVING
    assert len(world.seeds) == 3 and len(set(world.seeds)) == 3, "attract, a fresh world for the visitor, attract"
    words = [" ".join(said) for said in stage.texts_over]
    hint = [index for index, said in enumerate(words) if "Touch any control" in said]
    down = [index for index, said in enumerate(words) if "Still there?" in said]
    assert hint and down and min(hint) < min(down) <= max(down) < max(hint) and "" in words[min(hint) : min(down)]
    (log,), (video,) = (list((tmp_path / "rec").glob(f"*{end}")) for end in (".session.jsonl", ".mp4"))
    session = read_session(log)
    assert session.header.seed == world.seeds[1] and log.name.startswith(video.stem)
    assert 5 <= session.chunks < 0.8 * walk.generator.chunks_dreamt
    assert heart.pulse().lines == session.chunks and heart.pulse().recorded == walk.recording.frames > 20


def test_nothing_ends_or_stops_it_but_the_chord(exhibit):
    keys = ("quit", "menu", "pause", "fullscreen", "save", "load", "record", "screenshot", "toggle_mouse", "prompt")
    cues = [(0.5 + 0.05 * n, Press(name, str(n))) for n, name in enumerate(keys)]
    cues += [(1.2, Quit()), (1.3, Click(0.5, 0.5)), (1.4, PadAdded("a pad")), (1.45, Stick("left stick", 0.0, -1.0))]
    cues += [(1.5, PadRemoved("a pad")), *((2.5, event) for event in CHORD)]
    stage, walk, _ = exhibit(cues)
    assert stage.shown[-1][0] > stage.start + 2.3, "it stood still or ended before the chord"
    assert not walk.player.standing and not walk.player.panes and stage.fills == []
    assert walk.recording.dropped is None and walk.player.held == frozenset()


def test_the_chord_leaves_while_the_world_is_loading(exhibit):
    stage, walk, heart = exhibit([(0.1, event) for event in CHORD], load_s=1.5)
    assert walk.player.leaving is not None and not stage.shown and heart.pulse().phase == heartbeat.LEAVING


def test_a_recording_that_found_the_disk_full_is_not_begun_again_for_that_visitor(exhibit, tmp_path, monkeypatch):
    begun = []

    class Full(Recorder):
        def __init__(self, path, say):
            begun.append(path)
            super().__init__(path, say, free=lambda path: 0.0)

    monkeypatch.setattr("runtime.recording.Recorder", Full)
    touches = [(at, event) for at in (0.5, 1.2) for event in (Press("left", "a"), Release("left", "a"))]
    touches += [(at, event) for at in (4.0,) for event in (Press("left", "a"), Release("left", "a"))]
    exhibit([*touches, *((5.0, event) for event in CHORD)], idle_s=1.0, countdown_s=0.0, record=str(tmp_path))
    assert len(begun) == len(set(begun)) == 2
    assert sum("only 0 MB are free" in line for line in lines) == 2


@pytest.mark.parametrize(("takes_text", "prompts"), [(False, ("rain",)), (True, ("rain",)), (False, ())])
def test_prompts_that_a_world_does_not_take_are_told_to_the_exhibitor(exhibit, takes_text, prompts):
    touch = [(0.6, Press("forward", "w")), (0.9, Press("", "1")), (0.95, Press("prompt", "return"))]
    cues = [*touch, *((1.4, event) for event in CHORD)]
    stage, walk, _ = exhibit(cues, world=FakeWorld(takes_text=takes_text), prompts=prompts)
    told = [line for line in lines if "prompts do nothing here" in line]
    assert len(told) == (bool(prompts) and not takes_text)
    assert (walk.generator.prompt == "rain") == takes_text


def test_a_text_that_is_refused_is_for_the_exhibitor_and_nothing_ends(exhibit):
    touch = [(0.6, Press("forward", "w")), (0.9, Press("", "1")), (1.2, Press("", "2"))]
    world = Particular(takes_text=True)
    stage, walk, _ = exhibit([*touch, *((1.6, event) for event in CHORD)], world=world, prompts=("snow", "rain"))
    assert [line for line in lines if "not stored" in line] == ["the text 'rain' is not stored"]
    assert walk.generator.prompt == "snow" and not any("stored" in " ".join(said) for said in stage.texts_over)
    assert stage.shown[-1][0] > stage.start + 1.4
