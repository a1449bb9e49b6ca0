"""The slot between who works and who shows: told on one thread, read and cancelled on another; and its lines."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from model.progress import BYTES, STAGES, STEPS
from runtime import strings
from runtime.progress import SAY_EVERY_S, Cancelled, Lines, Progress, Reading, shown

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def english_again():
    yield
    strings.use("en")


def test_cancel_ends_the_worker_at_its_next_sign_and_stays():
    progress, ended = Progress(), []

    def work():
        progress.stage("checking", 10**9, BYTES)
        try:
            for done in range(10**9):
                progress.advance(done)
        except Cancelled:
            ended.append(time.monotonic())

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    deadline = time.monotonic() + 10
    while not progress.reading().done and time.monotonic() < deadline:
        time.sleep(0.001)
    assert progress.reading().stage == "checking" and not progress.cancelled
    progress.cancel()
    worker.join(10)
    assert ended and progress.cancelled and 0 < progress.reading().done < 10**9
    for sign in (lambda: progress.stage("reading"), lambda: progress.advance(1)):
        with pytest.raises(Cancelled):
            sign()


def test_many_threads_may_tell_and_read():
    progress, wrong = Progress(), []

    def tell(name: str, total: int):
        for done in range(0, total, 7):
            progress.stage("checking", total, BYTES, name, done)
            progress.advance(done)

    def read():
        for _ in range(2000):
            reading = progress.reading()
            if reading.total and reading.total != {"a": 7000, "b": 14000}[reading.name]:
                wrong.append(reading)

    threads = [threading.Thread(target=tell, args=args) for args in (("a", 7000), ("b", 14000))]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == [], "a reading is of one stage, never half of two"


def test_lines_for_a_terminal_come_now_and_then():
    clock, said = [0.0], []
    lines = Lines(said.append, lambda: clock[0])
    lines.stage("downloading", 1000, BYTES, "a")
    for quarter in range(1, 41):
        clock[0] = quarter / 4
        lines.advance(25 * quarter)
    assert SAY_EVERY_S == 5.0 and said == [
        "a: downloading, 500 bytes of 1.0 kB, about 5 s left",
        "a: downloading, 1.0 kB of 1.0 kB, about 1 s left",
    ]
    lines.stage("")
    clock[0] += 100
    lines.stage("")
    assert len(said) == 2, "nothing going on is no line"


def test_a_window_is_told_in_its_language():
    reading = Reading("compiling", "openvino bf16", 2, 4, STEPS, 11.3)
    assert shown(reading) == "openvino bf16: compiling, 3 of 4, about 12 s left" and shown(Reading()) == ""
    assert shown(Reading("decode: tactics, 3 s")) == "decode: tactics, 3 s", "an engine's own words stay"
    strings.use("zh-CN")
    assert shown(reading) == "openvino bf16：正在编译，3 / 4，约剩 12 秒"
    every = [shown(Reading(stage, "x")) for stage in STAGES]
    assert len(set(every)) == len(STAGES) and all(line.isascii() is False for line in every)
    assert [shown(Reading("loading", "x", seconds_left=s))[-2:] for s in (500.0, 20000.0)] == ["分钟", "小时"]


def test_it_knows_no_window():
    program = "import sys, runtime.progress, runtime.fetching; print('pygame' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False", "False"], done.stderr
