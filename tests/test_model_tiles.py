"""Decoding in tiles: equal to the whole, with a halo that is wide enough and nowhere too wide, and cheaper."""

from __future__ import annotations

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from vae_fixtures import KINDS, decode  # noqa: E402

from model import tiles  # noqa: E402
from model.checkpoint import on_meta  # noqa: E402
from model.footprint import peak_bytes  # noqa: E402
from model.memory import Memory  # noqa: E402
from model.tiles import TiledDecoder, cores, grid_of, spans  # noqa: E402
from runtime.errors import UserError  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Layers this small are slower on several threads, by far where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def decoder(kind):
    return kind.half(kind.decoder)


@pytest.mark.parametrize(
    ("count", "size", "grid"),
    [(1, (2, 3), (1, 1)), (2, (2, 15), (1, 2)), (3, (16, 2), (3, 1)), (4, (5, 5), (2, 2)), (6, (4, 6), (2, 3))],
    ids=str,
)
def test_tiles_draw_what_the_whole_does(kind, decoder, count, size, grid):
    latents = kind.walk(3, *size)
    assert grid_of(count, *size) == grid
    whole, drawn = decode(decoder, latents, Memory()), decode(TiledDecoder(decoder, count), latents, Memory())
    assert drawn.shape == whole.shape == (1, 3, 1 + 4 * 2, kind.scale * size[0], kind.scale * size[1])
    assert whole.std() > 0.1, "a picture, not a grey field"
    assert (drawn - whole).abs().max() <= (1e-5 if count > 1 else 0)


def test_a_walk_goes_on_from_a_kept_memory(kind, decoder):
    latents, tiled, memory, parts = kind.walk(4, 3, 4), TiledDecoder(decoder, 4), Memory(), []
    for start, stop in pairwise((0, 1, 2, 4)):
        parts.append(decode(tiled, latents[:, :, start:stop], memory))
        kept, memory = memory.state(), Memory()
        memory.load_state(kept, "cpu")
    assert torch.equal(torch.cat(parts, 2), decode(tiled, latents, Memory()))
    assert (torch.cat(parts, 2) - decode(decoder, latents, Memory())).abs().max() <= 1e-5


@torch.inference_mode()
def test_a_reset_forgets(kind, decoder):
    tiled, memory, latents = TiledDecoder(decoder, 2), Memory(), kind.walk(2, 1, 4)
    fresh = decode(tiled, latents, memory)
    assert not torch.equal(decode(tiled, latents, memory)[:, :, 4:], fresh)
    memory.reset()
    assert torch.equal(decode(tiled, latents, memory), fresh)


def test_the_memory_of_other_tiles_is_refused(kind, decoder):
    """It has other shapes and names: without the check, a walk would go on from zeros."""
    latents = kind.walk(2, 2, 2)
    for first, second in ((decoder, TiledDecoder(decoder, 2)), (TiledDecoder(decoder, 2), TiledDecoder(decoder, 4))):
        memory = Memory()
        decode(first, latents[:, :, :1], memory)
        with pytest.raises(UserError, match="other tiles than"):
            decode(second, latents[:, :, 1:2], memory)


def test_tiles_that_a_frame_cannot_be_cut_into():
    assert grid_of(7, 3, 9) == (1, 7)
    with pytest.raises(ValueError, match="7 tiles"):
        grid_of(7, 3, 5)


@torch.inference_mode()
def widths(tiled) -> list[int]:
    """The channels that each tiled layer is given."""
    memory, found = Memory(), []
    x = tiled.decoder.raw(torch.zeros(1, tiled.decoder.config.latent_channels, 1, 1, 1))
    for layer in tiled.decoder.row:
        found.append(x.shape[1])
        x = layer(x, memory)
    return found[-len(tiled.tiled) :]


@torch.inference_mode()
def touched(tiled, size: int, pixel: int, layer: int, channels: int) -> tuple[int, int]:
    """First and last row of the picture that change when row `pixel` before tiled layer `layer` is not a number.

    NaN spreads through every convolution however small its weights are, so this is the receptive field itself.
    """
    x = torch.zeros(1, channels, 1, size, 3)
    x[..., pixel, :] = float("nan")
    memory = Memory()
    for part in tiled.tiled[layer:]:
        x = part(x, memory)
    rows = x.isnan().any(-1)[0, 0, 0].nonzero()
    return rows.min().item(), rows.max().item()


def test_the_halo_is_the_receptive_field(kind, decoder):
    """At every layer: what borders on the span of a tile does not reach its pixels, and the span's own ends do."""
    tiled, size = TiledDecoder(decoder, 1), 40
    sizes, channels = [size], widths(tiled)
    for layer in tiled.tiled:
        sizes.append(sizes[-1] * tiles.growth(layer))
    needed, first, last = spans(tiled.tiled, (18, 22), size), 18 * sizes[-1] // size, 22 * sizes[-1] // size
    assert needed[0] == (18 - kind.halo, 22 + kind.halo) and needed[-1] == (first, last)
    for layer, (start, stop) in enumerate(needed[:-1]):
        assert start > 0 and stop < sizes[layer], "the borders of the frame must not matter here"
        ends = [touched(tiled, sizes[layer], pixel, layer, channels[layer]) for pixel in (start, stop - 1)]
        assert ends[0][1] >= first and ends[1][0] < last, "the first and the last pixel are seen"
        ends = [touched(tiled, sizes[layer], pixel, layer, channels[layer]) for pixel in (start - 1, stop)]
        assert ends[0][1] < first and ends[1][0] >= last, "the ones before and behind are not"


def test_a_halo_one_pixel_narrower_shows(kind, decoder, monkeypatch):
    """What the comparison above would say if a convolution were forgotten."""
    monkeypatch.setattr(tiles, "reach", lambda layer, true=tiles.reach: max(0, true(layer) - 1))
    latents = kind.walk(2, 2, 15)
    drawn = decode(TiledDecoder(decoder, 2), latents, Memory())
    assert (drawn - decode(decoder, latents, Memory())).abs().max() > 1e-3


def test_cores_are_the_whole_axis():
    assert cores(11, 3) == [(0, 3), (3, 7), (7, 11)]


@pytest.mark.parametrize("name, share, more", [("wan-2.1", 0.3, 1.12), ("wan-2.2", 0.4, 1.3), ("hunyuan", 0.3, 1.2)])
def test_tiles_take_less_memory_at_a_time(name, share, more):
    """At full size: activations in four parts, and what is remembered little more; most where a level is one layer."""
    decoder = on_meta(KINDS[name].decoder, KINDS[name].official).to(torch.bfloat16)
    size = (1, KINDS[name].official.latent_channels, 1, 352 // KINDS[name].scale, 640 // KINDS[name].scale)
    latent = torch.zeros(size, dtype=torch.bfloat16, device="meta")
    found = {}
    for count in (1, 4):
        tiled, memory = TiledDecoder(decoder, count), Memory()
        decode(tiled, latent.expand(-1, -1, 2, -1, -1), memory)
        drawing = peak_bytes(lambda tiled=tiled, memory=memory: tiled.decode(latent, memory))
        found[count] = drawing, sum(frames.nbytes for frames in memory.frames.values())
    assert found[4][0] < share * found[1][0]
    assert found[1][1] < found[4][1] < more * found[1][1]
