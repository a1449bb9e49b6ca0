"""Every VAE as a stream: the same to the bit however a clip is split, and the same as many latents at once."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from vae_fixtures import KINDS, decode  # noqa: E402

from model.memory import Memory  # noqa: E402
from model.stream import grouped  # noqa: E402


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def decoder(kind):
    return kind.half(kind.decoder)


@pytest.fixture(scope="module")
def latents(kind):
    return kind.walk(6, 2, 3)


@pytest.fixture(scope="module")
def whole(decoder, latents):
    return decode(decoder, latents, Memory())


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (1, 2, 3, 4, 5), (5,)], ids=str)
def test_decoding_is_the_same_to_the_bit_however_it_is_split(kind, decoder, latents, whole, cuts):
    """Every part goes on from a saved memory, as after loading a walk."""
    parts = []
    assert whole.shape == (1, 3, 1 + 4 * 5, 2 * kind.scale, 3 * kind.scale) and whole.abs().max() <= 1
    memory = Memory()
    for start, stop in zip((0, *cuts), (*cuts, 6), strict=True):
        parts.append(decode(decoder, latents[:, :, start:stop], memory))
        kept, memory = memory.state(), Memory()
        memory.load_state(kept, "cpu")
    assert torch.equal(torch.cat(parts, 2), whole)


@torch.inference_mode()
def test_after_the_first_any_number_of_latents_may_go_at_once(decoder, latents, whole):
    memory = Memory()
    together = torch.cat([decoder.decode(latents[:, :, :1], memory), decoder.decode(latents[:, :, 1:], memory)], 2)
    assert (together - whole).abs().max() < 1e-5


@torch.inference_mode()
def test_no_constant_is_sent_to_the_device_twice(decoder, latents, whole, monkeypatch):
    """To send one waits for the device, and a captured run cannot."""
    decode(decoder, latents[:, :, :1], Memory())
    monkeypatch.setattr(torch, "tensor", lambda *_, **__: pytest.fail("a tensor is made of numbers"))
    assert torch.equal(decode(decoder, latents, Memory()), whole)


@torch.inference_mode()
def test_what_is_remembered_matters_and_a_reset_forgets_it(decoder, latents):
    memory = Memory()
    fresh = decode(decoder, latents[:, :, :2], memory)
    places = {name: frames.data_ptr() for name, frames in memory.frames.items()}
    assert not torch.equal(decode(decoder, latents[:, :, :2], memory), fresh)
    memory.reset()
    assert torch.equal(decode(decoder, latents[:, :, :2], memory), fresh)
    assert {name: frames.data_ptr() for name, frames in memory.frames.items()} == places


def test_every_layer_remembers_two_frames_from_the_beginning(kind, decoder, latents):
    """As many as the official decoders cache; what doubles time in Wan's joins with the second latent."""
    memory, shapes = Memory(), []
    for latent in latents[:, :, :3].split(1, 2):
        decode(decoder, latent, memory)
        shapes.append({name: frames.shape for name, frames in memory.frames.items()})
    assert tuple(map(len, shapes[:2])) == kind.layers and shapes[1] == shapes[2]
    assert shapes[0].items() <= shapes[1].items()
    assert {shape[2] for shape in shapes[0].values()} == {2}


@torch.inference_mode()
def test_encoding_sees_no_future(kind):
    """A clip's first latents are those of its beginning, to the bit; and one frame alone is the first latent."""
    encoder, (height, width) = kind.half(kind.encoder), (2 * kind.scale, 3 * kind.scale)
    clip = torch.rand(1, 3, 13, height, width, generator=torch.Generator().manual_seed(6)) * 2 - 1
    whole = list(encoder.encode(grouped(clip)))
    assert len(whole) == 4 and whole[0].shape == (1, kind.channels, 1, 2, 3)
    for frames in (1, 5, 9):
        begun = list(encoder.encode(grouped(clip[:, :, :frames])))
        assert all(torch.equal(a, b) for a, b in zip(begun, whole, strict=False))
    assert not torch.equal(whole[1], whole[2])
