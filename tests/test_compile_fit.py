"""Whether a world fits, and what is done for it: by sizes that are made up, and by those of the real configurations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compile.fit import OVERHEAD, Fit, Sizes, fit, needed, of_blocks, require, streamed
from runtime.errors import UserError

GB = 1_000_000_000
# Ten blocks of 0.6 GB, half as much in 8 bits.
SIZES = Sizes(
    blocks={"bf16": [600_000_000] * 10, "fp8": [300_000_000] * 10},
    beside=GB // 10,
    caches=GB,
    passing=GB // 10,
    decoder=GB // 10,
    remembered={1: GB, 2: GB + GB // 20, 4: GB + GB // 10},
    drawing={1: GB, 2: GB // 2, 4: GB // 4},
    encoders=2 * GB,
)
STANDING = OVERHEAD["cuda"] + SIZES.beside + SIZES.caches + SIZES.decoder


def asked(budget: float, precisions=("bf16",), device="cuda", sizes=SIZES) -> Fit:
    return fit(sizes, int(budget * GB), device, precisions)


def arrangement(found: Fit) -> tuple:
    return found.fits, found.resident, found.tiles, found.precision, found.encoders


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (10.8, (True, 10, 1, "bf16", "device")),
        (10.79, (True, 10, 1, "bf16", "cpu")),
        (9.9, (True, 10, 1, "bf16", "cpu")),
        (9.89, (True, 10, 2, "bf16", "cpu")),
        (9.44, (True, 10, 4, "bf16", "cpu")),
        (9.24, (True, 10, 4, "bf16", "cpu")),  # and in turn
        (9.14, (True, 7, 2, "bf16", "cpu")),  # three streamed blocks save one: 0.6 GB
        (5.05, (True, 1, 4, "bf16", "cpu")),
        (4.35, (True, 0, 4, "bf16", "cpu")),
        (4.3, (False, 0, 4, "bf16", "cpu")),
    ],
)
def test_the_least_harmful_arrangement_is_taken(budget, expected):
    assert arrangement(asked(budget)) == expected


@pytest.mark.parametrize("precisions", [("bf16",), ("fp8",), ("bf16", "fp8")])
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_what_fits_is_within_the_budget_and_no_larger_budget_is_worse(precisions, device):
    kept = []
    for budget in range(2, 13):
        found = asked(budget, precisions, device)
        assert found.fits == (found.needed <= budget * GB)
        assert found.needed == needed(SIZES, device, found)
        assert found.precision in precisions
        kept.append((found.fits, found.resident))
    assert kept == sorted(kept), "more memory, no fewer blocks on the device"
    assert kept[-1] == (True, 10) and not kept[0][0]


def test_precision_is_lowered_only_where_it_was_allowed_and_before_blocks_leave():
    assert arrangement(asked(7)) == (True, 4, 4, "bf16", "cpu")
    assert arrangement(asked(7, ("bf16", "fp8"))) == (True, 10, 1, "fp8", "cpu")
    assert arrangement(asked(9.3, ("bf16", "fp8"))) == (True, 10, 4, "bf16", "cpu"), "tiles first"
    assert arrangement(asked(12, ("fp8",))) == (True, 10, 1, "fp8", "device"), "and it is taken where it was asked for"


def test_lines():
    encoders = "encoders on the CPU (a new picture takes longer)"
    assert asked(12).line == "memory: 10.8 of 12.0 GB: everything on the GPU"
    assert asked(10).line == f"memory: needs 10.8 GB of 10.0: {encoders}; then 9.9 GB"
    assert asked(7).line == (
        "memory: needs 10.8 GB of 7.0: 6 of 10 blocks stay in host memory (slower), "
        f"{encoders}, VAE in 4 tiles; then 6.9 GB; with fp8 weights, every block on the GPU"
    )
    assert "with fp8 weights, only 6 of 10 blocks stay there" in asked(5).line
    assert "fp8 weights, encoders" in asked(7, ("bf16", "fp8")).line and "with fp8" not in asked(7, ("fp8",)).line
    assert asked(12, device="cpu").line == "memory: 10.7 of 12.0 GB: everything in main memory"


def test_what_cannot_fit_names_a_budget_that_would_do():
    found = asked(3)
    assert found.line.startswith("memory: 3.0 GB are too few: 4.4 GB are the least that will do (10 of 10 blocks stay")
    assert found.line.endswith("; with fp8 weights, 3.8 GB would do")
    assert asked(4.4).fits and asked(found.needed / GB).fits and not asked(4.34).fits and asked(3.8, ("fp8",)).fits
    with pytest.raises(UserError, match=r"3.0 GB are too few: 4.4 GB are .*\(a world\); give it 4.4 GB"):
        require(found, "a world")
    assert require(asked(4.5), "a world") == asked(4.5)


def test_decoding_waits_for_denoising_before_blocks_leave():
    """What both compute at their peaks is then needed once: here 0.1 GB less."""
    whole = replace(SIZES, compact=(SIZES.caches // 2, SIZES.passing))
    beside, in_turn, compact = (asked(budget, sizes=whole) for budget in (9.25, 9.15, 9.1))
    assert (beside.in_turn, in_turn.in_turn) == (False, True) and beside.needed - in_turn.needed == SIZES.passing
    assert "decoding and denoising in turn (slower)" in in_turn.line and "in turn" not in beside.line
    assert compact.compact and not compact.in_turn and {found.resident for found in (beside, in_turn, compact)} == {10}


def test_on_a_cpu_there_is_one_memory():
    """Streaming and moving encoders would gain nothing; and decoding is not beside denoising."""
    for budget in (12, 10, 4):
        found = asked(budget, device="cpu")
        assert (found.resident, found.encoders, found.in_turn) == (10, "device", False)
    assert asked(4, device="cpu").needed == STANDING - OVERHEAD["cuda"] + OVERHEAD["cpu"] + 6 * GB + 3 * GB
    assert "fp8" not in asked(4, device="cpu").line


def test_a_decoder_without_tiles_is_never_tiled():
    sizes = replace(SIZES, remembered={1: 0}, drawing={1: GB // 10})
    assert {asked(budget, sizes=sizes).tiles for budget in range(3, 12)} == {1}


def test_streamed_blocks_are_spread_and_take_two_slots():
    assert streamed(6, 6) == () and streamed(6, 0) == (0, 1, 2, 3, 4, 5)
    assert streamed(6, 3) == (1, 3, 5) and streamed(30, 27) == (5, 15, 25)
    for resident in range(31):
        found = streamed(30, resident)
        assert len(set(found)) == 30 - resident and all(0 <= number < 30 for number in found)
    sizes = [5, 1, 1, 7, 1, 3]
    assert of_blocks(sizes, 6) == 18 and of_blocks(sizes, 3) == 5 + 1 + 1 + 2 * 7 and of_blocks(sizes, 0) == 14
    assert of_blocks(sizes, 5) == 18, "one streamed block is in its slot for ever"


@pytest.fixture(scope="module")
def full_size(torch_or_skip):
    from bench.synthetic import VARIANTS, variant
    from model.matrix_game.sizes import sizes_of

    return sizes_of(variant(VARIANTS[0]), 2)


def test_matrix_game_at_full_size(full_size):
    """By what is known otherwise: 1619 M parameters, 1298 MB of caches, and on a CPU 7.1 GB at the peak without the
    encoders (bench/full_size.py).
    """
    sizes = full_size
    assert (sum(sizes.blocks["bf16"]) + sizes.beside) / 2e6 == pytest.approx(1619.2, abs=0.1)
    assert sum(sizes.blocks["fp8"]) < 0.62 * sum(sizes.blocks["bf16"])
    assert 1.298e9 < sizes.caches < 1.36e9
    plain = Fit(True, 30, 1, "bf16", "cpu", 0)
    assert needed(sizes, "cpu", plain) == pytest.approx(7.1e9, rel=0.05)
    assert sizes.drawing[4] < 0.3 * sizes.drawing[1] and sizes.remembered[4] < 1.12 * sizes.remembered[1]
    best = {tiles: sizes.drawing[tiles] + sizes.remembered[tiles] for tiles in sizes.drawing}
    assert sorted(best, key=best.get, reverse=True) == sorted(best), "more tiles, less memory"
    assert arrangement(asked(12, sizes=sizes)) == (True, 30, 1, "bf16", "device")
    assert arrangement(asked(7.6, sizes=sizes)) == (True, 30, 1, "bf16", "cpu")
    assert asked(6, sizes=sizes).fits and not asked(3, sizes=sizes).fits
    assert asked(6, ("bf16", "fp8"), sizes=sizes).resident == 30


def test_sizes_are_what_a_loaded_world_takes(torch_or_skip):
    """On tiny sizes: weights as they lie there after loading and streaming, and both decoders."""
    from matrix_fixtures import random_weights, tiny_config

    from compile.host_weights import ALIGNMENT, stream_blocks
    from model.checkpoint import fill, on_meta
    from model.matrix_game.network import MatrixGameNet
    from model.matrix_game.sizes import sizes_of

    config = tiny_config()
    config = replace(config, network=replace(config.network, layers=6))
    sizes, torch = sizes_of(config, 4), torch_or_skip
    net = on_meta(MatrixGameNet, config.network)
    net = fill(net, random_weights(net), "random weights", "cpu", torch.float32)
    assert sum(each.nbytes for each in net.parameters()) == sum(sizes.blocks["fp32"]) + sizes.beside
    parts = max(len(list(block.parameters())) for block in net.blocks)
    report = stream_blocks(net.blocks, 2, "cpu")
    said = of_blocks(sizes.blocks["fp32"], 2)
    assert said <= report.device <= said + 2 * parts * ALIGNMENT
    tiny = sizes_of(config, 4, "tiny")
    assert set(tiny.drawing) == {1} and tiny.decoder != sizes.decoder and tiny.blocks == sizes.blocks
