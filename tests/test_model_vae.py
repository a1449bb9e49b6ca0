"""The VAE as a stream: the same to the bit however a clip is split, and the same as many latents at once."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import random_weights  # noqa: E402

from model.checkpoint import fill, on_meta  # noqa: E402
from model.memory import Memory  # noqa: E402
from model.stream import grouped  # noqa: E402
from model.wan_vae import VaeConfig, VaeDecoder, VaeEncoder  # noqa: E402

CONFIG = VaeConfig(width=4)


def half(cls):
    module = on_meta(cls, CONFIG)
    return fill(module, random_weights(module), "random weights", "cpu", torch.float32)


@pytest.fixture(scope="module")
def latents():
    return torch.randn(1, 16, 6, 3, 4, generator=torch.Generator().manual_seed(5))


@torch.inference_mode()
def decode(decoder, latents, memory):
    return torch.cat([decoder.decode(latent, memory) for latent in latents.split(1, 2)], 2)


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (1, 2, 3, 4, 5), (5,)], ids=str)
def test_decoding_is_the_same_to_the_bit_however_it_is_split(latents, cuts):
    """Every part goes on from a saved memory, as after loading a walk."""
    decoder, parts = half(VaeDecoder), []
    whole = decode(decoder, latents, Memory())
    assert whole.shape == (1, 3, 1 + 4 * 5, 24, 32) and whole.abs().max() <= 1
    memory = Memory()
    for start, stop in zip((0, *cuts), (*cuts, 6), strict=True):
        parts.append(decode(decoder, latents[:, :, start:stop], memory))
        kept, memory = memory.state(), Memory()
        memory.load_state(kept, "cpu")
    assert torch.equal(torch.cat(parts, 2), whole)


@torch.inference_mode()
def test_after_the_first_any_number_of_latents_may_go_at_once(latents):
    decoder, memory = half(VaeDecoder), Memory()
    together = torch.cat([decoder.decode(latents[:, :, :1], memory), decoder.decode(latents[:, :, 1:], memory)], 2)
    assert (together - decode(decoder, latents, Memory())).abs().max() < 1e-5


@torch.inference_mode()
def test_what_is_remembered_matters_and_a_reset_forgets_it(latents):
    decoder, memory = half(VaeDecoder), Memory()
    fresh = decode(decoder, latents[:, :, :2], memory)
    places = {name: frames.data_ptr() for name, frames in memory.frames.items()}
    assert not torch.equal(decode(decoder, latents[:, :, :2], memory), fresh)
    memory.reset()
    assert torch.equal(decode(decoder, latents[:, :, :2], memory), fresh)
    assert {name: frames.data_ptr() for name, frames in memory.frames.items()} == places
    assert len(places) == 32, "as many feature maps as the official decoder caches"


@torch.inference_mode()
def test_encoding_sees_no_future():
    """A clip's first latents are those of its beginning, to the bit; and one frame alone is the first latent."""
    encoder = half(VaeEncoder)
    clip = torch.rand(1, 3, 13, 16, 24, generator=torch.Generator().manual_seed(6)) * 2 - 1
    whole = list(encoder.encode(grouped(clip)))
    assert len(whole) == 4 and whole[0].shape == (1, 16, 1, 2, 3)
    for frames in (1, 5, 9):
        begun = list(encoder.encode(grouped(clip[:, :, :frames])))
        assert all(torch.equal(a, b) for a, b in zip(begun, whole, strict=False))
    assert not torch.equal(whole[1], whole[2])
