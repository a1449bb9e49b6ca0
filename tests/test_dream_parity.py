"""One network, three ways to run it: parallel (training), cached torch (reference), ONNX Runtime (play). All must
agree.
"""

from __future__ import annotations

import numpy as np
import pytest
from dream_fixtures import TINY, tiny_net

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

CHUNKS = 9  # the window of TINY holds 3 chunks beside the sink: it has turned over more than twice


def walk_rows(chunks: int) -> np.ndarray:
    random = np.random.default_rng(5)
    return (random.normal(size=(chunks, TINY.frames, 4)) * [0.02, 0.05, 0.05, 0.01]).astype(np.float32)


def test_cached_pass_equals_parallel_pass():
    from model.dream.ages import ages, window
    from model.dream.context import ParallelContext

    net = tiny_net()
    shape = (2, CHUNKS, TINY.channels, TINY.height, TINY.width)
    torch.manual_seed(2)
    x, t = torch.randn(shape), torch.rand(2, CHUNKS)
    warped = torch.randn(2, CHUNKS, TINY.frames, 5, TINY.height, TINY.width)
    plucker = torch.randn(2, CHUNKS, TINY.frames, 6, *TINY.grid)
    with torch.no_grad():
        parallel = net(x, t, warped, plucker, ParallelContext(TINY.past))
        caches = net.empty_caches(2)
        for chunk in range(CHUNKS):
            now = slice(chunk, chunk + 1)
            slot = torch.full((2,), window(TINY.past).slot_of(chunk))
            age = torch.from_numpy(ages(chunk, TINY.past))
            x0, caches = net.cached(x[:, now], t[:, now], warped[:, now], plucker[:, now], caches, slot, age)
            assert (x0 - parallel[:, now]).abs().max() < 1e-4, f"chunk {chunk}"


def test_context_matters_and_is_forgotten_beyond_the_window():
    """A chunk depends on its window and on the sink, and on nothing that fell out between them."""
    from model.dream.context import ParallelContext

    net = tiny_net()
    torch.manual_seed(3)
    x = torch.randn(1, CHUNKS, TINY.channels, TINY.height, TINY.width)
    rest = (
        torch.zeros(1, CHUNKS),
        torch.randn(1, CHUNKS, TINY.frames, 5, TINY.height, TINY.width),
        torch.randn(1, CHUNKS, TINY.frames, 6, *TINY.grid),
        ParallelContext(TINY.past),
    )
    with torch.no_grad():
        before = net(x, *rest)[:, -1]
        for chunk, expected in ((0, True), (CHUNKS - 2, True), (CHUNKS - 3, True), (1, False), (2, False)):
            changed = x.clone()
            changed[:, chunk] += 1
            # Layers stack receptive fields: what fell out of the window of one layer may still act through two.
            reached = (net(changed, *rest)[:, -1] - before).abs().max() > 1e-6
            assert bool(reached) == expected, f"chunk {chunk}"


def test_onnx_world_equals_torch_reference(tiny_world):
    """The world that is played, against the reference network driven by train.rollout, beyond the window."""
    from input.camera import c2w, integrate
    from model.dream.clearance import hold_back
    from model.dream.conditions import camera_conditions
    from model.registry import load_world
    from model.world import LoadOptions
    from train.rollout import Rollout

    world = load_world(str(tiny_world), LoadOptions(threads=1))
    world.reset(None, None, seed=7)
    net, rows = tiny_net(), walk_rows(CHUNKS)
    start = torch.from_numpy(world.starts[7 % 3]).permute(2, 0, 1).float() / 127.5 - 1
    walk = Rollout(net, torch.cat([start, torch.zeros(1, *start.shape[1:])]).unsqueeze(0))
    home = c2w(world.pose)
    reference_step(walk, world, *camera_conditions(home, np.stack([home] * 4), home, TINY), seed=7)
    for chunk in range(CHUNKS):
        source = world.pose
        frames = np.stack(list(world.step(rows[chunk])))
        disparity = (walk.last[0, 3].numpy() + 1) / 2
        poses = integrate(source, hold_back(rows[chunk], disparity, source.pitch, TINY))
        expected = reference_step(
            walk, world, *camera_conditions(c2w(source), np.stack([c2w(p) for p in poses]), home, TINY), seed=7
        )
        rgb = expected.unflatten(1, (-1, 4))[0, :, :3].permute(0, 2, 3, 1).numpy()
        difference = np.abs(frames[..., 2::-1] / 127.5 - 1 - rgb)
        assert difference.max() < 1.5 / 127.5, f"chunk {chunk}: {difference.max()}"


def reference_step(walk, world, relative, turned, plucker, seed):
    """One chunk of train.rollout with the noise that the world draws."""
    from model.plan import renoise_levels
    from model.sampler import sample

    random = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, walk.chunk]))
    shape = world.runner.buffers["x"].shape
    relative, turned, plucker = (torch.from_numpy(part)[None] for part in (relative, turned, plucker))
    with torch.no_grad():
        warped = walk.warp(relative, turned)
        draw = lambda: torch.from_numpy(random.standard_normal(shape, np.float32))[0]  # noqa: E731
        predict = lambda x, step, row: walk.predict(x, step.sigma, warped, plucker).clamp(-1, 1)  # noqa: E731
        x0 = sample(renoise_levels(TINY.steps), predict, draw(), draw)
        return walk.commit(x0, warped, plucker)
