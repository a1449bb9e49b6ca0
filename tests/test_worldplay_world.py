"""WorldPlay as a world, tiny and with random weights: what is drawn, text, what is looked back on, state."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from worldplay_fixtures import VARIANTS, open_world, recorded, rows, tiny_config, walk  # noqa: E402


@pytest.fixture(params=VARIANTS)
def config(request):
    return tiny_config(request.param)


def noise_of(world, seed: int, chunk: int):
    draws = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, chunk]).generate_state(1)[0]))
    return torch.randn(world.network.buffers["x"].shape, generator=draws)


def net_of(world, config):
    """The world's own network."""
    from bench.synthetic import randomised
    from model.worldplay.parts import network_of

    return randomised(network_of(config), world.placement, 0)


@torch.inference_mode()
def by_hand(world, config, chunks: int) -> np.ndarray:
    """The latents of `chunks` chunks that the world has walked, by the network itself and no graphs, [frames, C, h, w].

    Its recordings (tests/test_worldplay_parity.py) tie that to the official code.
    """
    from bench.worldplay_rollout import Passes, Walk
    from model.worldplay.config import CONTEXT_TIMESTEP, NetworkConfig

    net, history, picture = net_of(world, config), world.history, world.picture
    numbers = range(4 * chunks)
    cameras, labels = history.conditions(numbers)

    class Told:
        device, dtype = "cpu", torch.float32

        def __init__(self) -> None:
            self.labels = torch.from_numpy(labels)

        def cameras(self, frames):
            from model.prope import factors
            from model.worldplay.cameras import view_matrices

            chosen = list(frames)
            intrinsics = np.tile(world._intrinsics, (len(chosen), 1, 1))
            return torch.from_numpy(factors(view_matrices(cameras[chosen]), intrinsics))

    passes = []
    for row in world.rings:
        text = world._embed("") if row else world.text
        rings = net.rings(config.window, config.grid, "cpu", torch.float32)
        context = ()
        if isinstance(config.net, NetworkConfig):
            pairs = net.tell(net.conditions(text.language, text.glyph, picture.states))
            rings.tell(pairs[0][0].shape[2])
            for number, pair in enumerate(pairs):
                rings.layer(number)["self"].tell(*pair)
        else:
            from model.worldplay.told import padded

            context = net.tell(padded(text.language, config.net.language_tokens))
        passes.append(Passes(net, Told(), rings, context))
    condition = None if config.holds_first else picture.condition(list(numbers))
    held = (picture.latent[None], CONTEXT_TIMESTEP) if config.holds_first else None
    walked = Walk(config.plan(), passes, history.choose, condition, held)
    return walked.play(torch.cat([noise_of(world, world.seed, chunk) for chunk in range(chunks)])).numpy()


@pytest.mark.parametrize("changes", [{}, {"guidance": 3.0, "steps": 2}], ids=["distilled", "guided"])
def test_a_world_draws_what_its_network_draws(changes):
    """Graphs, buffers, masks of labels and text beside the plain network: through retrieval, to the bit or nearly."""
    config = tiny_config("8b", **changes)
    world = open_world(config)
    latents = recorded(world)
    world.reset(None, 'a sign that reads "OPEN"', 4)
    walk(world, 4, yaw=0.02)
    walk(world, 4, forward=-0.02, yaw=-0.02)
    assert np.abs(np.concatenate(latents) - by_hand(world, config, 8)).max() < 1e-5


def test_the_5b_draws_what_its_network_draws_and_holds_the_picture():
    config = tiny_config("5b")
    world = open_world(config)
    latents = recorded(world)
    world.reset(None, "a street", 4)
    walk(world, 6, yaw=0.02)
    assert np.abs(np.concatenate(latents) - by_hand(world, config, 6)).max() < 2e-5
    assert np.array_equal(latents[0][0], world.picture.latent.numpy()), "latent frame 0 is the picture itself"


def test_seed_controls_text_and_picture_decide(config):
    world, outcomes = open_world(config), []
    other = np.full((20, 30, 3), 200, np.uint8)
    for picture, text, seed, yaw in (
        (None, "a", 1, 0.0),
        (None, "a", 1, 0.0),
        (None, "a", 2, 0.0),
        (None, "bb", 1, 0.0),
        (other, "a", 1, 0.0),
        (None, "a", 1, 0.03),
    ):
        world.reset(picture, text, seed)
        outcomes.append(np.concatenate(walk(world, 2, yaw=yaw)))
    assert np.array_equal(outcomes[0], outcomes[1])
    assert not any(np.array_equal(outcomes[0], outcome) for outcome in outcomes[2:])


def test_pictures_have_the_world_s_shape(config):
    world = open_world(config)
    world.reset(None, None, 1)
    first, later = walk(world, 2)
    assert first.shape == (13, config.height, config.width, 4) and later.shape == (16, config.height, config.width, 4)
    assert (first[..., 3] == 255).all() and first[..., :3].std() > 1


def test_a_prompt_counts_from_the_next_chunk_on(config):
    """Whatever was dreamt before stays, longer and shorter texts than before follow one another, and back."""
    told, silent = open_world(config), open_world(config)
    for world in (told, silent):
        world.reset(None, "a street", 1)
    before = [np.concatenate(walk(world, 2)) for world in (told, silent)]
    assert np.array_equal(*before)
    told.prompt('a longer text, with a sign that reads "NO"')
    changed = [walk(world, 1)[0] for world in (told, silent)]
    assert not np.array_equal(*changed)
    told.load_state(silent.state())
    told.prompt("x")
    told.prompt("a street")
    assert np.array_equal(walk(told, 1)[0], walk(silent, 1)[0])


def test_who_turns_away_and_comes_back_is_shown_what_was_there(config):
    """A quarter turn and back: what is looked back on are the latents of before, not only those of the way."""
    world = open_world(config)
    world.reset(None, "a", 1)
    first = world.config.memory.budget // 4
    walk(world, first, forward=0.0)
    for yaw in (0.4, -0.4):
        walk(world, 6, forward=0.0, yaw=yaw)
    recent = world.config.memory.recent
    chosen = world.history.choose(4 * world.chunk - 4)
    retrieved = [latent for latent in chosen if latent < 4 * world.chunk - 4 - recent]
    assert len(chosen) == world.config.memory.budget
    assert any(latent >= world.config.memory.first_candidate for latent in retrieved)
    cameras, _ = world.history.conditions(retrieved)
    ahead = world.history.conditions([4 * world.chunk - 1])[0][0][:3, 2]
    assert max(camera[:3, 2] @ ahead for camera in cameras) > 0.9, "nothing of what is ahead was looked back on"


def test_a_chunk_sends_no_numbers_once_its_window_is_full(monkeypatch):
    """What is made of numbers on a device waits for all that it was given; and so would pictures that are ready."""
    world = open_world(tiny_config("5b"))
    world.reset(None, "a street", 1)
    walk(world, 2 + world.config.memory.budget // 4)
    monkeypatch.setattr(torch, "tensor", lambda *_, **__: pytest.fail("a tensor is made of numbers"))
    walk(world, 2)


def test_controls_of_another_shape_are_refused(config):
    world = open_world(config)
    world.reset(None, None, 1)
    with pytest.raises(ValueError, match="controls are"):
        world.step(np.zeros((16, 4), np.float32))
    walk(world, 1)
    with pytest.raises(ValueError, match="controls are"):
        world.step(rows(world)[:-1])


def test_what_a_chunk_took_is_told_by_part(config):
    world = open_world(config)
    world.reset(None, None, 1)
    walk(world, 2)
    spent = world.spent
    assert min(spent["denoise"], spent["commit"], spent["decode"]) > 0, spent
