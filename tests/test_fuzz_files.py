"""Damaged files of every kind that a person or a disk can damage: each is read right or told in one line, at once."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
import pytest
from fake_world import ROOT, FakeWorld
from mutate import mutated
from PIL import Image

import play
from input.keymap import load_keymap
from input.remap import load_own
from input.script import load_script
from model import registry
from model.dream.config import DreamConfig
from model.settings import read_settings
from model.worldfile import read_world_file
from runtime.errors import UserError
from runtime.image import SIDES, load_image
from runtime.kiosk_config import read_kiosk
from runtime.settings import Settings
from runtime.settings_file import load_settings, save_settings
from runtime.strings import read_words

ASSETS = ROOT / "assets"
# Seconds of this process's own time: what others take of a busy machine is left out.
AT_ONCE_S = 4.0
LONGEST_LINE = 2500
SCRIPT = b"""- {at: 0, down: w}
- {at: 0.5, up: w}
- at: 1.25
  mouse: [120, -3.5]
- {at: 2, stick: [left stick, 0.5, -1]}
- {at: 2.5, stick: [left stick, 0, 0]}
- {at: 3, down: save}
"""
OWN = b"forward: [up, i]\nrecord: [f10]\nmove: [right stick]\nlook: [left stick]\n"


def settings_file(folder):
    path = folder / "settings.yaml"
    save_settings(Settings(hud="full", language="zh-CN", rewind_mb=128, dead_zone=0.2), path)
    return path.read_bytes()


def world(path):
    """As far as a world's YAML is read before its weights are looked at."""
    described = read_world_file(path.parent)
    read_settings(DreamConfig, described.config, str(path))
    registry.family_of(described, path.parent)
    registry.starts_of(path.parent, described)
    registry.bindings_of(str(path.parent))


# Name of the file, what reads it, and what it holds.
KINDS = {
    "settings": ("settings.yaml", load_settings, settings_file),
    "keys": ("bindings.yaml", load_keymap, lambda _: (ASSETS / "bindings.yaml").read_bytes()),
    "own keys": ("bindings.yaml", load_own, lambda _: OWN),
    "script": ("script.yaml", load_script, lambda _: SCRIPT),
    "kiosk": ("kiosk.yaml", read_kiosk, lambda _: (ASSETS / "kiosk.yaml").read_bytes()),
    "world": ("world.yaml", world, lambda _: (ASSETS / "worlds/cloister/world.yaml").read_bytes()),
    "words": ("en.yaml", read_words, lambda _: (ASSETS / "strings/en.yaml").read_bytes()),
}
EACH = 30


def outcome(read, path):
    """ "" for what was read, else the one line; nothing else may come of it, and all of it at once."""
    began, line = time.process_time(), ""
    try:
        read(path)
    except UserError as error:
        line = str(error)
        assert line and line.isprintable() and len(line) < LONGEST_LINE, line[:300]
        assert path.name in line or str(path.parent) in line, line
    assert time.process_time() - began < AT_ONCE_S
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_yaml_is_read_or_told_in_a_line(tmp_path, kind):
    name, read, content_of = KINDS[kind]
    content, path = content_of(tmp_path), tmp_path / name
    if kind == "world":
        shutil.copy(ASSETS / "worlds/cloister/starts.npz", tmp_path)
    path.write_bytes(content)
    assert outcome(read, path) == ""
    told = 0
    for seed in range(EACH):
        path.write_bytes(mutated(content, seed))
        told += outcome(read, path) != ""
        assert path.read_bytes() == mutated(content, seed), f"{kind} {seed} was written to"
    assert told > EACH // 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff\xfe\x00",
        b"a: &a ["
        + b"b, " * 9
        + b"]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1) if n else b"*a"] * 9)) for n in range(12)
        ),
        b"&a {a: *a}",
        b"&a [*a]",
        b"- " * 5000,
        b"[" * 100_000,
        b"x" * 5_000_000,
        b"- {at: 0, down: w}\n" * 200_000,
        b'"\\e[2J\\a": 1',
        b"2001-99-99",
        b"? [a]\n: b",
        b"1: 2\ntrue: 3\n",
        b"<<: 3",
        b"hud: !!bool of course",
        b"- !!int ''",
        b"title: !!timestamp x",
        b"rewind_mb: 0x" + b"f" * 9000,
        b"a: b\n" * 20_000,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_yaml_that_is_meant_to_harm(tmp_path, kind, content):
    name, read, _ = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    outcome(read, tmp_path / name)


def pictures():
    """A PNG and a JPEG of something, with what programs write beside it."""
    y, x = np.mgrid[:48, :64]
    picture = Image.fromarray(np.stack([x * 4, y * 5, x ^ y], -1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    made = {}
    for kind, options in (("png", {}), ("jpg", {"quality": 90, "icc_profile": bytes(300)})):
        file = io.BytesIO()
        picture.save(file, "PNG" if kind == "png" else "JPEG", exif=exif, **options)
        made[kind] = file.getvalue()
    return made


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_mutated_pictures_are_read_or_told_in_a_line(tmp_path, kind):
    content, path = pictures()[kind], tmp_path / f"start.{kind}"

    def read(path):
        pixels = load_image(path).pixels
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
        assert all(side in SIDES for side in pixels.shape[:2])

    path.write_bytes(content)
    assert outcome(read, path) == ""
    told = 0
    for seed in range(100):
        path.write_bytes(mutated(content, seed))
        told += outcome(read, path) != ""
    assert told > 25


def test_mutated_pictures_on_the_command_line(tmp_path, capsys):
    codes = set()
    for kind, content in pictures().items():
        for seed in range(12):
            path = tmp_path / f"{kind}{seed}"
            path.write_bytes(mutated(content, seed))
            argv = ["--headless", "--frames", "1", "--fps", "500", "--image", str(path)]
            codes.add(code := play.main(argv, load_world=lambda *_: FakeWorld()))
            told = capsys.readouterr().err
            assert code == 0 if not told else (code == 2 and told.count("\n") == 1 and path.name in told)
    assert codes == {0, 2}
