"""OpenVINO against torch, graph for graph, on walks longer than the window; what it may and may not write to."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("openvino") is None:
    pytest.skip("openvino is not installed: pip install -e '.[openvino]'", allow_module_level=True)
torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config  # noqa: E402

from bench.synthetic import matrix_game  # noqa: E402
from compile.buffers import Buffers  # noqa: E402
from compile.engines import eager, openvino  # noqa: E402
from compile.plan import TOLERANCE, Job, Place  # noqa: E402
from compile.runner import Runner  # noqa: E402
from model.dream.config import DreamConfig  # noqa: E402
from model.dream.graphs import dream_contract, shipped  # noqa: E402
from model.dream.world import EmbeddedWorld  # noqa: E402
from model.graph import CACHE, STATE, Contract, Graph, Port, Unavailable  # noqa: E402
from model.placement import place  # noqa: E402
from model.settings import read_settings  # noqa: E402
from model.world import LoadOptions  # noqa: E402
from model.worldfile import read_world_file  # noqa: E402

# Relative errors in the L2 norm. fp32 differs by the order of sums. bf16 keeps 8 bits, each operation rounds by up to
# 2**-9, and a head with random weights is a difference of large numbers: 4 per cent were seen.
BOUND = {"fp32": 1e-4, "bf16": TOLERANCE["bf16"]}
CHUNKS = 8  # either world's window has turned over by then


def precision_or_skip(precision: str) -> None:
    try:
        openvino.probe(Place(), precision)
    except Unavailable as reason:
        pytest.skip(f"{precision}: {reason}")


def error(made: np.ndarray, wanted: np.ndarray) -> float:
    made, wanted = (np.asarray(part, np.float64) for part in (made, wanted))
    return float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted))


def dream_world(folder: Path, engine, precision: str = "fp32") -> EmbeddedWorld:
    config = read_settings(DreamConfig, read_world_file(folder).config, "world.yaml")
    contract = dream_contract("tiny", "", config, folder, shipped(folder))
    job = Job(contract, "openvino", precision, Place(), folder, shared={"modules": contract.modules})
    buffers = Buffers(contract)
    starts = np.load(folder / "starts.npz")["rgb"]
    return EmbeddedWorld(config, None, starts, Runner(contract, buffers, engine.build(job).bind(buffers), ""))


@pytest.mark.parametrize("precision", BOUND)
def test_dream_world_equals_eager(tiny_world, precision):
    """Each grows its own caches. Pictures are the reference's: a warp has edges, and what a rounding
    takes to the other side of one would be counted ever after.
    """
    precision_or_skip(precision)
    exact, tried = dream_world(tiny_world, eager), dream_world(tiny_world, openvino, precision)
    rows = (np.random.default_rng(5).normal(size=(CHUNKS, 4, 4)) * [0.02, 0.05, 0.05, 0.01]).astype(np.float32)
    caches = [port.name for port in exact.runner.buffers.ports.values() if port.role == CACHE]
    for world in (exact, tried):
        world.reset(None, None, 7)
    worst = 0.0
    for chunk, row in enumerate(rows):
        for name in ("last", "anchor"):
            tried.runner.put(name, exact.runner.buffers[name])
        frames = [np.stack(list(world.step(row))).astype(int) for world in (exact, tried)]
        for name in ("warped", "x0", "clean", *caches):
            found = error(tried.runner.buffers[name], exact.runner.buffers[name])
            assert found < BOUND[precision], f"chunk {chunk}: {name} is off by {found:.2e}"
            worst = max(worst, found)
        assert precision == "bf16" or np.abs(frames[1] - frames[0]).max() <= 1
    assert precision == "fp32" or worst > 1e-3, "this was not bf16"


@pytest.mark.parametrize("precision", BOUND)
def test_matrix_game_equals_eager(tmp_path, matrix_files, precision):
    precision_or_skip(precision)
    exact, tried = matrix_world(), matrix_world()
    contract = replace(network_alone(tried), exported={"fp32": matrix_files})
    engine = openvino.build(Job(contract, "openvino", precision, Place(), tmp_path))
    tried.network = Halves(engine.bind(tried.network.buffers), tried.network)
    caches = [port.name for port in contract.graphs["denoise"].updates]
    for world in (exact, tried):
        world.reset(None, None, 2)
    for chunk in range(CHUNKS):
        for world in (exact, tried):
            frames = world.info.chunk_frames if chunk else world.info.first_chunk_frames
            assert list(world.step(np.full((frames, world.info.control_columns), 0.02, np.float32)))
        for name in ("flow", *caches):
            found = error(*(world.network.buffers[name].numpy() for world in (tried, exact)))
            assert found < BOUND[precision], f"chunk {chunk}: {name} is off by {found:.2e}"


def matrix_world():
    return matrix_game(tiny_config(width=32, height=32, window=4), place(LoadOptions(device="cpu", threads=1)))


def network_alone(world) -> Contract:
    contract = world.network.contract
    return replace(contract, graphs={name: contract.graphs[name] for name in ("denoise", "commit")})


@pytest.fixture(scope="module")
def matrix_files(tmp_path_factory) -> dict[str, Path]:
    from compile.export import export

    contract = network_alone(matrix_world())
    return export(contract, contract.modules(), tmp_path_factory.mktemp("matrix"))


class Halves(Runner):
    """The network's passes on the engine that is tried; what goes before them as before."""

    def __init__(self, bound, before: Runner) -> None:
        super().__init__(before.contract, before.buffers, bound, "")
        self.before = before

    def run(self, graph: str, seen=()) -> None:
        (self.before if graph == "condition" else super()).run(graph, seen)


def small_graph(path: Path) -> Graph:
    """What a contract may ask for: a cache that is written in two pieces, and a state; half of x is drawn."""
    import onnx
    from onnx import TensorProto, helper

    floats = {"x": (2, 1, 2, 3), "cache": (2, 1, 6, 3), "memory": (1, 4)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in floats.items()]
    inputs.append(helper.make_tensor_value_info("start", TensorProto.INT64, (2, 2)))
    given = {"zero": (np.int64(0)), "one": np.int64(1), "half": np.float32(0.5), "two": np.array([1, 1], np.int64)}
    nodes = [helper.make_node("Split", ["x", "two"], ["x0", "x1"], axis=2)]
    for piece, (at, before, after) in enumerate((("zero", "cache", "once"), ("one", "once", "cache_out"))):
        nodes.append(helper.make_node("Gather", ["start", at], [f"start{piece}"], axis=0))
        scattered = [before, f"x{piece}", f"start{piece}"]
        nodes.append(helper.make_node("TensorScatter", scattered, [after], axis=2, mode="linear"))
    nodes.append(helper.make_node("Mul", ["x", "half"], ["drawn"]))
    nodes.append(helper.make_node("Add", ["memory", "half"], ["memory_out"]))
    shapes = {"drawn": floats["x"], "cache_out": floats["cache"], "memory_out": floats["memory"]}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    values = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10), path)
    ports = (Port("x", floats["x"]), Port("start", (2, 2), "int64"))
    updates = (Port("cache", floats["cache"], role=CACHE), Port("memory", floats["memory"], role=STATE))
    return Graph("small", ports + updates, (Port("drawn", floats["x"]),))


def test_a_run_writes_its_outputs_its_slots_and_its_state_and_nothing_else(tmp_path):
    graph = small_graph(tmp_path / "small.onnx")
    contract = Contract("small", "", {"small": graph}, exported={"fp32": {"small": tmp_path / "small.onnx"}})
    buffers = Buffers(contract)
    bound = openvino.build(Job(contract, "openvino", "fp32", Place(), tmp_path)).bind(buffers)
    buffers["cache"][:] = 7
    for run, (first, second) in enumerate(((1, 4), (5, 0)), 1):
        before, x = buffers["cache"].copy(), np.arange(12, dtype=np.float32).reshape(2, 1, 2, 3) + run
        buffers.put("x", x)
        buffers.put("start", np.array([[first] * 2, [second] * 2]))
        bound.run("small")
        before[:, :, first], before[:, :, second] = x[:, :, 0], x[:, :, 1]
        assert np.array_equal(buffers["cache"], before)
        assert np.array_equal(buffers["drawn"], x / 2) and np.array_equal(buffers["x"], x)
        assert np.allclose(buffers["memory"], run / 2), "the state of one run is what the next begins from"


def test_probe_says_why_not():
    for where, precision, reason in ((Place("cuda"), "fp32", "CPU"), (Place(), "fp16", "fp16")):
        with pytest.raises(Unavailable, match=reason):
            openvino.probe(where, precision)


def test_a_broken_graph_is_told_in_a_line(tmp_path):
    from runtime.errors import UserError

    graph = small_graph(tmp_path / "small.onnx")
    (tmp_path / "small.onnx").write_bytes(b"no graph")
    contract = Contract("small", "", {"small": graph}, exported={"fp32": {"small": tmp_path / "small.onnx"}})
    with pytest.raises(UserError, match="does not load"):
        openvino.build(Job(contract, "openvino", "fp32", Place(), tmp_path))


def test_neither_torch_nor_telemetry_is_loaded():
    """Importing OpenVINO sends a message to its makers, unless its telemetry is not there."""
    code = "from compile.engines import openvino; openvino.make_core(); import sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "openvino" in loaded and not loaded & {"torch", "onnx", "openvino_telemetry.main"}


ROOT = Path(__file__).resolve().parent.parent
