"""The stream on which pictures are decoded, by stand-ins of CUDA's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from model.lane import DecodeLane  # noqa: E402


@pytest.mark.parametrize("in_turn", [False, True])
def test_in_turn_means_the_stream_that_denoises(in_turn, monkeypatch):
    denoises, own, asked = object(), object(), []
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: asked.append(device) or denoises)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: asked.append(device) or own)
    device = torch.device("cuda", 1)
    lane = DecodeLane(lambda latent: latent, device, in_turn)
    assert lane._stream is (denoises if in_turn else own) and asked == [device]
    assert lane.overlaps, "what was started goes on by itself, in turn too"
    here = DecodeLane(lambda latent: latent, torch.device("cpu"), in_turn)
    assert not here.overlaps and len(asked) == 1
