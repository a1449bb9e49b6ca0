"""Weights that come beside a window, from a hub of our own: watched, cancelled, gone on with, and what goes wrong."""

from __future__ import annotations

import threading
import time

import pytest
import yaml
from fake_hub import REPO, REVISION, Hub, sha256
from hub_fixtures import BLOCK, own_home_and_no_proxy, point_fixture, serve_fixture  # noqa: F401
from watched import Watch, cancelled_at

from model.fetch import announced, weights_folder
from model.progress import BYTES
from model.registry import fetch_world
from runtime.errors import UserError
from runtime.fetching import FetchJob
from runtime.progress import Cancelled, Progress

BIG = bytes(range(256)) * 4096  # 1 MiB
FILES = {"a.json": b"{}", "b.safetensors": BIG, "c.pth": BIG[::-1]}


@pytest.fixture
def hub(serve, point):
    hub = serve(Hub(dict(FILES)))
    point(hub.url)
    return hub


@pytest.fixture
def world(hub, tmp_path):
    """The folder of a world whose weights the hub has."""
    folder = tmp_path / "harbour"
    folder.mkdir()
    described = {"family": "matrix-game", "files": {name: sha256(content) for name, content in FILES.items()}}
    described["source"] = {"repo": REPO, "revision": REVISION, "licence": "MIT"}
    (folder / "world.yaml").write_text(yaml.safe_dump(described))
    return folder


def whole(folder) -> bool:
    return all((folder / name).read_bytes() == content for name, content in FILES.items())


def partial(folder, name: str = "b.safetensors"):
    return folder / f"{name}.{REVISION[:12]}.partial"


def test_bytes_are_counted_over_all_files_and_the_total_is_said_beforehand(world, hub):
    folder = weights_folder("harbour")
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes(FILES["a.json"])
    partial(folder).write_bytes(BIG[: 3 * BLOCK])
    lines, watch = [], Watch(lambda reading: lines.append("*") if reading.stage == "downloading" else None)
    assert fetch_world(str(world), None, False, lines.append, watch) == folder and whole(folder)
    total = 2 + 2 * len(BIG)
    assert f"2.1 MB in 3 files, {(2 + 3 * BLOCK) / 1e3:.1f} kB there already" in lines[: lines.index("*")]
    downloading = [reading for reading in watch.seen if reading.stage == "downloading"]
    assert {(reading.total, reading.unit) for reading in downloading} == {(total, BYTES)}
    done = [reading.done for reading in downloading]
    assert done[0] == 2 + 3 * BLOCK and done[-1] == total and done == sorted(done)
    assert max(after - before for before, after in zip(done, done[1:], strict=False)) <= BLOCK
    stages = list(dict.fromkeys(reading.stage for reading in watch.seen))
    assert stages == ["checking", "asking", "downloading"]


def test_a_job_brings_the_weights_and_tells_how_far_it_is(world):
    job = FetchJob(str(world))
    assert not job.done
    job.start()
    assert job.join(30) and job.error is None and not job.cancelled
    assert job.folder == weights_folder("harbour") and whole(job.folder)
    assert any(line.startswith("2.1 MB in 3 files") for line in job.lines)


def test_a_cancelled_job_ends_at_once_and_the_next_goes_on_from_there(world, hub, monkeypatch):
    folder, job = weights_folder("harbour"), FetchJob(str(world))
    reached, go_on = threading.Event(), threading.Event()
    advance = Progress.advance

    def held(self, done):
        if done > 3 * BLOCK and not reached.is_set():
            reached.set()
            go_on.wait(30)
        advance(self, done)

    monkeypatch.setattr(Progress, "advance", held)
    job.start()
    assert reached.wait(30) and not job.done
    assert job.progress.reading().stage == "downloading" and 0 < job.progress.reading().fraction < 1
    job.cancel()
    cancelled_at = time.monotonic()
    go_on.set()
    assert job.join(30) and time.monotonic() - cancelled_at < 5
    assert job.cancelled and job.error is None and job.folder is None
    kept = partial(folder).stat().st_size
    assert 0 < kept < len(BIG)
    hub.asked.clear()
    again = FetchJob(str(world))
    again.start()
    assert again.join(30) and again.error is None and whole(folder)
    assert ("b.safetensors", f"bytes={kept}-") in hub.gets(), "what was there is not asked for again"


@pytest.mark.parametrize("stage", ["checking", "asking", "downloading"])
def test_it_can_be_cancelled_wherever_it_is_and_then_goes_on(world, hub, stage):
    with pytest.raises(Cancelled):
        fetch_world(str(world), None, False, str, Watch(cancelled_at(stage)))
    assert fetch_world(str(world), None, False, str) == weights_folder("harbour")
    assert whole(weights_folder("harbour"))


def test_cancelled_while_it_is_checked_it_is_not_downloaded_again(world, hub):
    def stop(reading):
        if reading.stage == "checking" and reading.name == "b.safetensors":
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch_world(str(world), None, False, str, Watch(stop))
    assert partial(weights_folder("harbour")).stat().st_size == len(BIG)
    hub.asked.clear()
    fetch_world(str(world), None, False, str)
    assert [name for name, _ in hub.gets()] == ["c.pth"]


def test_what_goes_wrong_is_a_line_for_whoever_shows_it(world, hub):
    hub.status["b.safetensors"] = (403, "GatedRepo")
    job = FetchJob(str(world))
    job.start()
    assert job.join(30) and job.folder is None and not job.cancelled
    assert isinstance(job.error, UserError) and "refuses with status 403" in str(job.error)
    nothing = FetchJob("cloister")
    nothing.start()
    assert nothing.join(30) and "nothing to fetch" in str(nothing.error)


def test_the_total_in_words():
    assert announced(11_800_000_000, 4_100_000_000, 3) == "11.8 GB in 3 files, 4.1 GB there already"
    assert announced(5, 0, 1) == "5 bytes in 1 file"
    assert announced(2_000, 0, 2, known=False) == "at least 2.0 kB in 2 files"
