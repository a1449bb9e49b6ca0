"""The caches' buffers, rotary positions and sparse patterns, against plain references."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from model import attention, rotary, sparse  # noqa: E402
from model.cache import EMPTY, Gathered, Window  # noqa: E402
from model.layer_ring import RingShape  # noqa: E402
from model.rings import Rings  # noqa: E402

GRID, HEADS, SIZE = (2, 3), 2, 12
AXES = rotary.Axes.wan(SIZE)
TOKENS = GRID[0] * GRID[1]


def rings(window: Window) -> Rings:
    shapes = {
        "self": RingShape(window, (0, 1), HEADS, SIZE, AXES, GRID),
        "each": RingShape(window, (0,), HEADS, SIZE, rotary.Axes((4,), 256.0), batch=TOKENS),
    }
    return Rings(shapes, "cpu", torch.float32)


def clip(frames: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 1, HEADS, frames * TOKENS, SIZE, generator=generator)


def through(window: Window, counts: list[int], q, k, v):
    """Attention chunk by chunk through a ring, as play does it."""
    caches, out, start = rings(window), [], 0
    for count in counts:
        now = slice(start * TOKENS, (start + count) * TOKENS)
        caches.stage(count)
        ring = caches.layer(1)["self"]
        keys, values = ring.write(torch.zeros_like(k[:, :, now]), v[:, :, now])  # a noisy pass, overwritten
        keys, values = ring.write(k[:, :, now], v[:, :, now])
        out.append(attention.sdpa(ring.turned(q[:, :, now]), keys, values))
        caches.commit()
        start += count
    return torch.cat(out, 2)


@pytest.mark.parametrize("sizes", [(0, 3, 3), (0, 1, 3), (1, 3, 3), (3, 3, 3)], ids=str)
def test_a_ring_equals_the_whole_clip_under_a_mask(sizes):
    """Eviction of whole and partial chunks: the pattern of the whole clip, densely masked, is the reference."""
    window, counts = Window(*sizes), [1, *[3] * 6] if sizes[0] == 1 else [3] * 6
    frames = sum(counts)
    q, k, v = clip(frames)
    turn = AXES.grid(range(frames), *GRID)
    turned = [rotary.rotate(part, *turn) for part in (q, k)]
    pattern = sparse.window_pattern(window, counts, TOKENS)
    mask = sparse.mask(pattern, frames * TOKENS, frames * TOKENS)
    reference = torch.nn.functional.scaled_dot_product_attention(*turned, v, mask)
    assert (through(window, counts, q, k, v) - reference).abs().max() < 2e-6
    assert (sparse.sparse_attention(*turned, v, pattern) - reference).abs().max() < 2e-6
    assert not mask.all(), "the window leaves something out, or this shows nothing"


def test_relative_and_absolute_positions_agree_until_something_is_gone():
    counts, (q, k, v) = [3] * 4, clip(12)
    absolute = through(Window(3, 3, 3), counts, q, k, v)
    relative = through(Window(3, 3, 3, relative=True), counts, q, k, v)
    kept = 9 * TOKENS
    assert (absolute - relative)[:, :, :kept].abs().max() < 1e-6
    assert (absolute - relative)[:, :, kept:].abs().max() > 1e-3


def test_a_relative_ring_turns_keys_by_their_rank():
    window = Window(1, 2, 2, relative=True)
    counts, (q, k, v) = [1, 2, 2, 2], clip(7)
    last = through(window, counts, q, k, v)[:, :, -2 * TOKENS :]
    seen = torch.cat([torch.arange(frame * TOKENS, (frame + 1) * TOKENS) for frame in (0, 3, 4, 5, 6)])
    keys = rotary.rotate(k[:, :, seen], *AXES.grid(range(5), *GRID))
    queries = rotary.rotate(q[:, :, -2 * TOKENS :], *AXES.grid([3, 4], *GRID))
    assert (last - attention.sdpa(queries, keys, v[:, :, seen])).abs().max() < 1e-6


def test_recaching_rewrites_the_span_and_nothing_else():
    window, (_, k, v) = Window(3, 6, 3), clip(15)
    caches = rings(window)
    for start in range(0, 15, 3):
        caches.stage(3)
        now = slice(start * TOKENS, (start + 3) * TOKENS)
        caches.layer(0)["self"].write(k[:, :, now], v[:, :, now])
        caches.commit()
    before = caches["self"].buffer.clone()
    caches.recache(12)
    fresh = clip(12, seed=1)
    keys, values = caches.layer(0)["self"].write(fresh[1], fresh[2])
    after, held = caches["self"].buffer, window.held(15)
    for slot, frame in enumerate(held):
        place = slice(slot * TOKENS, (slot + 1) * TOKENS)
        same = torch.equal(after[1, 0, :, :, place], before[1, 0, :, :, place])
        assert same == (frame < 3), f"frame {frame}"
        if frame >= 3:
            assert torch.equal(values[:, :, place], fresh[2][:, :, (frame - 3) * TOKENS : (frame - 2) * TOKENS])
    assert keys.shape[2] == 12 * TOKENS and caches.committed == 15


def test_steady_state_neither_allocates_nor_moves():
    caches = rings(Window(0, 1, 3))
    caches["self"].buffer.fill_(0)
    places, indices = {caches[name].buffer.data_ptr() for name in ("self", "each")}, 0
    for chunk in range(40):
        caches.stage(3)
        caches.commit()
        indices = caches.indices if chunk == 8 else indices
    assert caches.layer(0).keys() == {"self", "each"} and caches.layer(1).keys() == {"self"}
    assert {caches[name].buffer.data_ptr() for name in ("self", "each")} == places
    assert caches.indices == indices, "the sets of slots repeat"
    assert caches.committed == 120


def test_what_gathered_frames_turn_by_is_made_once(monkeypatch):
    """The slots' own positions, wherever a chunk is staged: what is made of numbers has to be sent to a device."""
    caches = Rings({"self": RingShape(Gathered(4, 2), (0,), HEADS, SIZE, AXES, GRID, prefix=5)}, "cpu", torch.float32)
    wanted = {frames: AXES.grid(frames, *GRID) for frames in (range(2), range(4), range(2, 4), range(4, 6))}
    monkeypatch.setattr(rotary.Axes, "angles", lambda *_: pytest.fail("a table is made anew"))
    for told, count in ((5, 0), (3, 4), (3, 2)):
        caches.tell(told)
        caches.gather(count)
        seen = [(caches["self"].opened, range(count))] if count else []
        caches.stage(2)
        for opened, frames in (*seen, (caches["self"].opened, range(count, count + 2))):
            assert all(map(torch.equal, opened.turn, wanted[frames]))
            assert opened.filled == told + frames.stop * TOKENS


def test_state_comes_back_bit_for_bit():
    window, (_, k, v) = Window(0, 1, 3), clip(12)
    one = rings(window)
    one.stage(3)
    one.layer(0)["self"].write(k[:, :, : 3 * TOKENS], v[:, :, : 3 * TOKENS])
    one.commit()
    state = one.state()
    two = rings(window)
    two.load_state(state)
    for caches in (one, two):
        caches.stage(3)
    now = slice(3 * TOKENS, 6 * TOKENS)
    first, second = (caches.layer(0)["self"].write(k[:, :, now], v[:, :, now]) for caches in (one, two))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert EMPTY not in window.held(two.committed)[:3]


def test_angles_do_not_end_and_stay_exact():
    """Rotation by absolute positions leaves scores a function of the difference, a billion frames into a walk too."""
    q, k, _ = clip(1)
    scores = []
    for start in (0, 1024, 10**9):
        a = rotary.rotate(q, *AXES.grid([start + 5], *GRID))
        b = rotary.rotate(k, *AXES.grid([start + 2], *GRID))
        scores.append(a @ b.transpose(-1, -2))
    assert (scores[1] - scores[0]).abs().max() < 1e-5 and (scores[2] - scores[0]).abs().max() < 1e-4


def test_line_turns_only_the_first_channels():
    x = torch.randn(1, 2, 3, 16)
    turned = rotary.rotate(x, *rotary.Axes((8,), 256.0).line([0, 7, 9]))
    assert torch.equal(turned[..., 8:], x[..., 8:]) and torch.equal(turned[:, :, 0], x[:, :, 0])
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), atol=1e-5)
    angle = 7 * 256 ** (-2 / 8)
    first = x[0, 0, 1, 2] * torch.tensor(angle).cos() - x[0, 0, 1, 3] * torch.tensor(angle).sin()
    assert turned[0, 0, 1, 2] == pytest.approx(first.item(), abs=1e-5)


@pytest.mark.parametrize("queries, keys", [(512, 512), (300, 700), (128, 64)])
def test_kept_blocks_equal_a_dense_mask(queries, keys):
    torch.manual_seed(3)
    q, k, v = (torch.randn(1, 2, length, 16) for length in (queries, keys, keys))
    count, there = -(-queries // 128), -(-keys // 128)
    kept = [sorted({0, there - 1, index % there}) for index in range(count)]
    pattern = sparse.block_pattern(kept, queries, keys)
    reference = torch.nn.functional.scaled_dot_product_attention(q, k, v, sparse.mask(pattern, queries, keys))
    assert (sparse.sparse_attention(q, k, v, pattern) - reference).abs().max() < 2e-6


def test_query_blocks_that_keep_the_same_are_one_call():
    pattern = sparse.block_pattern([[0, 1], [1, 0], [0, 2]], 384, 384)
    assert pattern == (sparse.Group(0, 256, ((0, 256),)), sparse.Group(256, 384, ((0, 128), (256, 384))))


@pytest.mark.parametrize("kept", [[[0]], [[0], []], [[0], [9]], [[0], [-1]]], ids=str)
def test_impossible_blocks_are_refused(kept):
    with pytest.raises(ValueError):
        sparse.block_pattern(kept, 256, 256)
