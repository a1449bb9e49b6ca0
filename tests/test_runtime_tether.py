"""The tether: a player whose supervisor is gone is told, ends even if it does not listen, and may end before."""

import os
import subprocess
import sys
import time

import pytest
from fake_world import ROOT

from runtime import tether

PROGRAM = """
import os, sys, time
from runtime import tether
tether.hold(lambda: print("let go", flush=True), patience_s=0.3)
print("here", flush=True)
if sys.argv[1] == "deaf":
    time.sleep(60)
"""


def start(how):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    player = subprocess.Popen([sys.executable, "-c", PROGRAM, how], cwd=ROOT, **pipes)
    assert player.stdout.readline() == "here\n"
    return player


def test_one_that_does_not_listen_ends_all_the_same():
    player = start("deaf")
    began = time.perf_counter()
    out, _ = player.communicate(timeout=20)
    assert (out, player.returncode) == ("let go\n", 1) and time.perf_counter() - began < 10


def test_one_that_ends_before_ends_cleanly():
    player = start("well")
    assert player.wait(20) == 0 and player.stderr.read() == ""
    player.communicate()


@pytest.mark.parametrize("told", [True, False])
def test_a_player_knows_whether_it_has_a_supervisor(monkeypatch, told):
    monkeypatch.delenv(tether.VARIABLE, raising=False)
    if told:
        monkeypatch.setitem(os.environ, tether.VARIABLE, "1")
    assert tether.tethered() is told
