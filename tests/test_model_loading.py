"""Loading a world under somebody's eyes: what is told, that it ends where it is cancelled, and what is built beside."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from better_engine import better_fixture, until  # noqa: E402, F401
from dream_fixtures import TINY  # noqa: E402
from fake_world import FakeWorld  # noqa: E402
from matrix_fixtures import CLIP_FILE, NETWORK_FILE, VAE_FILE, tiny_config, write_world  # noqa: E402
from watched import Watch, cancelled_at  # noqa: E402

from compile.parallel import Leader  # noqa: E402
from model.progress import BYTES, STEPS  # noqa: E402
from model.registry import load_world  # noqa: E402
from model.world import LoadOptions  # noqa: E402
from runtime.progress import Cancelled, Progress  # noqa: E402

ROWS = np.zeros((TINY.frames, 4), np.float32)


@pytest.fixture
def harbour(tmp_path, one_thread):
    return write_world(tmp_path / "harbour", tiny_config())


def weights(folder):
    return folder / "weights"


def test_loading_the_embedded_world_tells_all_that_is_done(tiny_world, tmp_path, better):
    watch = Watch()
    load_world(str(tiny_world), LoadOptions(threads=1, engines=tmp_path / "e", settled=True, progress=watch))
    assert list(dict.fromkeys(reading.stage for reading in watch.seen)) == [
        *("loading", "checking", "exporting", "rehearsing", "beginning", "going on", "trying", "")
    ]
    size = sum(path.stat().st_size for path in tiny_world.iterdir() if path.name != "world.yaml")
    checked = watch.of("checking")[-1]
    assert (checked.total, checked.unit) == (checked.done, BYTES) and 0 < checked.done <= size
    trying = watch.of("trying")
    assert [reading.done for reading in trying] == list(range(trying[0].total)), "every run of every engine is a sign"
    assert (trying[0].name, trying[0].unit) == ("openvino fp32", STEPS)


def test_loading_ends_wherever_it_is_cancelled_and_leaves_nothing_half_done(tiny_world, tmp_path, better):
    options = {"threads": 1, "engines": tmp_path / "e", "settled": True}
    for stage in ("loading", "checking", "exporting", "rehearsing", "beginning", "going on", "trying"):
        with pytest.raises(Cancelled):
            load_world(str(tiny_world), LoadOptions(progress=Watch(cancelled_at(stage)), **options))
        assert not list((tmp_path / "e").glob("*.part")), "no unfinished engine stays"
    assert load_world(str(tiny_world), LoadOptions(**options)).backend.startswith("openvino fp32")


def test_cancelled_between_two_signs_it_ends_at_the_next(tiny_world, tmp_path, better):
    better.gate.clear()
    progress, ended = Progress(), []

    def load():
        options = LoadOptions(threads=1, engines=tmp_path / "e", settled=True, progress=progress)
        with pytest.raises(Cancelled):
            load_world(str(tiny_world), options)
        ended.append(True)

    loader = threading.Thread(target=load, daemon=True)
    loader.start()
    until(lambda: progress.reading().stage == "beginning")
    assert progress.reading().name == "openvino fp32" and not ended
    progress.cancel()
    better.gate.set()
    loader.join(20)
    assert ended and not list((tmp_path / "e").glob("*.part"))


def test_official_weights_are_told_by_the_byte(harbour):
    watch = Watch()
    world = load_world(str(harbour), LoadOptions(weights(harbour), device="cpu", progress=watch))
    world.reset(None, None, 1)
    read = {reading.name: reading for reading in watch.of("reading")}
    assert set(read) == {NETWORK_FILE, VAE_FILE, CLIP_FILE}
    assert all(reading.done == reading.total > 0 and reading.unit == BYTES for reading in read.values())
    sizes = sum((weights(harbour) / name).stat().st_size for name in read)
    assert watch.of("checking")[-1].done == watch.of("checking")[-1].total == sizes
    encoding = watch.of("encoding")
    assert [reading.done for reading in encoding] == list(range(encoding[0].total))


@pytest.mark.parametrize("stage", ["checking", "reading", "encoding"])
def test_official_weights_need_not_be_waited_for(harbour, stage):
    def load_and_begin():
        load_world(
            str(harbour), LoadOptions(weights(harbour), device="cpu", progress=Watch(cancelled_at(stage)))
        ).reset(None, None, 1)

    with pytest.raises(Cancelled):
        load_and_begin()


def test_what_is_built_beside_play_is_told_and_given_up_when_the_world_is_closed(tiny_world, tmp_path, better):
    before = set(threading.enumerate())
    better.gate.clear()
    watch = Watch()
    world = load_world(str(tiny_world), LoadOptions(threads=1, engines=tmp_path / "e", progress=watch))
    loaded = len(watch.seen)
    until(lambda: world.building)
    assert world.building == "openvino fp32: beginning, 1 of 2"
    assert Leader(world, None).building == world.building
    reading = world.runner.reading()
    assert (reading.stage, reading.name, reading.fraction) == ("beginning", "openvino fp32", 0.0)
    Leader(world, None).close()
    better.gate.set()
    until(lambda: not world.building)
    until(lambda: not set(threading.enumerate()) - before)
    assert better.built == 0 and world.backend.startswith("ort fp32")
    assert len(watch.seen) == loaded, "who watched the loading is left alone"
    world.reset(None, None, 1)
    assert len(list(world.step(ROWS))) == TINY.frames, "a closed world still plays"


def test_nothing_is_built_where_nothing_is_better(harbour, tiny_world):
    plain = load_world(str(tiny_world), LoadOptions(threads=1, engine="ort"))
    for world in (plain, load_world(str(harbour), LoadOptions(weights(harbour), device="cpu")), FakeWorld()):
        assert world.building == ""
        world.close()
