"""TensorRT's engines: built for real where tensorrt_rtx is installed, which needs no GPU; run on a stand-in."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

import fake_trt  # noqa: E402
from dream_fixtures import TINY, tiny_net  # noqa: E402
from matrix_fixtures import tiny_config  # noqa: E402
from matrix_fixtures import write_world as write_matrix_world  # noqa: E402
from test_compile_engines import VARIANTS, walk  # noqa: E402

from bench.synthetic import matrix_game, randomised  # noqa: E402
from compile.__main__ import main  # noqa: E402
from compile.buffers import Buffers  # noqa: E402
from compile.engines import Cancelled, trt  # noqa: E402
from compile.plan import Job, Place  # noqa: E402
from compile.store import FACTS, digest_of  # noqa: E402
from compile.trt_files import Child, build_files, engine_path, find_files, read_engine  # noqa: E402
from model.checkpoint import on_meta  # noqa: E402
from model.decode_graphs import decode_contract  # noqa: E402
from model.dream.graphs import dream_graphs  # noqa: E402
from model.dream.modules import modules_of  # noqa: E402
from model.graph import Contract, Unavailable  # noqa: E402
from model.matrix_game.assemble import latent_shape  # noqa: E402
from model.matrix_game.graphs import make_rings, network_contract  # noqa: E402
from model.matrix_game.network import MatrixGameNet  # noqa: E402
from model.placement import place  # noqa: E402
from model.wan_vae import VaeConfig, VaeDecoder  # noqa: E402
from model.world import LoadOptions  # noqa: E402

HEAD = 32  # TensorRT has attention for heads of multiples of 8: the official ones have 64 and 128


@pytest.fixture
def rtx():
    return pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed: pip install tensorrt-rtx")


def sized(**changes):
    """A tiny configuration whose heads are of a size that TensorRT takes."""
    config = tiny_config(**changes)
    actions = replace(config.network.actions, mouse_width=2 * HEAD, keyboard_width=2 * HEAD)
    network = replace(config.network, dim=2 * HEAD, layers=1, actions=actions)
    return replace(config, network=network, vae=VaeConfig(width=4, blocks=1))


def dream() -> Contract:
    """Without `commit`, which is `denoise` without its end."""
    config = replace(TINY, layers=1)
    graphs = {name: graph for name, graph in dream_graphs(config).items() if name != "commit"}
    return Contract("dream", "", graphs, lambda: modules_of(tiny_net(config)))


def network(variant: str) -> Contract:
    """Without `commit`, which is within `denoise`."""
    config, here = sized(**VARIANTS[variant]), place(LoadOptions(device="cpu", attention="sdpa", threads=1))
    rings = make_rings(config, "meta", here.dtype)
    whole = network_contract(
        variant, "", config, lambda: randomised(on_meta(MatrixGameNet, config.network), here, 0), rings, here.attend
    )
    return replace(whole, graphs={name: graph for name, graph in whole.graphs.items() if not graph.within})


def decoder() -> Contract:
    config, here = sized(), place(LoadOptions(device="cpu", threads=1))
    sketch = on_meta(VaeDecoder, config.vae)
    return decode_contract("decoder", "", lambda: randomised(sketch, here, 1), sketch, latent_shape(config))


def opened(folder):
    """The universal world, played on eager."""
    how = LoadOptions(device="cpu", threads=1, engines=folder, settled=True, engine="eager")
    return matrix_game(sized(), place(how), options=how)


def job_of(contract: Contract, folder, precision: str, **facts) -> Job:
    folder.mkdir(exist_ok=True)
    return Job(contract, "trt", precision, Place("cuda"), folder, shared={"modules": contract.modules}, **facts)


BUILDS = {
    "dream": (dream, "fp16", {"warp"}),
    "gta": (lambda: network("gta"), "fp16", set()),
    "templerun": (lambda: network("templerun"), "bf16", set()),
    "decoder": (decoder, "fp32", set()),
}


@pytest.mark.parametrize("which", BUILDS)
def test_every_world_builds_without_a_gpu(which, rtx, exported, tmp_path):
    """All graphs, but for the scatter with a maximum in the dream's warp. The universal ones: see the command below."""
    make, precision, refused = BUILDS[which]
    contract, told = make(), []
    if precision == "fp32":
        contract = replace(contract, exported={"fp32": exported})
    made = build_files(job_of(contract, tmp_path, precision), rtx.__name__, "", lambda *step: told.append(step))
    assert set(made.refused) == refused and set(made.built) == set(contract.graphs) - refused
    assert all("reduction" in reason for reason in made.refused.values())
    for name in made.built:
        assert len(read_engine(tmp_path, name, rtx.__name__)) == made.built[name]["bytes"]
    assert find_files(tmp_path, contract.graphs) == made
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / "onnx").exists(), "nothing else is left"
    assert any("compiling" in what for _, _, what in told) and told[-1][1] == len(contract.graphs)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The universal world's graphs in float32, but for `commit`, by name."""
    paths = {}
    for contract in (network("universal"), decoder()):
        paths |= job_of(contract, tmp_path_factory.mktemp("exported"), "fp32").exported()
    return paths


def test_a_cancelled_build_ends_at_once(rtx, exported, tmp_path):
    child = Child(exported["denoise"], tmp_path / "denoise.engine", rtx.__name__, "")

    def told(what: str) -> None:
        if "compiling" in what:
            told.at = time.monotonic()
            raise Cancelled

    with pytest.raises(Cancelled):
        child.finished(told)
    assert time.monotonic() - told.at < 2 and child.process.returncode is not None
    assert not list(tmp_path.iterdir())


def test_a_broken_graph_is_refused_in_a_line(rtx, tmp_path):
    broken = tmp_path / "broken.onnx"
    for content in (b"junk", b""):
        broken.write_bytes(content)
        last = Child(broken, tmp_path / "broken.engine", rtx.__name__, "").finished(lambda what: None)
        assert last["refused"] and "\n" not in last["refused"]


@pytest.mark.parametrize(
    ("code", "said"), [("os.kill(os.getpid(), 11)", "crashed"), ("os.kill(os.getpid(), 9)", "memory")]
)
def test_a_crash_is_the_childs_own(code, said, monkeypatch, tmp_path):
    (tmp_path / "crashing.py").write_text(f"import os\nos.write(2, b'last words')\n{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Unavailable, match=f"{said}.*last words"):
        Child(tmp_path / "any.onnx", tmp_path / "any.engine", "crashing", "").finished(lambda what: None)


@pytest.fixture
def stand_in(monkeypatch):
    """TensorRT as it is when there is a GPU of compute capability 8.6."""
    module = fake_trt.library()
    monkeypatch.setattr(trt, "load_library", lambda: module)
    monkeypatch.setattr(trt, "capability_of", lambda place: (8, 6))
    monkeypatch.setattr(trt.eager, "require_torch", lambda place: None)
    return module


def test_probe_says_why_not_in_a_line(stand_in, monkeypatch):
    def reason(precision: str, capability=(8, 6), kind: str = "cuda") -> str:
        monkeypatch.setattr(trt, "capability_of", lambda place: capability)
        try:
            trt.probe(Place(kind), precision)
        except Unavailable as why:
            return str(why)
        return ""

    assert reason("bf16") == reason("fp16") == reason("fp8", (8, 9)) == reason("fp16", (7, 5)) == ""
    assert reason("fp16", kind="cpu") == "needs an NVIDIA GPU"
    assert "install tensorrt" in reason("bf16", (9, 0))
    assert "8.9" in reason("fp8") and "8.0" in reason("bf16", (7, 5)) and "int8" in reason("int8")
    del stand_in.CudaGraphStrategy
    assert reason("bf16", (9, 0)) == "", "the full TensorRT builds for any"


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setattr(trt, "LIBRARIES", ("no_such_tensorrt",))
    trt.load_library.cache_clear()
    with pytest.raises(Unavailable, match="installed"):
        trt.probe(Place("cuda"), "bf16")
    trt.load_library.cache_clear()


def test_a_walk_on_bound_engines_equals_eager(stand_in, exported, tmp_path):
    """Caches in place, state copied back, commit by the engine of denoise, what is refused on eager torch."""
    expected = walk(opened(tmp_path))
    world = opened(tmp_path)
    for runner, refused in ((world.network, {"condition": "no taste for it"}), (world.decoder, {})):
        job = job_of(runner.contract, tmp_path / runner.contract.world, "fp32", cached=True)
        fake_trt.store(job, exported, refused)
        engine = trt.build(job)
        assert engine.partly == ("condition runs on eager torch (no taste for it)" if refused else "")
        runner.take(engine.bind(runner.buffers), "trt fp32")
    made = walk(world)
    assert np.abs(np.stack(made).astype(int) - np.stack(expected)).max() <= 1
    assert np.std([picture.mean() for picture in made]) > 0.1, "pictures differ, or this shows nothing"
    kept = sorted(path.name for path in tmp_path.rglob("*.cache"))
    assert kept == ["decode.cache", "decode_first.cache", "denoise.cache"]
    trt.build(job).bind(runner.buffers).run("decode_first")  # takes up what was compiled
    with pytest.raises(Unavailable, match="bfloat16"):
        trt.build(job).bind(Buffers(job.contract, None, "cpu", torch.bfloat16))


@pytest.mark.parametrize("damage", ["half", "magic", "stranger", "missing", "facts"])
def test_a_damaged_engine_is_said_and_not_used(damage, stand_in, exported, tmp_path):
    job = job_of(network("universal"), tmp_path, "fp32", cached=True)
    fake_trt.store(job, exported, {"condition": "no taste for it"})
    path = engine_path(tmp_path, "denoise")
    raw = path.read_bytes()
    if damage == "facts":
        (tmp_path / "trt.json").write_text("{")
    elif damage == "missing":
        path.unlink()
    else:
        nowhere = fake_trt.pack(tmp_path / "nowhere.onnx")
        path.write_bytes({"half": raw[: len(raw) // 2], "magic": b"junk" + raw[4:], "stranger": nowhere}[damage])
    with pytest.raises(Unavailable, match="stored engine"):
        trt.build(job)


def test_the_command_builds_a_world_ahead_of_time(rtx, tmp_path, capsys):
    folder = write_matrix_world(tmp_path / "world", sized())
    out = tmp_path / "engines"
    assert (
        main(["build", str(folder), "--out", str(out), "--weights", str(folder / "weights"), "--decoder", "tiny"]) == 0
    )
    said = capsys.readouterr().out
    facts = json.loads((out / FACTS).read_text())
    assert facts["graphs"]["world"]["built"] == ["condition", "denoise"] and facts["precision"] == "bf16"
    assert facts["graphs"]["world.decoder"]["built"] == ["decode_first", "decode"]
    assert all(digest_of(out / name) == digest for name, digest in facts["files"].items()) and len(facts["files"]) == 4
    assert facts["weights"] and "denoise:" in said and " s\n" in said


def test_the_command_says_what_is_wrong_in_a_line(rtx, tmp_path, capsys, monkeypatch):
    def refusal(*arguments: str) -> str:
        assert main(["build", *arguments]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("reverie: ")
        return lines[0]

    out = ("--out", str(tmp_path / "out"))
    (tmp_path / "file").write_text("")
    assert "unknown world" in refusal("nowhere", *out)
    assert "weights are missing" in refusal("matrix-game-2", *out, "--weights", str(tmp_path))
    assert "cannot write" in refusal("cloister", "--out", str(tmp_path / "file"))
    assert "--precision" in refusal("cloister", *out, "--precision", "bf16", "--turing")
    monkeypatch.setattr("compile.__main__.LIBRARY", "no_such_tensorrt")
    assert "nothing that builds" in refusal("cloister", *out)
