"""The start screen and the pause menu in a real window, by a real keyboard and mouse; what they set stays set."""

import numpy as np
import yaml

from runtime import strings
from runtime.session import Again


def open_settings(sitting):
    sitting.key("Escape")
    sitting.until_page("Pause")
    sitting.choose("settings")
    sitting.until_page("Settings")


def close_menus(sitting):
    """Back and back again, until the walk goes on."""
    while (page := sitting.seen()["menu"]) is not None:
        sitting.key("Escape")
        sitting.until(lambda seen, page=page: seen["menu"] != page)
    sitting.until_playing()


def walked(sitting):
    """Whether somebody walked forward in the last chunk."""
    chunks = sitting.chunks()
    return bool(chunks) and chunks[-1].controls[-1, 1] > 0


def test_from_the_start_screen_into_a_walk_and_out_by_the_keyboard(desk):
    with desk.sit() as sitting:
        seen = sitting.until(lambda seen: "world:cloister" in seen["items"])
        assert (seen["menu"], seen["on"]) == ("Reverie", "world:cloister") and desk.title() == "Reverie"
        assert desk.look().std() > 8, "the start screen is blank"
        sitting.key("Return")
        sitting.until_page("Cloister")
        sitting.go("seed")
        desk.do("type", "--delay", "60", "77")
        sitting.key("Return")
        sitting.until(lambda seen: seen["on"] == "play")
        sitting.key("Return")
        sitting.until_playing()
        assert sitting.until_session(lambda log: log.chunks).header.seed == 77

        sitting.key("Escape")
        sitting.until_page("Pause")
        desk.wait_for_title("(paused)")
        sitting.key("Escape")
        sitting.until_closed()
        sitting.until_playing()

        sitting.key("Escape")
        sitting.until_page("Pause")
        sitting.choose("home")
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        sitting.choose("quit")
        assert sitting.process.wait(60) == 0


def test_the_same_way_by_the_mouse(desk):
    with desk.sit() as sitting:
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        sitting.click("world:cloister")
        sitting.until_page("Cloister")
        sitting.click("play")
        sitting.until_playing()
        seed = sitting.until_session(lambda log: log.chunks).header.seed

        sitting.key("Escape")
        sitting.until_page("Pause")
        sitting.click("again")
        sitting.until_closed()
        begun = sitting.until_session(lambda log: any(isinstance(event, Again) for event in log.events))
        assert {event.seed for event in begun.events if isinstance(event, Again)} == {seed}
        sitting.until_playing()

        sitting.key("Escape")
        sitting.until_page("Pause")
        sitting.click("home")
        sitting.until(lambda seen: "world:cloister" in seen["items"])
        sitting.go("quit")  # below what is seen at first
        sitting.click("quit")
        assert sitting.process.wait(60) == 0


def test_a_setting_of_the_menu_holds_at_once_and_on_the_next_start(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        sitting.until(lambda seen: not any("dreamt" in line for line in seen["lines"]))
        open_settings(sitting)
        sitting.go("hud")
        sitting.key("Right")
        sitting.choose("high_contrast")
        close_menus(sitting)
        sitting.until(lambda seen: any("dreamt" in line for line in seen["lines"]))
        sitting.leave()
    kept = yaml.load((desk.home / "settings.yaml").read_text(), yaml.BaseLoader)
    assert (kept["hud"], kept["high_contrast"]) == ("line", "true")
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        sitting.until(lambda seen: any("dreamt" in line for line in seen["lines"]))
        sitting.leave()


def test_a_key_is_given_another_action_and_does_it(desk):
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        open_settings(sitting)
        sitting.choose("keys")
        sitting.until_page("Keys")
        sitting.choose("forward")
        sitting.until_page("forward")
        sitting.choose("press")
        sitting.until_page("Press a key for: forward")
        sitting.key("r")
        sitting.until_page("r is the key for: begin again")
        sitting.key("Escape")
        sitting.until_page("Press a key for: forward")
        sitting.key("t")
        sitting.until_page("forward")
        close_menus(sitting)
        desk.do("keydown", "t")
        sitting.until_session(lambda log: walked(sitting))
        desk.do("keyup", "t")
        sitting.until_session(lambda log: not walked(sitting))
        sitting.leave()
    assert "t" in (desk.home / "bindings.yaml").read_text()
    with desk.sit("--seed", "1") as sitting:
        sitting.until_playing()
        desk.do("keydown", "t")
        sitting.until_session(lambda log: walked(sitting))
        desk.do("keyup", "t")
        sitting.leave()


def test_another_language_is_drawn_as_such(desk):
    looks = {}
    for language in ("en", "zh-CN"):
        strings.use(language)
        pause = strings.text("pause.title")
        strings.use("en")
        with desk.sit("--lang", language, "--seed", "1") as sitting:
            sitting.until_playing()
            sitting.key("Escape")
            sitting.until_page(pause)
            looks[language] = desk.look()
            sitting.leave()
    assert looks["zh-CN"].std() > 8, "the menu is blank"
    changed = (np.abs(looks["en"] - looks["zh-CN"]).max(-1) > 60).mean()
    assert changed > 0.002, "it looks the same in both languages"
