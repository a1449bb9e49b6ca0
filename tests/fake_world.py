"""A world without a network: a picture that says where it was led, as fast or as slow as a test wants."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.state import COUNTS, POSES, check_state
from model.world import WorldInfo
from runtime.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


class FakeWorld:
    """Deterministic in NumPy: the controls' sums and the seed shift a pattern.

    `chunk_s` seconds are slept per chunk before its first frame; `alter` names a frame (counted over the world's life)
    that comes out different; `fail_at` a chunk whose dreaming raises.
    """

    def __init__(
        self,
        chunk_s: float = 0.0,
        *,
        size: tuple[int, int] = (128, 72),
        fps: float = 20.0,
        frames: int = 4,
        first_frames: int | None = None,
        alter: int = -1,
        fail_at: int = -1,
        weights: str = "0" * 64,
        needs_image: bool = False,
        held_columns: tuple[str, ...] = (),
        vocabulary: tuple[tuple[str, str], ...] = (),
        takes_text: bool = False,
    ) -> None:
        self._chunk_s, self._alter, self._fail_at = chunk_s, alter, fail_at
        self._made = self._chunks = 0
        self.closed = False
        self.info = WorldInfo(
            name="cloister",
            title="Fake world",
            width=size[0],
            height=size[1],
            fps=fps,
            first_chunk_frames=first_frames or frames,
            chunk_frames=frames,
            latent_frames_per_chunk=1,
            needs_image=needs_image,
            needs_text=False,
            backend="numpy",
            device="CPU",
            weights_sha256=weights,
            held_columns=held_columns,
            vocabulary=vocabulary,
            takes_text=takes_text,
        )
        self.prompts: list[str] = []
        self._text = self._walk = self._shade = 0
        self.seeds: list[int] = []
        self.rows: list[np.ndarray] = []
        self._place = np.zeros(self.info.control_columns)
        y, x = np.mgrid[: size[1], : size[0]]
        self._pattern = np.stack([x * 2, y * 3, x + y, np.full_like(x, 255)], -1)

    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        self._place = np.zeros(self.info.control_columns)
        self._shade = seed * 17 + (0 if image is None else int(image.sum()) % 251)
        self._walk = self._text = 0
        if prompt is not None:
            self.prompt(prompt)
        self.seeds.append(seed)

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        wanted = self.info.chunk_frames if self._walk else self.info.first_chunk_frames
        assert controls.shape == (wanted, self.info.control_columns) and controls.dtype == np.float32
        if self._chunks == self._fail_at:
            raise RuntimeError("the fake world was told to fail")
        self.rows.extend(controls)
        time.sleep(self._chunk_s)
        for row in controls:
            self._place = self._place + row
            self._walk += 1
            moved = self._pattern + int(np.abs(self._place * 400).sum()) + self._shade + self._walk + self._text
            picture = moved.astype(np.uint8)
            picture[..., 3] = 255
            if self._made == self._alter:
                picture[0, 0, 0] ^= 1
            self._made += 1
            yield picture
        self._chunks += 1

    def prompt(self, text: str) -> None:
        if not self.info.takes_text:
            raise UserError("this world takes no text")
        self.prompts.append(text)
        self._text = zlib.crc32(text.encode()) % 97

    def state(self) -> dict[str, np.ndarray]:
        counts = {"walk": self._walk, "shade": self._shade, "text": self._text}
        return {"place": self._place.copy()} | {name: np.array(count, COUNTS) for name, count in counts.items()}

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        counts = dict.fromkeys(("walk", "shade", "text"), ((), COUNTS))
        check_state({"place": ((self.info.control_columns,), POSES)} | counts, state, self.info.name)

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)
        self._place = state["place"].copy()
        self._walk, self._shade, self._text = (int(state[name]) for name in ("walk", "shade", "text"))

    @property
    def backend(self) -> str:
        return self.info.backend

    @property
    def spent(self) -> dict[str, float]:
        return {"denoise": self._chunk_s * 1e3, "decode": 1.0}

    @property
    def building(self) -> str:
        return ""

    def close(self) -> None:
        self.closed = True

    @property
    def camera(self) -> np.ndarray:
        camera = np.eye(4)
        camera[0, 3], camera[2, 3] = self._place[0], self._place[1]
        return camera


# Runs the player in a process of its own: python -c PLAYER <seconds per chunk> <player's arguments>.
PLAYER = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import play
from fake_world import FakeWorld
chunk_s = float(sys.argv[1])
sys.exit(play.main(sys.argv[2:], load_world=lambda *_: FakeWorld(chunk_s)))
"""
