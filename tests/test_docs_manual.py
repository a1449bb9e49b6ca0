"""The manual says what the program does: it names every option, setting, key and figure, and no option that is none."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from fake_world import ROOT, FakeWorld

import play
from input.keymap import COMMANDS
from input.motion import MOVEMENT_ACTIONS, ROLES
from runtime.kiosk_config import LIMIT_RANGES, RANGES, KioskConfig
from runtime.options import build_parser
from runtime.provenance import provenance
from runtime.session import Header
from runtime.settings import COSTS, SPANS, Settings
from runtime.slots import SlotMeta
from runtime.watch import Limits

MANUAL = (ROOT / "docs" / "manual.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WORDS = set(re.findall(r"`([^`\n]+)`", MANUAL))
# Options of other programs that the manual names: the soak's, torchrun's, make's.
OTHERS = {"--minutes", "--faults", "--every", "--within", "--folder", "--nproc-per-node", "--columns", "--rows"}


def options():
    return {name for action in build_parser()._actions for name in action.option_strings if name.startswith("--")}


def row(name, section):
    """The line of that section's table that begins with the word `name`."""
    lines = MANUAL.partition(f"\n## {section}\n")[2].partition("\n## ")[0].splitlines()
    found = [line for line in lines if re.match(rf"\|[^|]*`{re.escape(name)}`", line)]
    assert len(found) == 1, f"{section}: {len(found)} rows for {name!r}"
    return found[0]


def test_every_option_is_in_the_manual_and_every_option_of_the_manual_is_one():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", MANUAL))
    assert options() - named == set()
    assert named - options() == OTHERS


def test_every_option_of_the_readme_is_one():
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= options()


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_its_default_its_range_and_its_cost(field):
    line = row(field.name, "Pause menu and settings")
    cost = {"live": "at once", "chunk": "next chunk", "restart": "reload"}[COSTS.get(field.name, "live")]
    # A window is opened with vsync or without.
    assert line.rstrip(" |").endswith("next start" if field.name == "vsync" else cost)
    words = line.split("|")[2]
    if field.name in SPANS:
        numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", words)]
        assert numbers == [field.default, *SPANS[field.name][:2]]
    elif isinstance(field.default, bool):
        assert words.split()[0] == ("on" if field.default else "off")
    elif field.default:
        assert words.strip().startswith(field.default)


@pytest.mark.parametrize("field", dataclasses.fields(KioskConfig), ids=lambda field: field.name)
def test_every_key_of_a_kiosk_is_there_with_its_range(field):
    if field.name == "restart":
        for limit in dataclasses.fields(Limits):
            has_range(row(f"restart.{limit.name}", "Kiosk"), limit.default, *LIMIT_RANGES[limit.name])
    else:
        line = row(field.name, "Kiosk")
        if field.name in RANGES:
            has_range(line, field.default, *RANGES[field.name])


def has_range(line, *numbers):
    for number in numbers:
        assert re.search(rf"(?<![\d.]){number:g}(?![\d.]*\d)", line), f"{number:g} is not in {line!r}"


@pytest.mark.parametrize("name", [*COMMANDS, *MOVEMENT_ACTIONS, *ROLES])
def test_every_command_is_named(name):
    assert name in WORDS


def test_every_key_of_the_report_is_named(tmp_path):
    path = tmp_path / "r.json"
    log = tmp_path / "w.session.jsonl"
    ask = ["--headless", "--frames", "12", "--fps", "60"]
    assert play.main([*ask, "--record", str(tmp_path / "w.mp4")], load_world=lambda *_: FakeWorld(0.005)) == 0
    again = ["--headless", "--replay", str(log), "--report", str(path)]
    assert play.main(again, load_world=lambda *_: FakeWorld(0.005)) == 0
    keys = set(json.loads(path.read_text())) | {"recording_dropped_frames", "building"}
    assert keys - WORDS == set()
    assert "first_difference" in WORDS


def test_what_files_hold_is_named():
    facts = provenance(FakeWorld(0.01).info, 0, session="s", chunk=0, prompt="p", camera=None).keys()
    held = {field.name for kind in (Header, SlotMeta) for field in dataclasses.fields(kind)}
    missing = [name for name in {*held, *facts} if not re.search(rf"\b{name}\b", MANUAL)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """Where links can lead in a page, as hosts of Markdown name headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_first_screen_of_the_readme():
    first = "\n".join(README.splitlines()[:40])
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", first)
    assert len(pictures) == 1 and (ROOT / pictures[0]).stat().st_size < 400_000
    assert "make play" in first and "make test" in first
    assert 80 <= len(README.splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_are_not_longer_than_a_window(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 145 and not line.startswith("|")] == []
