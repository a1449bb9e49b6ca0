"""HY-WorldPlay's VAEs: parity with the official recordings, the full-size manifest, and decoding as graphs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from reference import reference

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from vae_fixtures import KINDS, decode  # noqa: E402

from bench import parity  # noqa: E402
from bench.worldplay_vae import encode  # noqa: E402
from compile.buffers import Buffers  # noqa: E402
from compile.engines.eager import Eager  # noqa: E402
from model import hunyuan_vae, wan22_vae  # noqa: E402
from model.checkpoint import on_meta, require_fit  # noqa: E402
from model.decode_graphs import decode_contract  # noqa: E402
from model.lane import to_bgra  # noqa: E402
from model.memory import Memory  # noqa: E402
from model.tiles import TiledDecoder  # noqa: E402
from runtime.errors import UserError  # noqa: E402

FAMILY = "worldplay"
RECORDED = Path(__file__).resolve().parent / "data" / "wan22_vae.safetensors"


def run(kind: str, path: Path, capsys) -> tuple[int, str]:
    code = parity.main([FAMILY, kind, str(path)])
    return code, capsys.readouterr().out


def test_the_8b_vae_is_the_official_one(capsys):
    """Encoding, streaming, every stage, and the clip in one piece, in which attention looks back."""
    path = reference(FAMILY, "golden_vae.safetensors")
    code, out = run("vae", path, capsys)
    assert code == 0 and "PASS" in out and "not produced" not in out
    assert json.loads(path.with_suffix(".json").read_text())["max_abs_diff_uncached_vs_cached"] > 0.1


def test_the_5b_vae_is_the_one_of_diffusers(capsys):
    code, out = run("vae_wan", RECORDED, capsys)
    assert code == 0 and "PASS: 10 outputs" in out


@pytest.mark.parametrize("name", ["decoder.up_blocks.1.upsampler.time_conv.bias", "quant_conv.bias"])
def test_a_difference_fails(name, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    tensors = load_file(RECORDED)
    tensors[f"w.{name}"] += 1e-3
    save_file(tensors, tmp_path / RECORDED.name)
    shutil.copy(RECORDED.with_suffix(".json"), tmp_path)
    assert run("vae_wan", tmp_path / RECORDED.name, capsys)[0] == 1


def test_parts_of_a_recording_are_enough(tmp_path, capsys):
    """One of a picture alone; and of an output whose input is not there, that it was not made."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(RECORDED)
    kept = {name: tensor for name, tensor in tensors.items() if name[0] == "w" or name.endswith((".image", "_latent"))}
    save_file(kept, tmp_path / RECORDED.name)
    shutil.copy(RECORDED.with_suffix(".json"), tmp_path)
    code, out = run("vae_wan", tmp_path / RECORDED.name, capsys)
    assert code == 0 and "PASS: 1 outputs" in out
    save_file(kept | {"out.video": tensors["out.video"]}, tmp_path / RECORDED.name)
    code, out = run("vae_wan", tmp_path / RECORDED.name, capsys)
    assert code == 1 and "not produced" in out


@pytest.mark.parametrize("halvings", [1, 3])
def test_encoding_takes_as_many_frames_as_a_latent_has(halvings):
    """And what comes later changes nothing."""
    config = replace(KINDS["hunyuan"].tiny, temporal=(False,) * (4 - halvings) + (True,) * halvings)
    kind = replace(KINDS["hunyuan"], tiny=config)
    encoder, frames = kind.half(kind.encoder), 2**halvings
    clip = torch.rand(1, 3, 1 + 2 * frames, 32, 16, generator=torch.Generator().manual_seed(9)) * 2 - 1
    whole, begun = encode(encoder, clip), encode(encoder, clip[:, :, : 1 + frames])
    assert whole.shape[2:] == (3, 2, 1) and torch.equal(whole[:, :, :2], begun)


MANIFEST = [("vae_8b", "hunyuan", hunyuan_vae), ("vae_wan5b", "wan-2.2", wan22_vae)]


@pytest.mark.parametrize("name, kind, room", MANIFEST, ids=[name for name, *_ in MANIFEST])
def test_full_size_state_dicts_load_by_the_manifest(name, kind, room):
    """Every tensor of the official file finds its place in one half, by the layouts that load it; shapes only."""
    manifest = json.loads(reference(FAMILY, "tensors.json").read_text())[name]
    official = {key: torch.empty(shape, device="meta") for key, (shape, _) in manifest["tensors"].items()}
    assert sum(tensor.numel() for tensor in official.values()) == manifest["n_params"]
    halves = ((KINDS[kind].encoder, room.ENCODER_LAYOUT), (KINDS[kind].decoder, room.DECODER_LAYOUT))
    placed = []
    for cls, layout in halves:
        half, tensors = on_meta(cls, KINDS[kind].official), {key: official[key] for key in official if layout.name(key)}
        require_fit(half, tensors, name)
        placed += tensors
        with pytest.raises(UserError, match="1 missing"):
            require_fit(half, dict(list(tensors.items())[1:]), name)
    assert sorted(placed) == sorted(official)


@pytest.mark.parametrize("tiles", [1, 2])
@pytest.mark.parametrize("kind", ["hunyuan", "wan-2.2"])
def test_graphs_draw_what_the_decoder_does(kind, tiles):
    """`decode_first` and then `decode`, on the eager engine: the module's own bytes, in a second walk too."""
    kind = KINDS[kind]
    whole, sketch, latents = kind.half(kind.decoder), on_meta(kind.decoder, kind.tiny), kind.walk(4, 2, 3)
    if tiles > 1:
        whole, sketch = TiledDecoder(whole, tiles), TiledDecoder(sketch, tiles)
    contract = decode_contract("tiny", "", lambda: whole, sketch, tuple(latents[:, :, :1].shape))
    buffers = Buffers(contract, device="cpu", dtype=torch.float32)
    bound = Eager(contract, contract.modules()).bind(buffers)
    expected = to_bgra(decode(whole, latents, Memory()))
    for _ in range(2):
        drawn = []
        for index, latent in enumerate(latents.split(1, 2)):
            buffers.put("latent", latent)
            bound.run("decode" if index else "decode_first")
            drawn.append(buffers["frames" if index else "first_frames"].clone())
        assert torch.equal(torch.cat(drawn), expected)
        for port in contract.graphs["decode"].updates:
            buffers[port.name].zero_()
    assert expected[..., :3].float().std() > 10, "a picture, not a grey field"


def test_a_clip_begins_with_its_first_frame_twice():
    """What makes the memory as large at the beginning as ever after."""
    kind, memory = KINDS["hunyuan"], Memory()
    decode(kind.half(kind.decoder), kind.walk(1, 2, 3), memory)
    begun = [frames for frames in memory.frames.values() if frames.abs().max() > 0]
    assert len(begun) == 30 and all(torch.equal(frames[:, :, 0], frames[:, :, 1]) for frames in begun)


@pytest.mark.parametrize("changes", [{"temporal": (True,) * 5}, {"temporal": ()}])
def test_sizes_that_cannot_be(changes):
    with pytest.raises(ValueError, match="do not fit between 5 levels"):
        hunyuan_vae.HunyuanVaeConfig(**changes)
    with pytest.raises(ValueError, match="do not fit between 4 levels"):
        wan22_vae.Wan22VaeConfig(**changes)
    with pytest.raises(ValueError, match="16 channels"):
        wan22_vae.Wan22VaeConfig(latent_channels=16)
