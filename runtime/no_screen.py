"""No screen: what --headless has for a window. It does all that the protocol in runtime/screen.py says: nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from input.events import Event
from input.keymap import Keymap
from runtime.layers import Layer


class NoScreen:
    """The screen of --headless: no events, pictures go nowhere."""

    rate = 0.0

    def poll(self) -> list[Event]:
        return []

    def fit(self, width: int, height: int) -> None: ...

    def draw(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None: ...

    def flip(self) -> None: ...

    def show(self, pixels: np.ndarray | None, layers: Sequence[Layer]) -> None: ...

    def title(self, text: str) -> None: ...

    def capture(self, on: bool) -> None: ...

    def seal(self) -> None: ...

    def want_text(self, on: bool) -> None: ...

    def clipboard(self) -> str:
        return ""

    def pads(self) -> list[str]:
        return []

    def use(self, keymap: Keymap) -> None: ...

    def fill(self, on: bool) -> None: ...

    def size_of(self, pixels: np.ndarray) -> tuple[int, int]:
        return pixels.shape[1::-1]

    def close(self) -> None: ...
