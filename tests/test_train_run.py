"""Training: it resumes as if it had never stopped, it learns, and what it publishes plays."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from dream_fixtures import TINY

from runtime.errors import UserError

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from train.clips import write_shard

    folder = tmp_path_factory.mktemp("clips")
    write_shard(folder / "clips.safetensors", range(6), 13, (TINY.width, TINY.height))
    return folder


def trainer_in(folder):
    from train.train import Recipe, Trainer

    return Trainer(TINY, Recipe(batch=2, warmup=2), folder, "cpu", compiled=False)


def run(trainer, shards, steps: int, objective=None) -> list[float]:
    from train.clipset import ClipSet
    from train.train import stage_a

    clips = ClipSet(shards, TINY)
    return [
        trainer.update(clips.batch(trainer.step, trainer.recipe.batch), objective or stage_a, 2e-3)["loss"]
        for _ in range(steps)
    ]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(shards, tmp_path):
    from train.train import stage_b

    for objective in (None, stage_b):
        whole, cut = trainer_in(tmp_path / "whole"), trainer_in(tmp_path / "cut")
        run(whole, shards, 4, objective)
        run(cut, shards, 2, objective)
        cut.save()
        resumed = trainer_in(tmp_path / "cut")
        assert resumed.step == 2
        run(resumed, shards, 2, objective)
        for (name, left), right in zip(whole.net.named_parameters(), resumed.net.parameters(), strict=True):
            assert torch.allclose(left, right, atol=1e-6), name
        for name, left in whole.ema.items():
            assert torch.allclose(left, resumed.ema[name], atol=1e-6), name
        for path in ("whole", "cut"):
            shutil.rmtree(tmp_path / path, ignore_errors=True)


def test_it_learns_what_it_is_shown(shards, tmp_path):
    """One batch, seen 240 times: the loss under one and the same noise must fall."""
    from train.clipset import ClipSet
    from train.objective import Weights, flow_matching
    from train.train import stage_a

    trainer, batch = trainer_in(tmp_path), ClipSet(shards, TINY).batch(0, 4)

    def loss() -> float:
        with torch.no_grad():
            return float(flow_matching(trainer.net, batch, torch.Generator().manual_seed(9), Weights()))

    before = loss()
    for _ in range(240):
        trainer.update(batch, stage_a, 3e-3)
    assert loss() < 0.8 * before


def test_a_run_judges_its_average_on_held_out_places_and_keeps_its_own_weights(tmp_path):
    trainer = trainer_in(tmp_path)
    before = [parameter.detach().clone() for parameter in trainer.net.parameters()]
    trainer.validate()
    row = json.loads((tmp_path / "log.jsonl").read_text())
    assert row["step"] == 0 and 5 < row["psnr_first"] < 60 and 5 < row["psnr_repeat"] < 60
    assert all(torch.equal(old, new) for old, new in zip(before, trainer.net.parameters(), strict=True))
    trainer.ema["head_out.bias"].fill_(0.5)  # washes every picture out: the average is what is judged
    trainer.validate()
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[1])["psnr_first"] != row["psnr_first"]


def test_checkpoint_parts_stay_small_and_a_cut_save_leaves_the_old_one(tmp_path):
    from train import checkpoint

    tensors = {f"t{i}": torch.full((1000, 1000), float(i)) for i in range(9)}
    checkpoint.save(tmp_path / "c", tensors, {"step": 1})
    sizes = [path.stat().st_size for path in (tmp_path / "c").glob("part-*")]
    assert len(sizes) == 3 and max(sizes) < 16 << 20
    (tmp_path / "c").rename(tmp_path / "c.old")  # as a kill between the two renames leaves it
    loaded, facts = checkpoint.load(tmp_path / "c")
    assert facts == {"step": 1} and all((loaded[name] == tensors[name]).all() for name in tensors)


def test_another_configuration_is_refused(shards, tmp_path):
    trainer_in(tmp_path).save()
    facts = tmp_path / "checkpoint" / "facts.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"config": {"dim": 128}}))
    with pytest.raises(UserError, match="another configuration"):
        trainer_in(tmp_path)


def test_no_clips_is_one_clear_line(tmp_path):
    from train.clipset import ClipSet

    with pytest.raises(UserError, match="no clips.*train.clips"):
        ClipSet(tmp_path, TINY)


def test_mirroring_a_clip_mirrors_its_cameras(shards):
    """A mirrored walk turns the other way: its pictures, warped by its own cameras, must fit as well as the true
    one's.
    """
    from train.clips import make_clip
    from train.clipset import MIRROR, make_batch, sources, warp_chunks

    config = TINY
    clip = make_clip(3, frames=13, size=(config.width, config.height))
    errors = []
    for mirrored in (False, True):
        rgb, depth, c2w = clip.rgb, clip.depth, clip.c2w.astype(np.float64)
        if mirrored:
            rgb, depth, c2w = rgb[:, :, ::-1], depth[:, :, ::-1], MIRROR @ c2w @ MIRROR
        batch = make_batch(rgb[None], depth[None], c2w[None], config)
        warped = warp_chunks(sources(batch, config), batch.frames[:, 0], batch.relative, batch.turned, config)[:, 1:]
        truth = batch.clean[:, 1:].unflatten(2, (-1, 4))
        seen = warped[:, :, :, 4:] > 0
        still = batch.frames[:, :1, None]
        error = ((warped[:, :, :, :3] - truth[:, :, :, :3]).abs() * seen).sum() / seen.sum()
        unmoved = ((still[:, :, :, :3] - truth[:, :, :, :3]).abs() * seen).sum() / seen.sum()
        errors.append(float(error))
        assert error < 0.6 * unmoved
    assert abs(errors[0] - errors[1]) < 0.2 * errors[0] + 1e-3
