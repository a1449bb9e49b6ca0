"""WorldPlay's transformers through bench/parity.py, and that it can fail; the full-size manifests; the worlds' YAML."""

from __future__ import annotations

import json

import pytest
from reference import reference

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import parity  # noqa: E402

FAMILY = "worldplay"
# The worlds, and the names of their transformer and their VAE in the manifest.
WORLDS = {
    "worldplay": ("transformer_8b", "vae_8b"),
    "worldplay-ar": ("transformer_8b", "vae_8b"),
    "worldplay-rl": ("transformer_8b", "vae_8b"),
    "worldplay-5b": ("transformer_wan5b", "vae_wan5b"),
}


def test_the_8b_equals_its_recording(capsys):
    path = reference(FAMILY, "golden_transformer.safetensors")
    assert parity.main([FAMILY, "transformer", str(path), "--tolerance", "2e-5"]) == 0
    out = capsys.readouterr().out
    assert "PASS" in out and "not produced" not in out


def test_the_5b_equals_its_recording(wan_recording):
    assert "PASS: 6 outputs" in wan_recording and "tolerance 2e-05" in wan_recording


@pytest.mark.parametrize(
    "name",
    ["in.a.viewmats", "in.a.action", "w.action_in.mlp.2.weight", "w.double_blocks.1.img_attn_prope_proj.weight"],
)
def test_cameras_and_labels_count(tmp_path, capsys, name):
    """The direct calls alone, with one of their inputs altered."""
    from safetensors.torch import load_file, save_file

    path = reference(FAMILY, "golden_transformer.safetensors")
    tensors = {key: value for key, value in load_file(path).items() if key.split(".")[1] not in ("b", "c")}
    tensors[name] = tensors[name] + (tensors[name].flatten()[1:].cumsum(0).sum() != 0).to(tensors[name].dtype) * 1
    save_file(tensors, tmp_path / path.name)
    notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    (tmp_path / path.with_suffix(".json").name).write_text(json.dumps(notes | {"rollouts": {}}), encoding="utf-8")
    assert parity.main([FAMILY, "transformer", str(tmp_path / path.name)]) == 1
    assert "above the tolerance" in capsys.readouterr().out


OTHERS = {
    "sizes are read from tensors, and a short walk looks back on all of itself": (
        lambda tensors, notes: [tensors.pop("in.c.points"), notes.update(text_len=1, latent_hw=[1, 1])],
        None,
    ),
    "the context's timestep counts": (lambda _, notes: notes.update(context_timestep=0), "c.latents"),
    "zeros of a picture are seen": (lambda tensors, _: tensors["in.c.vision_states"].zero_(), "c.latents"),
    "what no picture has is not seen": (
        lambda tensors, _: [tensors[f"in.c.{name}"].zero_() for name in ("vision_states", "cond_latents")],
        "c.k_txt",
    ),
    "an input is missing": (lambda tensors, _: tensors.pop("in.c.noise"), "the fixture has no in.c.noise"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_recordings(tmp_path, capsys, name):
    """The guided roll-out alone, recorded a little otherwise: whether it is the same, or which line is another."""
    from safetensors.torch import load_file, save_file

    change, said = OTHERS[name]
    path = reference(FAMILY, "golden_transformer.safetensors")
    tensors = {key: value for key, value in load_file(path).items() if key.split(".")[1] not in ("a", "b")}
    notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    notes["rollouts"].pop("b")
    change(tensors, notes)
    save_file(tensors, tmp_path / path.name)
    (tmp_path / path.with_suffix(".json").name).write_text(json.dumps(notes), encoding="utf-8")
    code, shown = parity.main([FAMILY, "transformer", str(tmp_path / path.name)]), capsys.readouterr()
    if said is None:
        assert code == 0 and "PASS" in shown.out
    elif said.startswith("c."):
        line = next(line for line in shown.out.splitlines() if line.startswith(f"{said} "))
        assert code == 1 and ("inf" in line) == (said == "c.k_txt") and "above" in line
    else:
        assert code == 2 and said in shown.err


def test_the_refiners_mlp_is_four_times_as_wide_whatever_the_blocks():
    from dataclasses import replace

    from worldplay_fixtures import tiny_config

    from model.checkpoint import on_meta
    from model.worldplay.network import WorldPlayNet

    config = replace(tiny_config().hunyuan, mlp_ratio=2.5)
    shapes = {name: tuple(tensor.shape) for name, tensor in on_meta(WorldPlayNet, config).state_dict().items()}
    wide = (4 * config.dim, config.dim)
    assert shapes["txt_in.individual_token_refiner.blocks.0.mlp.fc1.weight"] == wide
    assert shapes["blocks.0.mlp.fc1.weight"] == (config.dim * 5 // 2, config.dim)


def part_of(folder, keep, change, **notes):
    """A copy of the 5B's fixture with the weights and what `keep` takes, each changed, and with other notes."""
    from safetensors.torch import load_file, save_file

    path, copy = reference(FAMILY, "golden_wan.safetensors"), folder / "part.safetensors"
    tensors = {name: change(name, tensor) for name, tensor in load_file(path).items() if name[0] == "w" or keep(name)}
    save_file(tensors, copy)
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    copy.with_suffix(".json").write_text(json.dumps(told | notes), encoding="utf-8")
    return copy


def test_a_recording_may_be_of_direct_calls_alone(tmp_path, capsys):
    path = part_of(tmp_path, lambda name: ".a." in name, lambda _, tensor: tensor, rollout={})
    assert parity.main([FAMILY, "wan", str(path)]) == 0 and "PASS: 4 outputs" in capsys.readouterr().out


def test_a_roll_out_alone_wants_points_only_where_it_has_to_choose(tmp_path):
    from bench.worldplay_wan import wan
    from runtime.errors import UserError

    def cut(latents):
        def part(name, tensor):
            tensor = tensor[:, :, :latents] if name == "in.b.noise" else tensor
            return tensor[..., :4, :6].contiguous() if name in ("in.b.noise", "in.b.image_latent_raw") else tensor

        path = part_of(tmp_path, lambda name: name == "in.a.text" or "in.b." in name and "points" not in name, part)
        return parity.load_fixture(path, "cpu", None)

    with torch.inference_mode():
        drawn = wan(cut(8))
        assert drawn["b.latents"].shape == (1, 4, 8, 4, 6) and drawn["b.latents"].isfinite().all()
        assert "b.pred_chunk1_step3" in drawn and "b.pred_chunk2_step0" not in drawn
        with pytest.raises(UserError, match="no in.b.points"):
            wan(cut(24))


@pytest.mark.parametrize("error, within", [(1.9e-5, True), (2.1e-5, False)])
def test_large_values_may_round_by_more(error, within):
    small, large = torch.tensor([0.5, 1.0]), torch.tensor([0.5, 30.0])
    assert parity.compare({"x": small + error}, {"x": small}, 2e-5) == within
    assert parity.compare({"x": large + error}, {"x": large}, 2e-5)
    assert not parity.compare({"x": large + 1.3e-4}, {"x": large}, 2e-5)
    assert not parity.compare({"x": large + error}, {"x": large}, 0.0)


@pytest.mark.parametrize("world", WORLDS)
def test_a_bundled_world_has_the_official_sizes(world):
    from model.checkpoint import mistakes
    from model.registry import find_world
    from model.worldfile import read_world_file
    from model.worldplay.files import config_of
    from model.worldplay.parts import decoder_of, encoder_of, network_layout, network_of, vae_layouts

    manifest = json.loads(reference(FAMILY, "tensors.json").read_text(encoding="utf-8"))
    folder = find_world(world)
    config = config_of(folder, read_world_file(folder))
    transformer, vae = WORLDS[world]

    def named(name, layout):
        tensors = {layout.name(theirs): torch.empty(size, device="meta") for theirs, (size, _) in theirs_of(name)}
        return {name: tensor for name, tensor in tensors.items() if name is not None}

    def theirs_of(name):
        return manifest[name]["tensors"].items()

    assert mistakes(network_of(config), named(transformer, network_layout(config))) == []
    for module, layout in zip((encoder_of(config), decoder_of(config)), vae_layouts(config), strict=True):
        assert mistakes(module, named(vae, layout)) == []


def test_schedules_are_those_of_the_checkpoints():
    """8B: shift 5, whatever the number of steps; 5B: a list of its own."""
    from model.registry import find_world
    from model.worldfile import read_world_file
    from model.worldplay.files import config_of

    plans = {}
    for world in WORLDS:
        folder = find_world(world)
        plans[world] = config_of(folder, read_world_file(folder)).plan()
    steps = {world: [step.timestep for step in plan.steps] for world, plan in plans.items()}
    assert steps["worldplay"] == pytest.approx([1000, 937.5, 833.3333, 625])
    assert steps["worldplay-5b"] == pytest.approx([1000, 960, 888.8889, 727.2728])
    tables = json.loads(reference(FAMILY, "golden_transformer.json").read_text(encoding="utf-8"))["scheduler_tables"]
    assert steps["worldplay-ar"] == steps["worldplay-rl"] == pytest.approx(tables["shift5_steps50"]["timesteps"])
    assert {step.guidance for step in plans["worldplay-ar"].steps} == {6.0}
    assert {step.guidance for step in plans["worldplay"].steps} == {1.0}
    assert all(plan.commit_timestep == 14 for plan in plans.values())
