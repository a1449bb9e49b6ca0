"""WorldPlay from its (tiny) official files: strictly and bit for bit; what is wrong with them, in one line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import yaml
from reference import reference

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from worldplay_files import (  # noqa: E402
    network_weights,
    official_network,
    start_picture,
    stored_config,
    vae_weights,
    write_tensors,
    write_world,
)
from worldplay_opened import (  # noqa: E402
    config_in,
    eight_fixture,  # noqa: F401
    folder_fixture,  # noqa: F401
    folders_fixture,  # noqa: F401
    network_fixture,  # noqa: F401
    open_world,
    said,
    world_fixture,  # noqa: F401
    worlds_fixture,  # noqa: F401
)

from model.checkpoint import load  # noqa: E402
from model.world import LoadOptions  # noqa: E402
from model.worldfile import read_world_file  # noqa: E402
from model.worldplay.files import ALSO  # noqa: E402
from model.worldplay.load import contracts_of, load_network  # noqa: E402
from model.worldplay.parts import encoder_of, network_layout, vae_layouts  # noqa: E402
from model.worldplay.picture import prepare  # noqa: E402


@pytest.mark.parametrize("network, manifest", [("8b", "transformer_8b"), ("5b", "transformer_wan5b")])
def test_the_tiny_file_has_the_official_names(network, manifest):
    found = json.loads(reference("worldplay", "tensors.json").read_text(encoding="utf-8"))[manifest]["tensors"]
    config = stored_config(network)
    ours = {name.removeprefix("model.") for name in official_network(config)}

    def numbered(name):
        return [int(number) for number in re.findall(r"(?:double_)?blocks\.(\d+)\.", name)]

    layers = {"double_blocks" if network == "8b" else "blocks": config.net.layers}
    theirs = {name for name in found if all(number < min(layers.values()) for number in numbered(name))}
    refiner = {name for name in found if "token_refiner" in name}
    assert ours | refiner == theirs | refiner and len(ours) > 70


def test_what_is_loaded_is_what_was_written_bit_for_bit(folder, world):
    config = config_in(folder)
    net = load_network(config, folder / "weights", world.placement)
    expected = network_weights(config)
    assert net.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in net.state_dict().items())
    encoder = encoder_of(config)
    load(encoder, folder / "weights" / config.vae_file, vae_layouts(config)[0])
    picture = prepare(start_picture(), config.width, config.height)
    clip = torch.from_numpy(picture / np.float32(127.5) - 1).permute(2, 0, 1)[None, :, None]
    world.reset(None, None, 1)
    with torch.inference_mode():
        (latent,) = encoder.encode(iter([clip]))
    assert torch.equal(world.picture.latent, latent[0, :, 0])
    assert latent.std() > 0.05, "nothing is to be seen, or this shows less than it says"


def test_both_names_of_the_checkpoint_are_accepted_and_neither_is_missed(tmp_path, eight, worlds):
    config, plain = config_in(eight), worlds["8b"]
    other = tmp_path / "weights"
    write_tensors(other / "ar_distilled_action_model" / ALSO, official_network(config))
    write_tensors(other / config.vae_file, vae_weights(config))
    named = open_world(eight, other)
    assert named.info.weights_sha256 == plain.info.weights_sha256, "a session replays with either"
    digests = {config.checkpoint: "ab" * 32, config.vae_file: ""}
    content = yaml.safe_load((eight / "world.yaml").read_text(encoding="utf-8")) | {"files": digests}
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (tmp_path / "start.png").write_bytes((eight / "start.png").read_bytes())
    assert "SHA-256 differs" in (line := said(tmp_path, other)) and ALSO in line, "by the digest of what it is"
    (other / "ar_distilled_action_model" / ALSO).unlink()
    line = said(eight, other)
    assert "weights are missing: ar_distilled_action_model/model.safetensors" in line and "--weights DIR" in line


def spoilt(tensors, prefix):
    """By what a line says: the tensors with one mistake in them."""
    names = sorted(name for name in tensors if "attn" in name and name.endswith("weight") and "norm" not in name)
    first, second = names[:2]
    without = {name: tensor for name, tensor in tensors.items() if name != first}
    return {
        "1 missing": without,
        "1 unexpected: more.weight": tensors | {f"{prefix}more.weight": torch.zeros(2)},
        f"1 misshapen.* is \\[3\\], not \\[{tensors[first].shape[0]}": tensors | {first: torch.zeros(3)},
        "1 of a wrong type.* is int64": tensors | {second: torch.zeros(tensors[second].shape, dtype=torch.int64)},
    }


def test_weights_that_do_not_fit_are_one_line_that_names_them(tmp_path, folder):
    config = config_in(folder)
    other = tmp_path / "weights"
    write_tensors(other / config.vae_file, vae_weights(config))
    prefix = "model." if config.network == "5b" else ""
    path = other / config.checkpoint
    for words, tensors in spoilt(official_network(config), prefix).items():
        write_tensors(path, tensors, "generator")
        line = said(folder, other)
        assert re.search(words, line) and "the checkpoint does not fit" in line and config.checkpoint in line
    whole = write_tensors(path, official_network(config), "generator").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated or damaged" in said(folder, other) and config.checkpoint in said(folder, other)
    write_tensors(other / config.checkpoint, official_network(config), "generator")
    lacking = {name: tensor for name, tensor in vae_weights(config).items() if name != "encoder.conv_in.bias"}
    lacking.pop("encoder.conv_in.conv.bias", None)
    write_tensors(other / config.vae_file, lacking)
    line = said(folder, other)
    assert "1 missing: encoder.conv_in" in line and "vae/diffusion_pytorch_model.safetensors" in line


def test_a_checkpoint_that_runs_code_is_not_loaded(tmp_path, capsys):
    folder = write_world(tmp_path / "w", stored_config("5b"))

    class Code:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"generator": Code()}, folder / "weights" / "wan_distilled_model" / "model.pt")
    assert "holds other things than tensors" in said(folder) and not capsys.readouterr().out


def test_contracts_are_those_of_the_world(folder, world):
    """What engines are built of ahead of time: the same world, without its walk or what is stored."""
    described, weights = read_world_file(folder), folder / "weights"
    made = contracts_of(folder, described, LoadOptions(weights=weights))
    for contract, runner in zip(made, (world.network, world.decoder), strict=True):
        assert contract.identity == runner.contract.identity and contract.graphs.keys() == runner.contract.graphs.keys()


def test_settings_of_a_world_s_file_are_read_strictly(tmp_path, eight):
    content = yaml.safe_load((eight / "world.yaml").read_text(encoding="utf-8"))
    (tmp_path / "start.png").write_bytes((eight / "start.png").read_bytes())
    for key, value, words in (
        ("networks", "8b", "unknown key"),
        ("network", "9b", "8b or 5b"),
        ("width", 70, "patches"),
        ("kept", 24, "24 latents are kept"),
        ("kept", 30, "whole chunks"),
        ("checkpoint", "", "no path within a folder"),
        ("vae_file", "../vae.safetensors", "no path within a folder"),
        ("hunyuan", {"patch": [0, 0]}, "patch is (0, 0)"),
        ("hunyuan", {"wave_width": 3}, "wave_width 3"),
        ("hunyuan", {"picture_tokens": 4}, "the network takes 4 states of 20, not 5 states of 20 of siglip"),
    ):
        old = content["config"][key] if isinstance(value, dict) else None
        spoilt = content | {"config": content["config"] | {key: old | value if old else value}}
        (tmp_path / "world.yaml").write_text(yaml.safe_dump(spoilt), encoding="utf-8")
        assert words in said(tmp_path, eight / "weights")


def test_layouts_tell_the_official_names(folder):
    config = config_in(folder)
    layout = network_layout(config)
    assert {layout.name(name) for name in official_network(config)} == network_weights(config).keys()
    assert replace(layout, inside=()).name("model.more") in ("model.more", "more")
