"""Text, recordings, screenshots, saved worlds and going back, in a real window by real keys."""

import av
import pytest
from PIL import Image

from runtime.session import Back, Chunk, Loaded, Worded


def of_kind(log, kind):
    return [event for event in log.events if isinstance(event, kind)]


def hold(desk, sitting, key="w"):
    """Walk until the log says so."""
    desk.do("keydown", key)
    sitting.until_session(lambda log: of_kind(log, Chunk) and of_kind(log, Chunk)[-1].controls[-1, 1] > 0)
    desk.do("keyup", key)


def test_a_world_is_told_something_and_a_line_is_recalled_and_given_up(desk):
    with desk.sit("--seed", "1", takes_text=True) as sitting:
        sitting.until_playing()
        sitting.key("Return")
        sitting.until(lambda seen: seen["typed"] == "")
        desk.do("type", "--delay", "40", "wet Gate!")
        sitting.until(lambda seen: seen["typed"] == "wet Gate!")
        sitting.key("Return")
        told = sitting.until_session(lambda log: of_kind(log, Worded))
        assert [event.prompt for event in of_kind(told, Worded)] == ["wet Gate!"]
        sitting.until(lambda seen: "“wet Gate!”" in seen["lines"] and seen["typed"] is None)

        sitting.key("Return")
        sitting.until(lambda seen: seen["typed"] == "")
        sitting.key("Up")
        sitting.until(lambda seen: seen["typed"] == "wet Gate!")
        sitting.key("Escape")
        sitting.until(lambda seen: seen["typed"] is None)
        length = sitting.session().chunks
        log = sitting.until_session(lambda log: log.chunks > length + 1)
        assert len(of_kind(log, Worded)) == 1, "a line that was given up was told"
        assert not any(chunk.controls.any() for chunk in of_kind(log, Chunk)), "letters of a line walked"
        sitting.leave()


def test_a_world_without_text_says_so(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        sitting.key("Return")
        sitting.until_said("takes no text")
        assert sitting.seen()["typed"] is None
        sitting.leave()


def test_a_recording_and_a_screenshot_are_made_in_the_middle(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        sitting.key("F9")
        sitting.until_said("Recording")
        length = sitting.session().chunks
        sitting.until_session(lambda log: log.chunks >= length + 4)
        sitting.key("F12")
        sitting.until_said("Screenshot: ")
        sitting.key("F9")
        sitting.until_said("Recorded: ")
        sitting.leave()
    (video,), (shot,) = desk.files("recordings/*.mp4"), desk.files("screenshots/*.png")
    with av.open(str(video)) as file:
        frames = sum(1 for _ in file.decode(video=0))
        assert frames >= 8 and float(file.streams.video[0].average_rate) == pytest.approx(20.0)
    with Image.open(shot) as picture:
        assert picture.size == (1280, 720) and "Fake world" in picture.text["Title"]


def test_a_quick_save_is_gone_back_to(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        hold(desk, sitting)
        sitting.key("F5")
        sitting.until_said("Saved")
        length = sitting.session().chunks
        sitting.until_session(lambda log: log.chunks >= length + 2)
        sitting.key("F8")
        log = sitting.until_session(lambda log: of_kind(log, Back) or of_kind(log, Loaded))
        length = log.chunks
        sitting.until_session(lambda log: log.chunks >= length + 2)
        sitting.leave()
    assert len(desk.files("slots/*.safetensors")) == 1


def test_a_named_slot_is_saved_in_the_menu_and_begun_with(desk):
    with desk.sit("--seed", "5") as sitting:
        sitting.until_playing()
        hold(desk, sitting)
        sitting.key("Escape")
        sitting.until_page("Pause")
        sitting.choose("save")
        sitting.until_page("Save")
        sitting.choose("new")
        sitting.until_page("New slot")
        desk.do("type", "--delay", "40", "hall 2")
        sitting.key("Return")
        sitting.until_said("Saved as hall 2")
        sitting.leave()
    assert desk.files("slots/hall 2*")
    with desk.sit("--slot", "hall 2") as sitting:
        sitting.until_playing()
        log = sitting.until_session(lambda log: log.header.start)  # the newest one is that of before, for a moment
        assert log.header.seed == 5 and log.beside(log.header.start).is_file()
        sitting.leave()


def test_backspace_goes_back_in_time_until_it_is_let_go(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        sitting.until_session(lambda log: log.chunks >= 10)
        desk.do("keydown", "BackSpace")
        sitting.until(lambda seen: any(line.endswith("s back") for line in seen["lines"]))
        first = sitting.session().chunks
        desk.do("keyup", "BackSpace")
        log = sitting.until_session(lambda log: of_kind(log, Back))
        deeds = of_kind(log, Back)[0].deeds
        assert 0 < deeds < first
        sitting.until_session(lambda log: log.chunks >= first + 2)
        sitting.leave()
