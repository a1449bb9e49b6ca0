"""TensorRT's engines at work, on a stand-in for the library: what it needs, walks, and files that are damaged."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

import fake_trt  # noqa: E402
from test_compile_engines import walk  # noqa: E402
from trt_fixtures import job_of, network, sized  # noqa: E402

from bench.synthetic import matrix_game  # noqa: E402
from compile.buffers import Buffers  # noqa: E402
from compile.engines import trt  # noqa: E402
from compile.plan import Place  # noqa: E402
from compile.trt_files import engine_path  # noqa: E402
from model.graph import Unavailable  # noqa: E402
from model.placement import place  # noqa: E402
from model.world import LoadOptions  # noqa: E402


def opened(folder):
    """The universal world, played on eager."""
    how = LoadOptions(device="cpu", threads=1, engines=folder, settled=True, engine="eager")
    return matrix_game(sized(), place(how), options=how)


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
