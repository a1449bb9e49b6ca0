"""Which layers are quantised is read off their errors, and what was made comes back from disk or is refused."""

from __future__ import annotations

import json
import weakref

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
pytest.importorskip("safetensors", reason="safetensors is not installed: make test installs it")

from network_fixtures import Walk, layer, off, sized  # noqa: E402
from torch import nn  # noqa: E402

from compile import precision, precision_store  # noqa: E402
from compile.engines.compiled import twin  # noqa: E402
from compile.fp8 import Fp8Linear  # noqa: E402
from compile.plan import TOLERANCE, Place  # noqa: E402
from compile.precision_report import Report  # noqa: E402
from model.graph import Unavailable  # noqa: E402
from runtime.errors import UserError  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def hard(bits: str) -> tuple[nn.Module, torch.Tensor]:
    """A layer that `bits` do badly: one channel of inputs, or one weight of each row, takes the range from the rest."""
    linear, x = layer(bias=False), torch.randn(64, 64)
    with torch.no_grad():
        linear.weight[:, 0] = 0.0 if bits == "fp8" else 30.0
        x[:, 0] = 1e7 if bits == "fp8" else 0.0
    return linear, x


@pytest.mark.parametrize("bits", precision.PRECISIONS)
def test_layers_are_chosen_by_their_errors(bits):
    bad, x = hard(bits)
    modules = {"net": nn.ModuleDict({"good": layer(), "bad": bad, "odd": layer(64, 40), "idle": layer()})}

    def roll_out():
        modules["net"]["good"](torch.randn(7, 64)), modules["net"]["bad"](x), modules["net"]["odd"](x[:, :64])

    report = precision.measure(modules, bits, roll_out)
    found = {layer.name: layer for layer in report.layers}
    assert found["net.good"].quantised and found["net.good"].error < report.threshold
    assert not found["net.bad"].quantised and found["net.bad"].error > report.threshold
    assert found["net.idle"].reason == "not run" and ("multiples" in found["net.odd"].reason) == (bits == "fp8")
    assert all(type(part) is nn.Linear for part in modules["net"].values()), "measuring changes nothing"
    assert not modules["net"]["good"]._forward_pre_hooks
    precision.apply(modules, report)
    kinds = {name for name, part in modules["net"].items() if type(part) is not nn.Linear}
    assert kinds == ({"good"} if bits == "fp8" else {"good", "odd"} if found["net.odd"].quantised else {"good"})
    assert report.saved == sum(layer.saved for layer in report.layers if layer.quantised) > 64 * 48 * 3 - 400
    assert Report.from_json(report.to_json()) == report
    assert "error above" in str(report) and len(str(report).splitlines()) == 6


def test_what_is_no_number_stays():
    modules = {"net": layer()}
    report = precision.measure(modules, "fp8", lambda: modules["net"](torch.full((4, 64), torch.nan)))
    assert report.layers[0].error is None and not report.layers[0].quantised
    assert Report.from_json(report.to_json()) == report


def test_a_sample_is_of_the_whole_roll_out_and_bounded():
    sample = precision.Sample()
    for call in range(100):
        sample(None, (torch.full((2, 50, 3), float(call)),))
    calls = [int(rows[0, 0]) for rows in sample.kept]
    assert calls == list(range(0, 100, 16)) and all(rows.shape == (precision.ROWS, 3) for rows in sample.kept)
    assert sample.largest == 99


def test_a_layer_that_is_called_for_nothing_has_not_run():
    modules = {"net": layer()}
    report = precision.measure(modules, "fp8", lambda: modules["net"](torch.empty(0, 64)))
    assert report.layers[0].reason == "not run" and report.layers[0].reach is None


@pytest.mark.parametrize("bits, activations", [("fp8", "token"), ("fp8", "tensor"), ("int8", "token")])
def test_a_network_is_quantised_stored_and_read(bits, activations, tmp_path):
    walk = Walk(sized())
    modules, again = twin(walk.modules), twin(walk.modules)
    exact = walk.play(modules)
    report = precision.obtain(modules, bits, tmp_path / "made", lambda: walk.play(modules), activations)
    drawn = walk.play(modules)
    assert 0.002 < off(drawn, exact) < TOLERANCE[bits]
    assert len(report.chosen) > 30 and report.saved > 400_000
    assert modules["denoise"].net.blocks[1].ffn[0] is modules["commit"].net.blocks[1].ffn[0]
    assert torch.equal(walk.play(walk.modules), exact), "the originals go on as they are"
    assert precision.obtain(again, bits, tmp_path / "made", pytest.fail, activations) == report
    assert torch.equal(walk.play(again), drawn)
    shared = twin(again)["denoise"].net.blocks[0].ffn[0]
    assert shared.weight is again["denoise"].net.blocks[0].ffn[0].weight
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["quantised.safetensors", "report.json"]


def small_net() -> dict[str, nn.Module]:
    return {"net": nn.Sequential(layer(), nn.GELU(), layer(48, 64), layer(64, 64))}


@pytest.fixture
def made(tmp_path):
    modules = small_net()
    precision.obtain(modules, "fp8", tmp_path, lambda: modules["net"](torch.randn(9, 64)))
    return tmp_path


def test_loading_lets_each_original_go_at_once(made, monkeypatch):
    modules, alive = small_net(), []
    originals = [weakref.ref(part.weight) for part in modules["net"] if isinstance(part, nn.Linear)]
    replace = precision_store.replace

    def watched(where, small):
        alive.append(sum(ref() is not None for ref in originals))
        replace(where, small)

    monkeypatch.setattr(precision_store, "replace", watched)
    precision_store.load(modules, made)
    assert alive == [3, 2, 1] and not any(ref() for ref in originals)


def cut(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def swap_report(folder):
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | {"threshold": 0.5}))


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda folder: cut(folder, "quantised.safetensors"), "damaged"),
        (lambda folder: cut(folder, "report.json"), "cannot be read"),
        (lambda folder: (folder / "report.json").write_text("[]"), "cannot be read"),
        (swap_report, "another report"),
    ],
    ids=["cut weights", "cut report", "no report", "other report"],
)
def test_damaged_files_are_told_in_one_line(made, spoil, said):
    spoil(made)
    modules = small_net()
    with pytest.raises(UserError, match=said) as error:
        precision_store.load(modules, made)
    assert "\n" not in str(error.value) and str(made) in str(error.value)
    assert not any(isinstance(part, Fp8Linear) for part in modules["net"])


@pytest.mark.parametrize("sizes", [(64, 32), (48, 48)], ids=["outputs", "inputs"])
def test_weights_of_other_modules_are_refused_before_anything_is_replaced(made, sizes):
    modules = small_net()
    modules["net"][3] = layer(*sizes)
    with pytest.raises(UserError, match="net.3 is"):
        precision_store.load(modules, made)
    with pytest.raises(UserError, match="of other modules"):
        precision_store.load({"another": modules["net"]}, made)
    assert not any(isinstance(part, Fp8Linear) for part in modules["net"])


def test_an_interrupted_save_counts_as_nothing(made, monkeypatch):
    modules = small_net()
    report = precision_store.load(modules, made)

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr(precision_store, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        precision_store.save(modules, report, made)
    assert not precision_store.stored(made) and [path.name for path in made.iterdir()] == ["quantised.safetensors"]


def test_precisions_are_probed(monkeypatch):
    for bits in precision.PRECISIONS:
        precision.probe_precision(bits, Place())
    with pytest.raises(Unavailable, match="int4"):
        precision.probe_precision("int4", Place())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    with pytest.raises(Unavailable, match="8.9"):
        precision.probe_precision("fp8", Place("cuda", "cuda"))

    def missing(*args, **named):
        raise RuntimeError("not compiled for this")

    monkeypatch.setattr(torch, "_scaled_mm", missing)
    with pytest.raises(Unavailable, match="not compiled"):
        precision.probe_precision("fp8", Place())
