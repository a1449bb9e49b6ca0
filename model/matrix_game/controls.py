"""Matrix-Game 2.0's conditioning by hand: control rows to its keyboard and mouse, and the rows that it looks back on.

NumPy only. The mapping: a column of the keyboard is 1 in the frames in which its action is held (one-hot variants have
one more column in front, which is 1 when nothing is held; of several keys the first in the list counts). The mouse is
[pitch, yaw] per frame: radians of camera rotation in that frame times `mouse_per_radian`, limited to `mouse_limit`. The
official demos know 0 and 0.1 only; the scale is chosen so that a key's turn of 100 degrees per second at 25 frames per
second is 0.1 (what the released weights make of other values is not published).
"""

from __future__ import annotations

import numpy as np

from model.matrix_game.config import ROWS_PER_LATENT, MatrixGameConfig
from model.world import CONTROL_COLUMNS

YAW, PITCH = CONTROL_COLUMNS.index("yaw"), CONTROL_COLUMNS.index("pitch")


def keyboard_rows(rows: np.ndarray, config: MatrixGameConfig) -> np.ndarray:
    """Control rows [frames, 4 + keys] to float32 [frames, keyboard_dim]."""
    held = rows[:, len(CONTROL_COLUMNS) :].astype(np.float32)
    if not config.one_hot:
        return held
    idle = ~held.any(1)
    columns = np.concatenate([idle[:, None], held > 0], 1)
    return np.eye(columns.shape[1], dtype=np.float32)[columns.argmax(1)]


def mouse_rows(rows: np.ndarray, config: MatrixGameConfig) -> np.ndarray:
    """Control rows to float32 [frames, 2]: pitch (up positive) and yaw (right positive) in the network's units."""
    turned = rows[:, [PITCH, YAW]] * np.array([config.pitch * config.mouse_per_radian, config.mouse_per_radian])
    return np.clip(turned, -config.mouse_limit, config.mouse_limit).astype(np.float32)


class ActionRing:
    """The last rows of one kind of control, as many as a chunk's windows reach back: memory that does not grow.

    Latent frame j sees the rows 4j - rows .. 4j - 1 of the walk, row 0 standing in for those before it; so the last row
    of a chunk is first seen by the next one.
    """

    def __init__(self, columns: int, window: int, chunk: int) -> None:
        """window, chunk: in latent frames."""
        self.rows = window * ROWS_PER_LATENT
        self.buffer = np.zeros(((window + chunk) * ROWS_PER_LATENT, columns), np.float32)
        self.count = 0

    def push(self, rows: np.ndarray) -> None:
        """Append rows [frames, columns], those of one chunk."""
        index = np.arange(self.count, self.count + len(rows)) % len(self.buffer)
        self.buffer[index] = rows
        self.count += len(rows)

    def windows(self, first: int, frames: int) -> np.ndarray:
        """What the latent frames first .. first + frames - 1 see, float32 [frames, rows, columns], oldest first."""
        ends = ROWS_PER_LATENT * np.arange(first, first + frames)
        index = ends[:, None] + np.arange(-self.rows, 0)
        return self.buffer[np.maximum(index, 0) % len(self.buffer)]
