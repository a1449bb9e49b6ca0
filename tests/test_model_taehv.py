"""The tiny decoder: the official names and shapes, the official arithmetic, and streaming that forgets nothing."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

TINY = (12, 8, 6, 4)
CLIP = (1, 16, 3, 2, 3)  # three latents of 2x3

# What taehv.py of madebyollin/taehv at 1f14a568 draws of `drawn_by_seed`: `TAEHV(checkpoint_path=None).double()`,
# decode_video, mapped to [-1, 1]. The mean, and every 1151st value of [1, 3, 9, 16, 24].
OFFICIAL_MEAN = 0.06506800
OFFICIAL_SAMPLES = [0.28091549, 0.34635756, 0.07900783, 0.3567901, 0.25201377]
OFFICIAL_SAMPLES += [-0.0167875, -0.2355805, -0.05552553, 0.10884483, -0.85498159]


def drawn_by_seed(decoder):
    """Weights that any implementation can draw again: NumPy's frozen generator, names in alphabetical order."""
    random, weights = np.random.RandomState(7), {}
    for name, tensor in sorted(decoder.state_dict().items()):
        reach = 0.05 if name.endswith("bias") else (3 / tensor[0].numel()) ** 0.5
        weights[name] = torch.from_numpy(random.uniform(-reach, reach, tuple(tensor.shape)))
    weights["decoder.22.bias"] += 0.5
    return weights, torch.from_numpy(random.uniform(-3, 3, CLIP))


def decoder_and_clip(widths=TINY):
    from model.taehv import TinyDecoder

    decoder = TinyDecoder(widths).double()
    weights, clip = drawn_by_seed(decoder)
    decoder.load_state_dict(weights)
    return decoder, clip


@torch.no_grad()
def stream(decoder, clip, memory=None, start=0):
    """The frames of each latent from `start` on, as a list, and the memory after them."""
    from model.memory import Memory

    memory = memory or Memory()
    return [decoder.decode(clip[:, :, i : i + 1], memory) for i in range(start, clip.shape[2])], memory


def whole_clip(weights, clip):
    """The parallel form, for all latents at once: what a memory block remembers is its input shifted by one frame."""

    def convolve(x, name):
        weight = weights[f"{name}.weight"]
        return torch.nn.functional.conv2d(x, weight, weights.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    x = convolve(torch.tanh(clip[0].transpose(0, 1) / 3) * 3, "decoder.1").relu()
    for start, growth in ((3, 1), (9, 2), (15, 2)):
        for block in range(start, start + 3):
            shifted = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
            y = convolve(torch.cat([x, shifted], 1), f"decoder.{block}.conv.0").relu()
            y = convolve(y, f"decoder.{block}.conv.2").relu()
            x = (convolve(y, f"decoder.{block}.conv.4") + x).relu()
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        grown = convolve(x, f"decoder.{start + 4}.conv")
        x = grown.reshape(len(x) * growth, *x.shape[1:])
        x = convolve(x, f"decoder.{start + 5}")
    x = convolve(x.relu(), "decoder.22")[3:]
    return (2 * x - 1).clamp(-1, 1).transpose(0, 1)[None]


def official_table():
    """Name -> shape of the decoder's tensors in `taew2_1`, listed by hand from taehv.py."""
    table = {
        "decoder.1.weight": (256, 16, 3, 3),
        "decoder.1.bias": (256,),
        "decoder.7.conv.weight": (256, 256, 1, 1),
        "decoder.8.weight": (128, 256, 3, 3),
        "decoder.13.conv.weight": (256, 128, 1, 1),
        "decoder.14.weight": (64, 128, 3, 3),
        "decoder.19.conv.weight": (128, 64, 1, 1),
        "decoder.20.weight": (64, 64, 3, 3),
        "decoder.22.weight": (3, 64, 3, 3),
        "decoder.22.bias": (3,),
    }
    for block, width in ((3, 256), (4, 256), (5, 256), (9, 128), (10, 128), (11, 128), (15, 64), (16, 64), (17, 64)):
        for layer, inputs in ((0, 2 * width), (2, width), (4, width)):
            table[f"decoder.{block}.conv.{layer}.weight"] = (width, inputs, 3, 3)
            table[f"decoder.{block}.conv.{layer}.bias"] = (width,)
    return table


def test_names_and_shapes_are_the_official_ones():
    from model.taehv import TinyDecoder

    with torch.device("meta"):
        tensors = TinyDecoder().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == official_table()
    assert len(tensors) == 64 and sum(tensor.numel() for tensor in tensors.values()) == 9_844_611


def test_official_widths_draw_what_the_official_code_draws():
    decoder, clip = decoder_and_clip((256, 128, 64, 64))
    video = torch.cat(stream(decoder, clip)[0], 2)
    assert video.shape == (1, 3, 9, 16, 24)
    assert video.mean().item() == pytest.approx(OFFICIAL_MEAN, abs=1e-7)
    assert video.flatten()[::1151].tolist() == pytest.approx(OFFICIAL_SAMPLES, abs=1e-7)


def test_streaming_equals_the_whole_clip():
    decoder, clip = decoder_and_clip()
    streamed = torch.cat(stream(decoder, clip)[0], 2)
    assert (streamed - whole_clip(decoder.state_dict(), clip)).abs().max() < 1e-6
    memory = stream(decoder, clip[:, :, :2])[1]
    for frames in memory.frames.values():
        frames.zero_()
    (forgetful,), _ = stream(decoder, clip, memory, start=2)
    assert (streamed[:, :, -4:] - forgetful).abs().max() > 1e-2, "the past must matter, or this test sees nothing"


def test_one_frame_then_four():
    decoder, clip = decoder_and_clip()
    frames, _ = stream(decoder, clip)
    assert [tuple(part.shape) for part in frames] == [(1, 3, 1, 16, 24), (1, 3, 4, 16, 24), (1, 3, 4, 16, 24)]


def test_memory_is_updated_in_place_and_resumes_exactly():
    from model.memory import Memory

    decoder, clip = decoder_and_clip()
    _, memory = stream(decoder, clip[:, :, :2])
    sizes = [(12, 2, 3)] * 3 + [(8, 4, 6)] * 3 + [(6, 8, 12)] * 3
    assert [tuple(part.shape) for part in memory.frames.values()] == [(1, *size) for size in sizes]
    places = [part.data_ptr() for part in memory.frames.values()]
    kept = memory.state()
    (onward,), _ = stream(decoder, clip, memory, start=2)
    assert [part.data_ptr() for part in memory.frames.values()] == places
    assert not any(torch.equal(part, kept[name]) for name, part in memory.frames.items())
    other = Memory()
    other.load_state(kept, "cpu")
    (resumed,), _ = stream(decoder, clip, other, start=2)
    assert torch.equal(onward, resumed)
    assert all(torch.equal(part, other.frames[name]) for name, part in memory.frames.items())


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_frames_keep_their_range_and_type(name):
    dtype = getattr(torch, name)
    decoder, clip = decoder_and_clip()
    with torch.no_grad():
        decoder.decoder[22].weight.mul_(20)
    frames = torch.cat(stream(decoder.to(dtype), clip.to(dtype) * 100)[0], 2)
    assert frames.dtype == dtype and not frames.requires_grad
    assert (frames.min(), frames.max()) == (-1, 1), "overdriven, both ends are reached and not passed"
