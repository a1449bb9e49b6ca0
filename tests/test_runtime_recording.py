"""Recording: what a video says of itself is what was recorded, however early it was asked for."""

import pytest
from fake_world import FakeWorld

import play
from runtime.video import read_metadata


@pytest.mark.parametrize("seed", [0, 9])
def test_a_video_says_the_seed_of_its_walk(tmp_path, seed):
    path = tmp_path / "w.mp4"
    ask = ["--headless", "--frames", "8", "--seed", str(seed), "--record", str(path)]
    assert play.main(ask, load_world=lambda *_: FakeWorld(0.01)) == 0
    said = read_metadata(path)
    assert (said["seed"], said["world"], said["session"]) == (str(seed), "cloister", "w.session.jsonl")
