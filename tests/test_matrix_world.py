"""Matrix-Game 2.0 as a world, tiny and with random weights: controls, play, state, endlessness."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config, write_world  # noqa: E402

from model.matrix_game.controls import ActionRing, keyboard_rows, mouse_rows  # noqa: E402
from model.registry import load_world  # noqa: E402
from model.world import LoadOptions  # noqa: E402

VARIANTS = {
    "universal": {},
    "gta": {"keyboard": ("forward", "back"), "window": 4, "pitch": False},
    "templerun": {
        "keyboard": ("jump", "slide", "turn_left", "turn_right", "left", "right"),
        "one_hot": True,
        "mouse_dim": 0,
        "steps": (1000, 750, 500, 250),
    },
}


@pytest.fixture(scope="module", params=VARIANTS)
def folder(request, tmp_path_factory):
    return write_world(tmp_path_factory.mktemp(request.param), tiny_config(**VARIANTS[request.param]))


def open_world(folder, **options):
    return load_world(str(folder), LoadOptions(weights=folder / "weights", threads=1, device="cpu", **options))


def rows(world, chunk: int) -> np.ndarray:
    """Controls that differ from chunk to chunk."""
    frames = world.info.chunk_frames if chunk else world.info.first_chunk_frames
    random = np.random.default_rng([4, chunk])
    camera = random.normal(0, 0.05, (frames, 4))
    held = random.integers(0, 2, (frames, len(world.info.held_columns)))
    return np.concatenate([camera, held], 1).astype(np.float32)


def walk(world, chunks, start=0):
    return [np.stack(list(world.step(rows(world, chunk)))) for chunk in range(start, start + chunks)]


def test_pictures_are_as_the_window_wants_them(folder):
    world = open_world(folder)
    world.reset(None, None, 3)
    first, second = walk(world, 2)
    assert first.shape == (9, 32, 64, 4) and second.shape == (12, 32, 64, 4)
    assert first.dtype == np.uint8 and (first[..., 3] == 255).all()
    assert first[..., :3].std() > 5, "something is to be seen"
    assert not np.array_equal(second[0], second[-1])


def test_the_seed_and_the_controls_decide(folder):
    world = open_world(folder)
    runs = []
    for seed in (5, 5, 6):
        world.reset(None, None, seed)
        runs.append(np.concatenate(walk(world, 3)))
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    world.reset(None, None, 5)
    idle = [np.zeros((n, world.info.control_columns), np.float32) for n in (9, 12, 12)]
    still = np.concatenate([np.stack(list(world.step(part))) for part in idle])
    assert not np.array_equal(runs[0], still)


def test_a_saved_state_resumes_bit_for_bit(folder):
    """Split in the first chunk's shadow, and again after evictions, into a world that never saw the picture."""
    whole = open_world(folder)
    whole.reset(None, None, 8)
    expected = walk(whole, 6)
    one = open_world(folder)
    one.reset(None, None, 8)
    got, start = [], 0
    for length in (1, 3, 2):
        other = open_world(folder)
        got += walk(one, length, start)
        start += length
        other.load_state(one.state())
        assert np.array_equal(other.camera, one.camera)
        one = other
    assert all(np.array_equal(a, b) for a, b in zip(expected, got, strict=True))


def test_half_precision_state_survives(tmp_path):
    from model.chunk_world import as_array, as_tensor

    tensor = torch.randn(3, 4).bfloat16()
    assert torch.equal(as_tensor(as_array(tensor), torch.bfloat16), tensor)
    assert as_tensor(as_array(torch.tensor(7)), torch.bfloat16) == 7


def test_a_picture_of_ones_own_is_what_it_is_conditioned_on(folder):
    world = open_world(folder)
    outcomes = []
    for picture in (None, np.full((50, 90, 3), 200, np.uint8)):
        world.reset(picture, None, 1)
        outcomes.append(walk(world, 1)[0])
    assert not np.array_equal(*outcomes)
    latents = world.image.latents
    assert latents.shape[:2] == (30, 20) and bool((latents[0, :4] == 1).all()) and not latents[1:, :4].any()
    assert torch.equal(world.image.of(28, 3)[1], latents[29]) and torch.equal(world.image.of(10**6, 1)[0], latents[29])


def test_the_condition_is_constant_from_where_it_is_said_to_be(folder):
    """What would follow latent frame 29 is that frame to the bit, so nothing is lost by stopping there."""
    from model.checkpoint import load, on_meta
    from model.matrix_game.encoders import CONSTANT_FROM, ENCODER_LAYOUT
    from model.stream import grouped
    from model.wan_vae import VaeEncoder

    world = open_world(folder)
    encoder = on_meta(VaeEncoder, world.config.vae)
    load(encoder, folder / "weights" / world.config.checkpoints.vae, ENCODER_LAYOUT)
    clip = torch.zeros(1, 3, 1 + 4 * (CONSTANT_FROM + 3), 32, 64)
    clip[:, :, 0] = torch.rand(1, 3, 32, 64) * 2 - 1
    latents = list(encoder.encode(grouped(clip)))
    assert all(torch.equal(latent, latents[CONSTANT_FROM]) for latent in latents[CONSTANT_FROM:])
    assert not torch.equal(latents[CONSTANT_FROM], latents[CONSTANT_FROM // 2])


def test_encoders_are_freed_and_not_needed_again_for_the_same_picture(folder, monkeypatch):
    world = open_world(folder)
    world.reset(None, None, 1)
    assert not [value for value in vars(world).values() if isinstance(value, torch.nn.Module)]
    monkeypatch.setattr(world, "_encode", lambda picture: pytest.fail("encoded again"))
    world.reset(None, None, 2)


def test_controls_of_another_shape_are_refused(folder):
    world = open_world(folder)
    world.reset(None, None, 1)
    with pytest.raises(ValueError, match="controls are"):
        world.step(np.zeros((12, world.info.control_columns), np.float32))
    with pytest.raises(ValueError, match="controls are"):
        world.step(np.zeros((9, 4 + 9), np.float32))


def test_the_tiny_decoder_draws_as_many_pictures(folder):
    full, tiny = open_world(folder), open_world(folder, decoder="tiny")
    for world in (full, tiny):
        world.reset(None, None, 1)
    assert [part.shape for part in walk(full, 2)] == [part.shape for part in walk(tiny, 2)]
    assert full.info.weights_sha256 != tiny.info.weights_sha256, "a replay tells the decoders apart"


# ---- controls ----


def test_universal_keys_and_mouse():
    config = tiny_config()
    row = np.array([[0.1, 0.2, np.radians(4), -np.radians(2), 1, 0, 0, 1]], np.float32)
    assert keyboard_rows(row, config).tolist() == [[1, 0, 0, 1]]
    assert mouse_rows(row, config)[0] == pytest.approx([-0.05, 0.1], abs=1e-4), "pitch, then yaw"
    assert mouse_rows(100 * row, config)[0] == pytest.approx([-0.2, 0.2]), "limited"


def test_driving_knows_no_pitch():
    config = tiny_config(**VARIANTS["gta"])
    row = np.array([[0, 0, -np.radians(4), 1.0, 0, 1]], np.float32)
    assert keyboard_rows(row, config).tolist() == [[0, 1]]
    assert mouse_rows(row, config)[0] == pytest.approx([0, -0.1], abs=1e-4)


def test_running_takes_one_key_at_a_time():
    config = tiny_config(**VARIANTS["templerun"])
    held = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]], np.float32)
    made = keyboard_rows(np.concatenate([np.zeros((4, 4), np.float32), held], 1), config)
    assert made.argmax(1).tolist() == [0, 3, 1, 6] and (made.sum(1) == 1).all()


def test_the_ring_of_rows_equals_the_whole_history():
    ring, history = ActionRing(1, window=3, chunk=3), np.arange(3000, dtype=np.float32)[:, None]
    assert len(ring.buffer) == 24
    start = 0
    for chunk in range(200):
        frames = 12 if chunk else 9
        ring.push(history[start : start + frames])
        start += frames
        for offset, window in enumerate(ring.windows(3 * chunk, 3)):
            latent = 3 * chunk + offset
            assert window[:, 0].tolist() == [max(0, row) for row in range(4 * latent - 12, 4 * latent)]


# ---- endlessness ----


def test_ten_thousand_chunks(endless):
    """Over an hour of play: memory and time per chunk stay as they are, positions stay exact, and it still differs."""
    assert (endless["chunks"], endless["committed"]) == (10_000, 30_000)
    assert len(set(map(tuple, endless["sizes"]))) == 1, "nothing grows"
    assert endless["memory_mb"][-1] - endless["memory_mb"][0] < 8, f"MB: {endless['memory_mb']}"
    times = endless["cpu_s_per_chunk"]
    assert np.median(times[-5:]) < 1.5 * np.median(times[:5]), f"seconds per chunk: {times}"
    assert endless["spread"] > 1 and endless["largest_angle_error"] < 1e-5
