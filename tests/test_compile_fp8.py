"""Linear layers in 8 bits: their numbers, eager, exported and in other types, and that TensorRT takes them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from network_fixtures import layer, off  # noqa: E402
from torch import nn  # noqa: E402

from compile import fp8  # noqa: E402
from compile.fp8 import Fp8Linear, quantise, quantised  # noqa: E402
from compile.int8_weights import Int8Linear  # noqa: E402

FORMS = {
    "fp8": lambda linear: Fp8Linear.of(linear),
    "fp8, one scale": lambda linear: Fp8Linear.of(linear, reach=4.5),
    "int8": lambda linear: Int8Linear.of(linear),
}
HALVES = [torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_rows_use_the_range_by_powers_of_two(dtype):
    rows = torch.tensor([[1.0, -3.0, 0.5], [0.0, 0.0, 0.0], [1e4, 1.0, -2e4], [448.0, 1.0, 0.0]]).to(dtype)
    small, scale = quantised(rows)
    back = small.float() * scale.float()
    assert torch.equal(torch.frexp(scale.float())[0], torch.full((4, 1), 0.5)) and not back[1].any()
    largest = small.float().abs().amax(1)[[0, 2, 3]]
    assert (largest > 208).all() and (largest <= 448).all() and scale[3] == 1
    assert ((back - rows.float()).abs() <= rows.float().abs() / 16 + scale.float() / 512).all(), (
        "three bits of mantissa"
    )


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_quantised_layers_are_near_the_exact_one(form, bias, dtype):
    linear = layer(bias=bias, dtype=dtype)
    x = torch.randn(3, 5, 64).to(dtype)
    with torch.inference_mode():
        exact, fast = linear(x), FORMS[form](linear)(x)
    assert fast.shape == (3, 5, 48) and fast.dtype == dtype
    least, most = (1e-3, 0.01) if form == "int8" else (0.01, 0.05)
    assert least < off(fast, exact) < most, "it rounds, and no more than it must"


def test_one_scale_cuts_off_what_is_beyond_it():
    linear = layer(bias=False)
    small, x = Fp8Linear.of(linear, reach=1.0), torch.full((1, 64), 3.0)
    with torch.inference_mode():
        assert small.reach_scale == 2**-8 and off(small(x), linear(torch.full_like(x, 448 / 2**8))) < 0.05
        assert off(small(x / 3), linear(x / 3)) < 0.05


@pytest.mark.parametrize("form", FORMS)
def test_a_change_of_type_and_back_changes_no_weight(form):
    small = FORMS[form](layer(dtype=torch.bfloat16))
    before = small.weight.clone()
    moved = copy.deepcopy(small).to(torch.float16)
    assert moved.weight.dtype == before.dtype and torch.equal(moved.weight.float(), before.float())
    assert moved.weight.stride() == before.stride(), "as the kernels want it"
    x = torch.randn(2, 64)
    with torch.inference_mode():
        assert off(moved(x.half()), small(x.bfloat16())) < 0.02


def test_quantise_takes_what_is_named_and_fits():
    net = nn.ModuleDict({"ffn": nn.Sequential(layer(32, 48), layer(24, 48)), "other": layer(32, 48)})
    assert quantise(net, ("ffn.*",)) == 1
    assert [type(part) for part in (*net["ffn"], net["other"])] == [Fp8Linear, nn.Linear, nn.Linear]


def exported(module: nn.Module, x: torch.Tensor):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: make test installs it")
    return torch.onnx.export(module.eval(), (x,), dynamo=True, opset_version=24, verbose=False).model_proto


def onnx_runtime(model, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    # Its fusions for int8 take fp8 for it too, and then refuse what they made.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, feeds)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_exported_layers_have_the_same_numbers(form, dtype):
    linear = layer(dtype=dtype)
    small, x = FORMS[form](linear), torch.randn(3, 5, 64).to(dtype)
    model = exported(small, x)
    with torch.inference_mode():
        expected, exact = small(x), linear(x)
    if dtype == torch.bfloat16:  # of which ONNX Runtime has few operations on a CPU
        ml_dtypes = pytest.importorskip("ml_dtypes")
        from onnx.reference import ReferenceEvaluator

        (made,) = ReferenceEvaluator(model).run(None, {"x": x.float().numpy().astype(ml_dtypes.bfloat16)})
    else:
        (made,) = onnx_runtime(model, {"x": x.numpy()})
    made = torch.from_numpy(made.astype(np.float32))
    # Sums are rounded to 8 bits of mantissa; and where tokens have scales of their own, x / scale to those of its type,
    # which now and then makes another one of the next rounding.
    twice = form == "fp8" and dtype == torch.bfloat16
    assert off(made, expected) < (0.025 if twice else 0.006)
    assert off(expected, exact) > off(made, expected), "or this shows nothing"
    weights = {tensor.name: tensor for tensor in model.graph.initializer}["weight"]
    assert weights.data_type == (3 if form == "int8" else fp8.ONNX_FP8) and list(weights.dims) == [64, 48]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_tensorrt_builds_exported_layers(form, dtype):
    """It builds for a GPU that is not there; what it then computes is for a machine that has one."""
    trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    model = exported(FORMS[form](layer(dtype=dtype)), torch.randn(3, 5, 64).to(dtype))
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.ERROR))
    assert parser.parse(model.SerializeToString()), [parser.get_error(i).desc() for i in range(parser.num_errors)]
    assert builder.build_serialized_network(network, builder.create_builder_config()).nbytes > 0
