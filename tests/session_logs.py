"""Sessions for tests: walked on a world without a network, as a person or an engine might have."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial

import numpy as np
from fake_world import FakeWorld
from PIL import Image

import play
from runtime.generator import Generator
from runtime.image import load_image
from runtime.logged import Session
from runtime.messages import Dreamt, Moment, Reset
from runtime.saving import write_moment
from runtime.session import read_session
from runtime.session_log import SessionLog, digest

Worded = partial(FakeWorld, takes_text=True)


def write_log(path, chunks=6, reset_at=4, seed=7, **world):
    """A log of a world of random rows; returns the rows and the frames."""
    random, world, log, walked = np.random.default_rng(0), FakeWorld(**world), SessionLog(path), []
    log.loaded(world.info)
    log.begun(Reset(0, seed))
    world.reset(None, None, seed)
    for index in range(chunks):
        if index == reset_at:
            log.begun(Reset(0, seed + 1))
            world.reset(None, None, seed + 1)
        rows = random.normal(size=(4, world.info.control_columns)).astype(np.float32) * np.float32(1e-3)
        rows[0, 0] = [np.float32(-0.0), np.nextafter(np.float32(0), np.float32(1)), np.float32(0.1)][index % 3]
        frames = list(world.step(rows))
        log.dreamt(Dreamt(index, rows, frames, "numpy", Moment))
        walked.append((rows, frames))
    log.close()
    return walked


class Walked:
    """A walk of random rows, deed by deed, with its log and what was seen: a digest per frame, in order."""

    def __init__(self, path, world=None, *, seed=7, image=None, start=None, rows=0):
        self.path, self.world = path, world or Worded()
        self.log = SessionLog(path, write_moment)
        self.generator = Generator(lambda: self.world, image and load_image(image), (self.log,))
        self.seen, self._random = [], np.random.default_rng(rows)
        self.generator.start()
        while self.generator.info is None:
            self.generator.check()
        if start is None:
            self.generator.begin(seed)
        else:
            self.generator.restore(start)

    def steps(self, count=1):
        """Chunks of random rows, each taken to its end."""
        info = self.generator.info
        for _ in range(count):
            self._rest()
            rows = self._random.normal(size=(self.generator.chunk_length, info.control_columns))
            self.generator.step(rows.astype(np.float32) * np.float32(1e-2), 0.0)
            self._rest()
        return self

    def moment(self):
        """The present moment."""
        kept = []
        self.generator.keep(kept.append)
        self._rest()
        return kept[0]

    def _rest(self):
        while not self.generator.idle or self.generator.ahead:
            frame = self.generator.take()
            if frame is not None:
                self.seen.append(digest(frame.pixels))
            else:
                time.sleep(0.0005)  # a world that computes has better uses for the core

    def end(self) -> Session:
        """Close everything; the session as it is read back."""
        self._rest()
        assert self.generator.close()
        self.log.close()
        return read_session(self.path)


def eventful(path, tmp_path, world=None) -> Session:
    """A session in which everything happens that can."""
    for number in (1, 2):
        Image.new("RGB", (32, 24), (9 * number, 80, 7)).save(tmp_path / f"start{number}.png")
    walk = Walked(path, world, image=tmp_path / "start1.png")
    generator = walk.generator
    walk.steps(2)
    generator.reword("snow at dusk, naïve")
    walk.steps(2)
    before = walk.moment()
    walk.steps(3)
    generator.restore(before)
    walk.steps(1)
    generator.begin(11)
    walk.steps(2)
    generator.image, generator.prompt = load_image(tmp_path / "start2.png"), ""
    generator.begin(12)
    walk.steps(2)
    other = Walked(tmp_path / "other.session.jsonl", rows=5, seed=3).steps(3)
    elsewhere = other.moment()
    other.end()
    walk._rest()
    generator.restore(of_another_run(elsewhere))
    walk.steps(2)
    generator.restore(before)
    walk.steps(2)
    return walk.end()


def of_another_run(moment):
    """The moment as a saved world brings it."""
    return replace(moment, logged=None)


def replayed(path, capsys, tmp_path, *arguments, world=None, how="--replay"):
    """(exit code, last line of stdout, stderr, the report's part) of walking a log again."""
    report = tmp_path / "replay.json"
    report.unlink(missing_ok=True)
    argv = ["--headless", how, str(path), "--report", str(report), *arguments]
    code = play.main(argv, load_world=lambda *_: (world or Worded)())
    part = json.loads(report.read_text())["replay"] if report.exists() else None
    told = capsys.readouterr()
    return code, (told.out.strip().splitlines() or [""])[-1], told.err, part


def continued(path, tmp_path, script, seconds=1.0, world=None, name="on"):
    """The session that --continue writes when a script leads on."""
    (tmp_path / "on.yaml").write_text(script)
    argv = ["--headless", "--continue", str(path), "--record", str(tmp_path / f"{name}.mp4")]
    argv += ["--seconds", str(seconds), "--script", str(tmp_path / "on.yaml"), "--report", str(tmp_path / "on.json")]
    code = play.main(argv, load_world=lambda *_: (world or Worded)())
    return code, tmp_path / f"{name}.session.jsonl"
