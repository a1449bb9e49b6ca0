"""Going back in a walk: to where, until when, and that it is played on from there bit for bit."""

import pytest
from played import Played, walked

from input.events import FocusLost, PadRemoved, Press, Release
from runtime import orders
from runtime.settings import Settings


def test_who_goes_back_plays_on_from_there_bit_for_bit():
    expected = walked((6, "forward"), (3, "right"))
    with Played() as played:
        walk = played.chunks(6, "forward")
        assert walk == expected[0]
        played.take(Press("rewind", "backspace"))
        assert played.player.standing and "s back" in played.player.banner(played.now)
        # Four seconds of the walk per second: chunks of 0.2 s, so 8 frames back and a little.
        played.now += 0.105
        assert played.player.picture(played.now).tobytes() == walk[-9]
        played.take(Release("rewind", "backspace"), after=0.0)
        assert not played.player.standing
        # The newest place that is not later than what was seen: the end of the chunk before.
        assert played.player.last.pixels.tobytes() == walk[15]
        assert played.chunks(2, "forward") == walk[16:]
        assert played.chunks(3, "right") == expected[1]


def test_going_back_twice_goes_further_back():
    with Played() as played:
        walk = played.chunks(8, "forward")
        for gone in (1, 2, 3):
            played.go_back(0.055)
            assert played.player.last.pixels.tobytes() == walk[31 - 4 * gone]
        assert played.chunks(3, "forward") == walk[20:]
        assert played.generator.chunk_length == 4


def test_going_back_past_the_oldest_stays_there():
    with Played() as played:
        walk = played.chunks(4)
        played.go_back(60.0)
        assert played.player.last.pixels.tobytes() == walk[3]
        assert played.chunks(3) == walk[4:]


@pytest.mark.parametrize(
    "event", [FocusLost(), PadRemoved("pad"), Press("menu", "escape"), Press("prompt", "return"), Press("save", "f5")]
)
def test_what_hides_the_release_ends_going_back_where_it_is(event):
    with Played() as played:
        walk = played.chunks(5)
        played.take(Press("rewind", "backspace"))
        played.take(event, after=0.105)
        assert not played.hands.saving.going_back
        assert played.player.picture(played.now).tobytes() == walk[11]
        if event == Press("save", "f5"):
            played.hear("Saved")
            assert played.chunks(1) == walk[12:16]


def test_a_world_that_begins_again_is_not_gone_back_from():
    with Played() as played:
        played.chunks(3)
        played.take(Press("rewind", "backspace"))
        played.press("reset")
        first = played.chunks(1)
        assert not played.player.standing
        played.take(Release("rewind", "backspace"))
        assert played.generator.epoch == 2 and first == walked((1,))[0]


def test_a_place_that_arrives_while_one_goes_back_wins():
    with Played() as played:
        saved = played.chunks(2)
        played.press("save")
        played.hear("Saved")
        played.chunks(3, "left")
        played.press("load")
        played.take(Press("rewind", "backspace"))
        played.wait(lambda: played.generator.epoch == 2, played.tick)
        assert not played.player.standing and played.player.last.pixels.tobytes() == saved[-1]
        played.take(Release("rewind", "backspace"))
        assert played.generator.epoch == 2


def test_without_memory_for_it_there_is_no_going_back():
    with Played(settings=Settings(rewind_mb=0)) as played:
        played.chunks(2)
        played.press("rewind")
        played.hear("switched off")
        assert played.saving.memory_bytes == 0
        played.obey(orders.Adopt(Settings(rewind_mb=64)))
        played.chunks(2)
        played.press("rewind")
        assert played.saving.memory_bytes > 0
