"""What a world will not do: it is told, the walk and its log go on without a gap, and a replay ends there."""

from __future__ import annotations

import numpy as np
import pytest
from fake_world import FakeWorld
from generators import STILL, begun, make_fixture, wait_for  # noqa: F401
from played import Played
from session_logs import Walked, replayed
from test_runtime_generator_overlap import Overlapping

from runtime.errors import UserError
from runtime.image import StartImage
from runtime.session_log import SessionLog, digest

PICTURE = StartImage("", "", np.full((20, 30, 3), 9, np.uint8))


class Choosy:
    """Takes neither rain nor pictures, and has changed nothing where it does not."""

    def reset(self, image, prompt, seed):
        if image is not None:
            raise UserError("this picture is not stored")
        super().reset(image, prompt, seed)

    def prompt(self, text):
        if text == "rain":
            raise UserError("the text 'rain' is not stored")
        super().prompt(text)


class Particular(Choosy, FakeWorld):
    pass


class Hasty(Choosy, Overlapping):
    pass


def particular():
    return Particular(takes_text=True)


def settled(generator):
    wait_for(lambda: generator.idle)


def test_a_text_that_is_refused_is_taken_back_but_not_a_later_one(make):
    generator = make(particular())
    begun(generator)
    generator.reword("snow")
    generator.reword("rain")
    settled(generator)
    assert "rain" in generator.refusal() and generator.prompt == "snow"
    generator.reword("rain")
    generator.reword("fog")
    settled(generator)
    assert "rain" in generator.refusal() and generator.prompt == "fog"


def test_who_begins_again_with_what_is_refused_goes_on_with_what_was(make):
    generator = make(particular())
    begun(generator, seed=4)
    generator.step(STILL, 0.0)
    settled(generator)
    for prompt, image in (("", PICTURE), ("rain", None)):
        generator.prompt, generator.image = prompt, image
        generator.begin(7)
        settled(generator)
        assert "is not stored" in generator.refusal()
        assert (generator.seed, generator.image, generator.prompt) == (4, None, "")
    generator.begin(8)
    settled(generator)
    assert not generator.refusal() and generator.seed == 8


def test_a_world_that_cannot_begin_at_all_says_so(make):
    generator = make(particular(), image=PICTURE)
    wait_for(lambda: generator.info)
    generator.begin(0)
    with pytest.raises(UserError, match="picture is not stored"):
        wait_for(lambda: generator.check())


@pytest.mark.parametrize("first_frames", [None, 7])
def test_a_chunk_that_was_given_up_for_nothing_is_not_missing(make, tmp_path, capsys, first_frames):
    """Refused in the middle of a chunk, of which the world has the whole in its state."""
    world = Particular(0.05, takes_text=True, first_frames=first_frames)
    log = SessionLog(tmp_path / "a.session.jsonl")
    generator = make(world, witnesses=(log,))
    begun(generator)
    for _ in range(3):
        before = len(world.rows)
        generator.step(np.full((generator.chunk_length, 4), 0.01, np.float32), 0.0)
        wait_for(lambda before=before: len(world.rows) > before)
        generator.image = PICTURE
        generator.begin(5)
        settled(generator)
        assert generator.refusal()
        while generator.take():
            pass
    assert generator.chunks_dreamt == 3 and generator.ahead == 0
    assert generator.close()
    log.close()

    def again():
        return Particular(takes_text=True, first_frames=first_frames)

    code, line, _, _ = replayed(tmp_path / "a.session.jsonl", capsys, tmp_path, world=again)
    assert (code, line) == (0, "replay: 3 chunks, all frames bit-identical")


def test_two_chunks_of_a_world_that_overlaps_are_not_missing_either(make):
    class Seen(SessionLog):
        def dreamt(self, chunk):
            seen.append([digest(frame) for frame in chunk.frames])

    seen, world, plain = [], Hasty(), FakeWorld()
    generator = make(world, witnesses=(Seen("nowhere"),))
    begun(generator)
    for _ in range(2):
        settled(generator)
        generator.step(STILL, 1.0)
    world.gate.release()
    wait_for(lambda: len(world.begun) == 2)
    generator.image = PICTURE
    generator.begin(9)
    world.gate.release(20)
    settled(generator)
    assert "picture is not stored" in generator.refusal() and generator.ahead == 0
    plain.reset(None, None, 0)
    assert seen == [[digest(frame) for frame in plain.step(STILL)] for _ in range(2)]


def test_a_replay_ends_where_its_words_are_refused(tmp_path, capsys):
    path = tmp_path / "a.session.jsonl"
    walk = Walked(path).steps(1)
    walk.generator.reword("rain")
    walk.steps(2).end()
    code, line, errors, _ = replayed(path, capsys, tmp_path, world=particular)
    assert code == 2 and errors == "reverie: the text 'rain' is not stored\n" and "identical" not in line


def test_a_person_is_told_and_is_not_shown_a_text_that_is_not_taken():
    from runtime.orders import Prompt
    from runtime.text_line import TextLine

    with Played(particular()) as played:
        played.chunks(1)
        for words, shown in (("snow", True), ("rain", False)):
            played.player.open(TextLine([], str))
            played.obey(Prompt(words))
            played.wait(lambda: played.generator.idle, played.tick)
            played.tick()
            assert bool(played.looks._prompt) == shown and played.generator.prompt == "snow"
        played.hear("'rain' is not stored")
        assert played.chunks(1)
