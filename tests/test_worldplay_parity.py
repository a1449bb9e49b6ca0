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


@pytest.mark.parametrize("kind", ["transformer", "wan"])
def test_fixture(kind, capsys):
    path = reference(FAMILY, f"golden_{kind}.safetensors")
    assert parity.main([FAMILY, kind, str(path)]) == 0
    out = capsys.readouterr().out
    assert "PASS" in out and "not produced" not in out


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
