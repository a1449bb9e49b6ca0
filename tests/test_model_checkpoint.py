"""Checkpoint files: every way in which one can be wrong is one line, and what is in it is never run."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import CLIP_FILE, NETWORK_FILE, VAE_FILE, tiny_config, write_weights, write_world  # noqa: E402

import play  # noqa: E402
from model.checkpoint import load, on_meta, open_tensors  # noqa: E402
from model.layout import Layout  # noqa: E402
from runtime.errors import UserError  # noqa: E402


class Two(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)


WHOLE = {"a.weight": (3, 2), "a.bias": (3,), "b.weight": (1, 3), "b.bias": (1,)}


def tensors(**changes):
    made = {name: torch.randn(shape) for name, shape in WHOLE.items()}
    return {name: tensor for name, tensor in (made | changes).items() if tensor is not None}


def save(path, content):
    from safetensors.torch import save_file

    save_file(content, path) if path.suffix == ".safetensors" else torch.save(content, path)
    return path


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_names_find_their_places(tmp_path, name):
    content = tensors()
    theirs = {f"model.{key}".replace("model.b.", "model.last."): value for key, value in content.items()}
    path = save(tmp_path / name, theirs | {"model.ema.weight": torch.zeros(2)})
    layout = Layout(strip=("model.",), renames=((r"^last\.", "b."),), unused=("ema.*",))
    module = load(on_meta(Two), path, layout, dtype=torch.float16)
    for key, value in module.state_dict().items():
        assert torch.equal(value, content[key].half()) and not value.requires_grad


def test_nested_tensors_are_found(tmp_path):
    content = tensors()
    path = save(tmp_path / "x.pt", {"generator": content})
    module = load(on_meta(Two), path, Layout(inside=("generator",)))
    assert torch.equal(module.a.weight, content["a.weight"])


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_the_mapping_is_the_memory(tmp_path, name):
    """In the file's own type nothing is copied: what is written to the file afterwards shows."""
    content = tensors()
    path = save(tmp_path / name, content)
    module = load(on_meta(Two), path)
    data = path.read_bytes()
    place = data.index(content["a.weight"].numpy().tobytes())
    with path.open("r+b") as file:
        file.seek(place)
        file.write(np.float32(42).tobytes())
    assert module.a.weight[0, 0] == 42


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"a.bias": None}, "1 missing: a.bias"),
        ({"c": torch.zeros(1)}, "1 unexpected: c"),
        ({"b.weight": torch.zeros(1, 4)}, r"1 misshapen: b.weight is \[1, 4\], not \[1, 3\]"),
        ({"a.weight": torch.zeros(3, 2, dtype=torch.int8)}, "1 of a wrong type: a.weight is int8"),
        ({f"more{i}": torch.zeros(1) for i in range(9)}, "9 unexpected: more0, .* and 3 more"),
        ({"a.bias": None, "c": torch.zeros(1)}, "1 missing: a.bias; 1 unexpected: c"),
    ],
    ids=["missing", "unexpected", "misshapen", "type", "many", "both"],
)
def test_every_mistake_is_named(tmp_path, changes, said):
    path = save(tmp_path / "x.safetensors", tensors(**changes))
    with pytest.raises(UserError, match=said):
        load(on_meta(Two), path)


class Bomb:
    """Whoever unpickles it runs it."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code of a checkpoint was run')",)


def bomb(path):
    with path.open("wb") as file:
        pickle.dump({"a.weight": Bomb()}, file)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
@pytest.mark.parametrize(
    "spoil",
    [truncate, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"\x07" * 400), lambda p: p.write_text("<html>")],
    ids=["half", "none", "junk", "page"],
)
def test_damaged_files(tmp_path, name, spoil):
    path = save(tmp_path / name, tensors())
    spoil(path)
    with pytest.raises(UserError, match="checkpoint is (an empty file|truncated or damaged)") as caught:
        open_tensors(path)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_code_in_a_pickle_is_never_run(tmp_path):
    bomb(tmp_path / "x.pth")
    with pytest.raises(UserError, match="code"):
        open_tensors(tmp_path / "x.pth")
    save(tmp_path / "y.pth", {"a.weight": torch.zeros(1), "epoch": 3})
    with pytest.raises(UserError, match="more than tensors: epoch"):
        open_tensors(tmp_path / "y.pth")


# ---- the same as a player meets them ----


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("mg"), tiny_config())


def other_variant(folder):
    write_weights(folder / "other", tiny_config(keyboard=("forward", "back")))
    (folder / "other" / NETWORK_FILE).replace(folder / NETWORK_FILE)


SPOILT = {
    "truncated network": (lambda f: truncate(f / NETWORK_FILE), "truncated or damaged"),
    "another variant": (other_variant, "another variant: its keyboard has 2 columns"),
    "code": (lambda f: bomb(f / VAE_FILE), "such as code"),
    "no clip": (lambda f: (f / CLIP_FILE).unlink(), f"weights are missing: {CLIP_FILE}"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_player_reads_one_line(world, tmp_path, capsys, case):
    spoil, said = SPOILT[case]
    weights = write_weights(tmp_path / "w", tiny_config())
    spoil(weights)
    argv = ["--world", str(world), "--weights", str(weights), "--headless", "--frames", "1", "--device", "cpu"]
    assert play.main(argv) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and str(weights) in error


@pytest.mark.parametrize("size, said", [((1, 1), "1x1"), ((20000, 20000), "20000x20000"), (None, "empty")])
def test_start_pictures_that_cannot_be(world, tmp_path, capsys, size, said):
    from PIL import Image

    path = tmp_path / "start.png"
    path.touch() if size is None else Image.new("1", size).save(path)
    argv = ["--world", str(world), "--weights", str(world / "weights"), "--headless", "--frames", "1"]
    assert play.main([*argv, "--image", str(path)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_known_digest_is_checked(world, tmp_path, capsys):
    import yaml

    from model.digests import sha256_of

    path = world / "world.yaml"
    before = path.read_text()
    facts = yaml.safe_load(before)
    argv = ["--world", str(world), "--weights", str(world / "weights"), "--headless", "--frames", "1"]
    try:
        facts["files"][VAE_FILE] = sha256_of(world / "weights" / VAE_FILE)
        path.write_text(yaml.safe_dump(facts))
        assert play.main(argv) == 0
        facts["files"][VAE_FILE] = "0" * 64
        path.write_text(yaml.safe_dump(facts))
        assert play.main(argv) == 2
        assert "SHA-256 differs" in capsys.readouterr().err
    finally:
        path.write_text(before)


def test_record_and_replay_are_bit_identical(world, tmp_path, capsys):
    argv = ["--world", str(world), "--weights", str(world / "weights"), "--headless", "--device", "cpu"]
    assert play.main([*argv, "--frames", "45", "--fps", "200", "--record", str(tmp_path / "a.mp4")]) == 0
    assert play.main([*argv, "--replay", str(tmp_path / "a.session.jsonl")]) == 0
    assert "all frames bit-identical" in capsys.readouterr().out
