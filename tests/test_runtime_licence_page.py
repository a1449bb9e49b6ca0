"""The start screen before a download whose licence has to be accepted: shown, asked once, and nothing comes before."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pygame
import pytest
import yaml
from fake_hub import REPO, REVISION, Hub, sha256
from hands import choose, item, menu_of, names, on, press
from hub_fixtures import own_home_and_no_proxy, point_fixture, serve_fixture  # noqa: F401
from licence_fixtures import GARDEN, POND, terms

from input.events import Press, Quit
from input.keymap import load_keymap
from model.fetch import weights_folder
from runtime import consent, strings
from runtime.font import ELLIPSIS
from runtime.layers import Style
from runtime.library import NEEDS_WEIGHTS, WorldEntry
from runtime.licence_page import Agree, LicencePage, lines_of
from runtime.menu_view import MenuView
from runtime.no_screen import NoScreen
from runtime.preferences import Preferences
from runtime.settings import Settings
from runtime.start import StartScreen
from runtime.walk import Table
from runtime.welcome import Welcome
from runtime.world_page import Fetch

BOTH = (terms(GARDEN), terms(POND))
CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def english():
    strings.use("en")
    yield
    strings.use("en")


@pytest.fixture
def screen():
    screen = StartScreen(Settings(), load_keymap(), lambda: None, look=lambda: [])
    while "looking" in names(screen):
        screen._receive()
        time.sleep(0.01)
    return screen


def said(screen) -> str:
    return "\n".join(item.label + item.detail for item in menu_of(screen).items)


def test_a_licence_is_shown_and_back_accepts_nothing(screen):
    before = names(screen)
    for leave in (("return",), ("escape",), ("pad b",)):
        screen.ask_for_licences("garden", BOTH[:1])
        assert on(screen) == "back"
        assert all(words in said(screen) for words in (BOTH[0].heading, BOTH[0].url, *BOTH[0].lines))
        assert press(screen, *leave) is None and names(screen) == before


def test_reading_accepts_nothing(screen):
    screen.ask_for_licences("garden", BOTH[:1])
    for _ in range(2):
        assert choose(screen, "words:0") is None and on(screen) == "words:0"


def test_each_of_several_licences_is_accepted_by_itself(screen):
    before = names(screen)
    screen.ask_for_licences("garden", BOTH)
    assert choose(screen, "accept") is None and BOTH[1].title in said(screen) and BOTH[0].title not in said(screen)
    assert press(screen, "escape") is None and BOTH[0].title in said(screen)
    choose(screen, "accept")
    assert choose(screen, "accept") == Agree("garden", BOTH) and names(screen) == before


def test_what_a_licence_says_is_in_the_language_of_the_screen_where_somebody_wrote_it():
    known = terms({**GARDEN, "name": "tencent-hy-worldplay"})
    assert "South Korea" in lines_of(known)[0] and lines_of(BOTH[0]) == GARDEN["lines"]
    strings.use("zh-CN")
    assert "韩国" in lines_of(known)[0] and lines_of(BOTH[0]) == GARDEN["lines"]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(("size", "scale"), [((1280, 720), 1.0), ((320, 240), 1.0), ((1280, 720), 3.0)])
def test_all_of_it_can_be_read(language, size, scale):
    strings.use(language)
    page = LicencePage(
        "worldplay", [terms({**GARDEN, "name": "tencent-hy-worldplay", "url": "https://example.org/" * 6})]
    )
    view, surface = MenuView(Style(scale)), pygame.Surface(size)
    for name in [entry.name for entry in page.menu.items if entry.kind != "heading"]:
        page.go_to(name)
        view.draw(surface, page.menu)
        place = next(place for place in view._places if place.index == page.menu.cursor)
        assert not any(line.endswith(ELLIPSIS) for line in place.detail), "nothing is cut off"
        assert place.rect.height <= view._body.height or place.rect.y - view._scroll == 0


class Hands(NoScreen):
    """A screen whose person does one thing a turn, once the world has been found."""

    def __init__(self, *events) -> None:
        self.events, self.welcome, self.surface = list(events), None, pygame.Surface((640, 360))
        self.end = time.monotonic() + 60

    def show(self, pixels, layers) -> None:
        for layer in layers:
            layer.draw(self.surface)

    def poll(self):
        assert time.monotonic() < self.end, "it never came to its end"
        if "looking" in names(self.welcome._scene) or self.welcome._job is not None:
            return []
        return [self.events.pop(0)] if self.events else [Quit()]


def welcomed(monkeypatch, hands: Hands, offline: bool = False) -> list[str]:
    """The start screen, led by these hands to its end; gives what it said."""
    options = SimpleNamespace(offline=offline, weights=None)
    table = Table(options, lambda: hands, Preferences(Settings(), {}), load_keymap(), None, str)
    hands.welcome = Welcome(table, time.monotonic, time.sleep)
    told: list[str] = []
    monkeypatch.setattr(hands.welcome._looks, "say", told.append)
    assert hands.welcome.run() is None
    return told


def keys(*pressed: str) -> list[Press]:
    return [Press("", key) for key in pressed]


ENTRY = WorldEntry("garden", "Garden", "", NEEDS_WEIGHTS, lacking=len(CONTENT))
FETCH = keys("return", "return")  # the world, and its download


@pytest.fixture
def hub(serve, point, tmp_path, monkeypatch):
    """A hub with a world's weights; the world is a bundled one."""
    folder = tmp_path / "worlds" / "garden"
    folder.mkdir(parents=True)
    described = {"title": "Garden", "download_gb": 7e-6, "files": {"net.safetensors": sha256(CONTENT)}}
    described["source"] = {"repo": REPO, "revision": REVISION, "licence": GARDEN["title"], "terms": GARDEN}
    (folder / "world.yaml").write_text(yaml.safe_dump(described))
    monkeypatch.setattr("model.registry.WORLDS", folder.parent)
    hub = serve(Hub({"net.safetensors": CONTENT}))
    point(hub.url)
    return hub


def test_nothing_is_downloaded_before_the_licence_is_accepted_and_then_it_is_not_asked_again(hub, monkeypatch):
    welcomed(monkeypatch, Hands(*FETCH, *keys("return")))  # back
    assert not hub.asked and consent.outstanding(BOTH[:1])
    said = welcomed(monkeypatch, Hands(*FETCH, *keys("down", "return")))
    assert "garden is ready" in said and not consent.outstanding(BOTH[:1])
    path = weights_folder("garden") / "net.safetensors"
    assert path.read_bytes() == CONTENT
    path.unlink()
    assert "garden is ready" in welcomed(monkeypatch, Hands(*FETCH)) and path.exists()


def test_offline_nothing_is_asked(hub, monkeypatch):
    hands = Hands(*FETCH)
    (said,) = welcomed(monkeypatch, hands, offline=True)
    assert "--offline" in said and not hub.asked and "accept" not in names(hands.welcome._scene)


def test_a_list_that_cannot_be_read_or_written_is_a_message(hub, monkeypatch):
    consent.licences_path().parent.mkdir(parents=True)
    consent.licences_path().write_text("licences: [")
    (said,) = welcomed(monkeypatch, Hands(*FETCH))
    assert "licences.yaml" in said and not hub.asked


def test_the_page_of_a_world_still_only_asks_for_its_download(screen, hub, monkeypatch):
    screen._home.receive([ENTRY])
    assert choose(screen, "world:garden", "fetch") == Fetch("garden")
    assert item(screen, "fetch").detail == "7.0 kB to download"
