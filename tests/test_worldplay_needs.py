"""What the start screen says that WorldPlay needs: what `--world` would ask for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from library_fixtures import found, machine_fixture, own_home, put_weights  # noqa: F401
from worldplay_files import stored_config, write_prompts, write_world
from worldplay_opened import open_world

from model import registry
from model.encoders import loading
from model.fetch import weights_folder
from model.official import Lack
from model.worldfile import read_world_file
from model.worldplay.files import ALSO, config_of
from runtime.errors import UserError
from runtime.library import DAMAGED, NEEDS_GPU, NEEDS_PACKAGES, NEEDS_WEIGHTS, READY


@pytest.fixture
def encoding(monkeypatch):
    """Says whether the packages that encode text are installed."""

    def can(installed: bool) -> None:
        monkeypatch.setattr(loading, "PACKAGES", () if installed else ("no_such_package",))

    can(True)
    return can


@pytest.mark.parametrize("name", ["worldplay", "worldplay-5b"])
def test_worldplay_s_say_what_they_need(machine, encoding, name):
    """Of several repositories; how much there is to download, is known at least."""
    machine(gpu=True)
    entry, least = found(name), "at least 23 GB" if name == "worldplay-5b" else "at least 37 GB"
    assert (entry.state, entry.detail, entry.least) == (NEEDS_WEIGHTS, f"{least} to download", True)
    assert not entry.playable and not entry.problem and max(entry.picture.shape) <= 320
    machine(gpu=False)
    assert (found(name).state, found(name).detail) == (NEEDS_GPU, f"needs a GPU, {least} to download")
    put_weights(name, leave_out=["vae/diffusion"])
    assert not found(name).playable, "a single missing file is enough"
    put_weights(name)
    assert (found(name).playable, found(name).slow) == (True, True)
    machine(gpu=True)
    assert (found(name).state, found(name).playable, found(name).slow) == (READY, True, False)
    encoding(False)
    assert (found(name).state, found(name).playable) == (NEEDS_PACKAGES, False)
    assert "no_such_package" in found(name).detail and ".[text]" in found(name).detail
    machine(gpu=True, torch=False)
    assert not found(name).playable and "torch" in found(name).problem


ENCODERS = ("text_encoder", "tokenizer", "vision_encoder", "transformer", "wan_transformer")


@pytest.mark.parametrize("name", ["worldplay-5b", "worldplay-ar"])
def test_what_is_stored_needs_no_encoder(machine, encoding, name):
    """As `--world` plays it: neither encoders nor their packages, nor the files that nobody reads."""
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    machine(gpu=True)
    encoding(False)
    put_weights(name, leave_out=ENCODERS)
    assert (found(name).state, found(name).playable) == (NEEDS_WEIGHTS, False)
    folder = registry.WORLDS / name
    described = read_world_file(folder)
    config, starts = config_of(folder, described), registry.starts_of(folder, described)
    write_prompts(weights_folder(name), config, ["another text"], starts)
    assert not found(name).playable, "the world's own text is not stored"
    write_prompts(weights_folder(name), config, [config.prompt])
    assert found(name).playable == (name == "worldplay-5b"), "its own picture is not stored, and the 8B wants it"
    write_prompts(weights_folder(name), config, [config.prompt], starts)
    assert (found(name).state, found(name).lacking) == (READY, 0)
    (weights_folder(name) / "prompts.safetensors").write_bytes(b"cut off")
    assert (found(name).state, found(name).playable) == (DAMAGED, False) and "prompts" in found(name).detail


def test_a_checkpoint_by_its_other_name_is_seen(machine, encoding):
    machine(gpu=True)
    official = "ar_distilled_action_model/model.safetensors"
    put_weights("worldplay", called={official: f"ar_distilled_action_model/{ALSO}"})
    assert not (weights_folder("worldplay") / official).exists() and found("worldplay").state == READY
    (weights_folder("worldplay") / "ar_distilled_action_model" / ALSO).unlink()
    assert found("worldplay").state == NEEDS_WEIGHTS


def test_what_is_lacking_is_what_play_asks_for(tmp_path, encoding):
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    folder, config = tmp_path / "w", stored_config("8b")
    described = read_world_file(write_world(folder, config))
    asked = (folder, described, folder / "weights", registry.starts_of(folder, described))
    assert registry.lacking(*asked) == Lack()
    (folder / "prompts.safetensors").unlink()
    lack = registry.lacking(*asked)
    assert {Path(file).parts[0] for file in lack.files} == {"text_encoder", "vision_encoder"} and not lack.packages
    assert not any("Glyph" in file for file in lack.files), "nobody says anything in quotation marks"
    with pytest.raises(UserError, match="the start picture is not stored.*vision_encoder"):
        open_world(folder).reset(None, None, 1)
    write_prompts(folder, config, texts=(), pictures=asked[-1])
    assert registry.lacking(*asked).files == lack.files[:3], "Qwen's: its own text is not stored"
