"""The window where it draws nowhere: sizes, filling the screen, and waiting for the screen where that was asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fake_world import ROOT

# In a process of its own, since what goes wrong here goes wrong in SDL.
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, pygame
from input.keymap import load_keymap
from runtime.screen import Window
window = Window(load_keymap(), vsync=sys.argv[2] == "vsync")
assert pygame.display.is_vsync() == (sys.argv[2] == "vsync")
picture = np.full((72, 128, 4), 255, np.uint8)
sizes = []
for full in (False, True, False, True, False):
    window.fit(128, 72) if not full else window.fit(64, 36)
    window.fill(full)
    window.poll()
    window.show(picture, [])
    sizes.append(pygame.display.get_surface().get_size())
assert window.rate >= 0 and len(set(sizes[0::2])) == 1 and sizes[1] == sizes[3] == pygame.display.get_desktop_sizes()[0]
assert sizes[0][0] * 72 == sizes[0][1] * 128
window.fill(False)
window.fit(100, 100)
window.show(picture, [])
window.close()
print("done")
"""


@pytest.mark.parametrize("kind", ["plain", "vsync"])
def test_a_window_is_resized_and_fills_the_screen(kind):
    command = [sys.executable, "-c", DRIVER, str(ROOT), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, ["done"]), done.stderr
