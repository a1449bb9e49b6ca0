"""Leaving: the exit code is the player's, whatever a thread is still computing."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from fake_world import ROOT

BUSY = """
import threading, time, torch
from runtime import process

def compute():
    x = torch.randn(3000, 3000)
    while True:
        x = torch.softmax(x @ x, 0)

threading.Thread(target=compute, daemon=True).start()
time.sleep(1)
print("said before")
process.leave(3)
"""


def run(program: str) -> tuple[subprocess.CompletedProcess, float]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done, time.perf_counter() - started


def test_a_thread_deep_in_native_code_neither_holds_nor_aborts():
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    done, seconds = run(BUSY)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said before\n", "")
    assert seconds < 30


def test_without_other_threads_the_interpreter_ends_as_always():
    done, _ = run("import atexit\nfrom runtime import process\natexit.register(print, 'bye')\nprocess.leave(2)")
    assert (done.returncode, done.stdout) == (2, "bye\n")
