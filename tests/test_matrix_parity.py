"""Every fixture of Matrix-Game 2.0 through bench/parity.py, and that it can fail; the full-size manifest."""

from __future__ import annotations

import json
import shutil

import pytest
from reference import reference

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import parity  # noqa: E402

FAMILY = "matrix_game_2"
FIXTURES = [
    ("transformer", "golden_transformer"),
    ("transformer", "golden_transformer_gta_drive"),
    ("transformer", "golden_transformer_templerun"),
    ("vae", "golden_vae"),
    ("clip", "golden_clip"),
    ("preprocess", "golden_preprocess"),
]


@pytest.mark.parametrize("kind, name", FIXTURES, ids=[name for _, name in FIXTURES])
def test_fixture(kind, name, capsys):
    path = reference(FAMILY, f"{name}.safetensors")
    assert parity.main([FAMILY, kind, str(path)]) == 0
    out = capsys.readouterr().out
    assert "PASS" in out and "not produced" not in out


def altered(folder, change):
    """A copy of the CLIP fixture, the smallest, with its tensors changed."""
    from safetensors.torch import load_file, save_file

    path = reference(FAMILY, "golden_clip.safetensors")
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, folder / path.name)
    shutil.copy(path.with_suffix(".json"), folder)
    return folder / path.name


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda t: t["w.visual.patch_embedding.weight"].mul_(1.01), "above the tolerance"),
        (lambda t: t["out.visual_context"].resize_(1, 17, 47), "inf"),
        (lambda t: t.update({"out.more": torch.zeros(1)}), "not produced"),
    ],
    ids=["weights", "shape", "output"],
)
def test_a_difference_fails(tmp_path, capsys, change, said):
    assert parity.main([FAMILY, "clip", str(altered(tmp_path, change))]) == 1
    out = capsys.readouterr().out
    assert said in out and "FAIL" in out


@pytest.mark.parametrize(
    "argv, said",
    [
        (["nothing", "vae", "x.safetensors"], "unknown family"),
        (["matrix-game-2", "nothing", "x.safetensors"], "unknown kind"),
        (["matrix-game-2", "vae", "missing.safetensors"], "cannot read the fixture"),
    ],
)
def test_bad_input_is_one_line(argv, said, capsys):
    assert parity.main(argv) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not captured.out


def networks():
    """(name in the manifest, our module on the meta device, what its file may hold beside)."""
    from bench.synthetic import variant
    from model.checkpoint import on_meta
    from model.clip import ClipImageEncoder
    from model.matrix_game.network import UNUSED, MatrixGameNet
    from model.wan_vae import VaeDecoder, VaeEncoder

    for name, world in (
        ("transformer", "matrix-game-2"),
        ("transformer_gta_drive", "matrix-game-2-gta-drive"),
        ("transformer_templerun", "matrix-game-2-templerun"),
    ):
        yield name, [on_meta(MatrixGameNet, variant(world).network)], UNUSED
    config = variant("matrix-game-2")
    yield "vae", [on_meta(VaeEncoder, config.vae), on_meta(VaeDecoder, config.vae)], ()
    yield "image_encoder", [on_meta(ClipImageEncoder, config.clip)], config.clip.unused


def test_full_size_state_dicts_load_by_the_manifest():
    """Every tensor of the official files finds its place, by the very code that loads them; shapes only, no memory."""
    from model.checkpoint import mistakes
    from model.layout import Layout

    manifest = json.loads(reference(FAMILY, "tensors.json").read_text())
    parameters = manifest["_about"]["parameters"]
    for name, modules, unused in networks():
        layout = Layout(strip=("model.",), unused=unused)
        prefix = "model." if name.startswith("transformer") else ""
        official = {f"{prefix}{key}": torch.empty(shape, device="meta") for key, (shape, _) in manifest[name].items()}
        assert sum(tensor.numel() for tensor in official.values()) == parameters[name]
        tensors = {layout.name(key): tensor for key, tensor in official.items() if layout.name(key)}
        for module in modules:
            own = {key: tensors.pop(key) for key in module.state_dict() if key in tensors}
            assert mistakes(module, own) == [], name
        assert not tensors, f"{name}: {sorted(tensors)[:5]} have no place"


def test_one_layer_of_the_full_size_network_loads_from_a_file(tmp_path):
    """The real loader on real bytes, at full width: a network of one layer, with the manifest's shapes."""
    from dataclasses import replace

    from safetensors.torch import save_file

    from bench.synthetic import variant
    from model.checkpoint import load, on_meta
    from model.matrix_game.load import NETWORK_LAYOUT
    from model.matrix_game.network import MatrixGameNet

    manifest = json.loads(reference(FAMILY, "tensors.json").read_text())["transformer"]
    one = {name: shape for name, (shape, _) in manifest.items() if not name.startswith("blocks.") or ".0." in name[:10]}
    path = tmp_path / "one.safetensors"
    save_file({f"model.{name}": torch.randn(shape).half() for name, shape in one.items()}, path)
    config = variant("matrix-game-2").network
    config = replace(config, layers=1, actions=replace(config.actions, layers=(0,)))
    net = load(on_meta(MatrixGameNet, config), path, NETWORK_LAYOUT, dtype=torch.float16)
    assert sum(parameter.numel() for parameter in net.parameters()) > 60e6
    assert not any(parameter.is_meta or parameter.requires_grad for parameter in net.parameters())


def test_every_released_variant_is_the_size_that_it_says():
    from bench.synthetic import VARIANTS, variant

    configs = [variant(name) for name in VARIANTS]
    assert [(c.first_chunk_frames, c.chunk_frames, c.fps) for c in configs] == [(9, 12, 25.0)] * 3
    assert [c.network.window for c in configs] == [6, 4, 6]
    assert [len(c.plan().steps) for c in configs] == [3, 3, 4]
