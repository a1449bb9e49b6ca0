"""Hours of WorldPlay: nothing grows, and whoever comes back is shown what was there."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from endless_worldplay import AT_ONCE, WALKS  # noqa: E402

CHOICE_S = 0.005  # of one core


@pytest.mark.parametrize("network", WALKS)
def test_nothing_grows(revisits, network):
    told, (chunks, kept) = revisits[network], WALKS[network]
    assert told["chunks"] == chunks and len(told["sizes"]) == chunks // AT_ONCE
    assert len(set(map(tuple, told["sizes"]))) == 1
    assert told["latents"] == told["remembered"] == kept < 4 * chunks, "as many as may be, and no more"
    # In between, a second world was loaded and went on beside it.
    assert told["memory_mb"][-1] - told["memory_mb"][0] < 16, f"MB: {told['memory_mb']}"
    times = told["cpu_s_per_chunk"]
    assert np.median(times[-3:]) < 1.5 * np.median(times[:3]), f"seconds per chunk: {times}"
    assert told["choice_s"][-1] < CHOICE_S, f"seconds per choice: {told['choice_s']}"
    assert told["spread"] > 1, "there is still something to be seen"


@pytest.mark.parametrize("network", WALKS)
def test_who_comes_back_is_shown_what_was_there(revisits, network):
    """The clip that was chosen looks where the chunk looks, from there; and is, to the bit, what was drawn then."""
    told = revisits[network]
    degrees, units, ago = np.array(told["revisits"]).T
    assert len(degrees) >= 40 and degrees.max() < 10 and units.max() < 0.1
    assert ago.min() > 3, "they are none of the last chunks, which are seen anyway"
    assert told["wrong"] == 0


@pytest.mark.parametrize("network", WALKS)
def test_a_walk_saved_in_the_middle_goes_on_bit_for_bit(revisits, network):
    assert revisits[network]["alike"]
