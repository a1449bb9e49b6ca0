"""TensorRT's engines, built for real where tensorrt_rtx is installed, which needs no GPU."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import write_world as write_matrix_world  # noqa: E402
from trt_fixtures import decoder, dream, job_of, network, sized  # noqa: E402

from compile.__main__ import main  # noqa: E402
from compile.engines import Cancelled  # noqa: E402
from compile.store import FACTS, digest_of  # noqa: E402
from compile.trt_files import Child, build_files, find_files, read_engine  # noqa: E402
from model.graph import Unavailable  # noqa: E402


@pytest.fixture
def rtx():
    return pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed: pip install tensorrt-rtx")


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
