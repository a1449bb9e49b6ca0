"""WorldPlay in a real window: keyboard and mouse move its camera, and a line of text reaches its dream and its log."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from desk import Sitting  # noqa: E402
from worldplay_files import TEXTS, stored_config, write_world  # noqa: E402

from runtime.session import Chunk, Worded  # noqa: E402


def of_kind(log, kind):
    return [event for event in log.events if isinstance(event, kind)]


def turned(log):
    """Radians to the right, of the whole walk."""
    return sum(float(chunk.controls[:, 2].sum()) for chunk in of_kind(log, Chunk))


def test_keys_mouse_and_words(desk, tmp_path):
    folder = write_world(tmp_path / "tiny", stored_config("8b"))
    # A second thread of torch's would only wait for its turn beside this test's own processes.
    desk.environment |= {"OMP_NUM_THREADS": "1"}
    arguments = ("--world", str(folder), "--weights", str(folder / "weights"), "--device", "cpu", "--seed", "1")
    with Sitting(desk, "null", arguments) as sitting:
        sitting.until_playing()
        sitting.until_session(lambda log: log.chunks)
        assert desk.look().std() > 8, "the window is blank"
        desk.do("keydown", "w")
        sitting.until_session(lambda log: of_kind(log, Chunk)[-1].controls[-1, 1] > 0)
        desk.do("keyup", "w")
        before = turned(sitting.session())
        for _ in range(5):
            desk.do("mousemove_relative", "--", "60", "0")
        sitting.until_session(lambda log: turned(log) > before + np.radians(10))

        sitting.key("Return")
        sitting.until(lambda seen: seen["typed"] == "")
        desk.do("type", "--delay", "40", TEXTS[2])
        sitting.until(lambda seen: seen["typed"] == TEXTS[2])
        sitting.key("Return")
        log = sitting.until_session(lambda log: of_kind(log, Worded))
        assert [event.prompt for event in of_kind(log, Worded)] == [TEXTS[2]]

        sitting.key("Return")
        sitting.until(lambda seen: seen["typed"] == "")
        desk.do("type", "--delay", "40", "rain")
        sitting.until(lambda seen: seen["typed"] == "rain")
        sitting.key("Return")
        sitting.until_said("'rain' is not stored")
        length = sitting.session().chunks
        log = sitting.until_session(lambda log: log.chunks > length + 1)
        assert len(of_kind(log, Worded)) == 1, "what is refused is not logged"
        sitting.leave()
