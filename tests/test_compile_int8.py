"""INT8 graphs on ONNX Runtime: what is quantised and what is not, and what it costs over a walk."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: make test installs it")

from bench.int8 import BOUNDS, compare, make_world  # noqa: E402
from compile.int8 import dynamic_int8  # noqa: E402
from model.dream.graphs import NAMES  # noqa: E402


@pytest.fixture(scope="module")
def made(tiny_world, tmp_path_factory):
    paths = {name: tiny_world / f"{name}.onnx" for name in NAMES}
    return paths, dynamic_int8(paths, tmp_path_factory.mktemp("int8"))


def test_only_the_network_is_made_anew_and_complete_in_itself(made):
    before, after = made
    assert [name for name in NAMES if after[name] != before[name]] == ["denoise", "commit"]
    for name in ("denoise", "commit"):
        model = onnx.load(after[name], load_external_data=False)
        assert not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer)
        assert [port.name for port in model.graph.input] == [port.name for port in onnx.load(before[name]).graph.input]


@pytest.mark.parametrize("name", ["denoise", "commit"])
def test_linear_layers_are_int8_and_nothing_else_is(made, name):
    before, after = (onnx.load(paths[name], load_external_data=False).graph for paths in made)
    count = lambda graph, *kinds: sum(node.op_type in kinds for node in graph.node)  # noqa: E731
    linear = count(before, "MatMul", "Gemm")
    assert linear and count(after, "MatMulInteger", "DynamicQuantizeMatMul") == linear and not count(after, "MatMul")
    for kind in ("Attention", "Conv", "TensorScatter"):
        assert count(after, kind) == count(before, kind) > 0, kind
    stored = [onnx.numpy_helper.to_array(tensor) for tensor in after.initializer]
    floats = sum(array.size for array in stored if array.dtype == np.float32)
    assert sum(array.size for array in stored if array.dtype == np.int8) > floats / 2


def test_int8_stays_within_its_bounds_over_a_walk(tiny_world, tmp_path):
    """Longer than the window; and it is not the exact world that is compared."""
    folders = [tmp_path / name for name in ("exact", "tried")]
    for folder in folders:
        folder.mkdir()
    exact = make_world(tiny_world, folders[0], "ort", "fp32")
    found = compare(exact, make_world(tiny_world, folders[1], "ort", "int8"), 6)
    assert {name: value for name, value in found.items() if value < BOUNDS[name]} == {}
    assert max(found["head"], found["cache"]) < 60, "these are not 8 bits"


def test_the_bench_fails_where_a_bound_does(tiny_world, tmp_path, monkeypatch, capsys):
    from bench import int8

    monkeypatch.setattr(int8, "find_world", lambda name: tiny_world)
    assert int8.main(["--world", "tiny", "--chunks", "2"]) == 0
    monkeypatch.setitem(int8.BOUNDS, "head", 100.0)
    assert int8.main(["--world", "tiny", "--chunks", "2"]) == 1
    assert "FAILS" in capsys.readouterr().out
