"""The table: which rows there are and why not the others, a row measured in earnest, and what is made of figures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import against, plot, possible, report, row, table, task  # noqa: E402
from bench.families import Spec  # noqa: E402
from bench.possible import Refusal, grouped, stage  # noqa: E402
from bench.present import present_ms  # noqa: E402
from bench.worlds import contracts  # noqa: E402
from model.graph import Unavailable  # noqa: E402

TINY = Spec("matrix-game-2", "eager", "fp32", "sdpa", full=False, seconds=0.0, repeats=1)


def test_what_cannot_run_has_a_reason_and_what_can_has_a_row(monkeypatch):
    def probe(place, engine, precision):
        return "" if (engine, precision) != ("ort", "bf16") else "does not compute in bf16"

    monkeypatch.setattr(possible, "cannot", probe)
    base = replace(TINY, engine="", precision="", attention="-")
    found, refused = possible.possible(base, ("eager", "ort"), ("fp32", "bf16"), ("sdpa", "sage"))
    rows = [(spec.engine, spec.precision, spec.attention) for spec in found]
    assert rows == [("eager", "fp32", "sdpa"), ("eager", "bf16", "sdpa"), ("ort", "fp32", "-")]
    assert [(each.subject, each.detail) for each in refused] == [
        ("attention sage", "fp32"),
        ("attention sage", "bf16"),
        ("ort", "bf16"),
    ]
    assert "NVIDIA" in refused[0].why


def test_engines_that_are_not_written_are_a_reason_too():
    assert possible.cannot(possible.place_of(TINY), "graph", "fp32") == "needs an NVIDIA GPU"
    assert possible.cannot(possible.place_of(TINY), "eager", "fp32") == ""


def test_rows_come_in_the_order_of_what_they_are_worth():
    gpu = replace(TINY, device="cuda")
    specs = [
        replace(gpu, engine="eager", precision="fp8"),
        replace(gpu, engine="graph", precision="bf16", attention="sage"),
        replace(gpu, engine="graph", precision="bf16"),
        replace(gpu, engine="eager", precision="bf16"),
        gpu,
    ]
    assert sorted(specs, key=lambda spec: stage(spec, specs)) == specs[::-1]


def test_reasons_are_said_once():
    refused = [Refusal(title, "ort", kind, "no") for title in ("a", "b") for kind in ("bf16", "fp16")]
    refused += [Refusal("a", "graph", "bf16", "no"), Refusal("a", "graph", "fp16", "no"), Refusal("b", "x", "", "why")]
    assert grouped(refused, titles=2) == [
        {"what": "ort in bf16, fp16; graph in bf16, fp16 of a", "why": "no"},
        {"what": "x of b", "why": "why"},
    ]


def test_a_row_is_measured_and_compared(tmp_path):
    found = task.done("row", TINY, tmp_path)
    assert "failed" not in found, found
    graphs = found["graphs"]
    runs = {name: graph["runs"] for name, graph in graphs.items()}
    assert runs == {"condition": 0, "denoise": 3, "commit": 1, "decode_first": 0, "decode": 3}
    assert all(graph["ms"] > 0 for graph in graphs.values()) and found["copy_ms"] == 0.0
    assert found["fps"] > 0 and found["p99_p50"] >= 1 and found["memory_mb"] > 50
    assert (found["error"], found["picture_error"]) == (0.0, 0.0), "it is what others are compared with"
    rounded = task.done("row", replace(TINY, precision="bf16"), tmp_path)
    assert 1e-4 < rounded["error"] < 0.2 and rounded["picture_error"] > 0


def test_errors_are_relative_and_of_colours_only():
    pictures = np.zeros((2, 2, 2, 4), np.uint8)
    wanted = {"drawn": np.full((4,), 2.0, np.float32), "pictures": pictures}
    other = pictures.copy()
    other[..., 3], other[0, ..., 0] = 255, 6
    assert row.errors({"drawn": wanted["drawn"] * 1.5, "pictures": other}, wanted) == {
        "error": pytest.approx(0.5),
        "picture_error": 1.0,
    }
    broken = {"drawn": np.full((4,), np.nan, np.float32), "pictures": pictures}
    assert row.errors(broken, wanted)["error"] is None


def test_a_row_that_cannot_be_is_a_reason_and_one_that_hangs_is_stopped(tmp_path):
    refused = task.done("row", replace(TINY, world="cloister", full=True, precision="bf16", attention="-"), tmp_path)
    assert "fp32" in refused["failed"] and "Unavailable" not in refused["failed"]
    assert "failed" in task.done("row", replace(TINY, world="nowhere"), tmp_path)
    stopped = task.isolated("row", TINY, tmp_path, 0.05)
    assert stopped == {"failed": "stopped after 0 s"}


def test_a_family_without_an_entry_is_said_to_have_none(monkeypatch):
    monkeypatch.setattr("bench.families.FAMILIES", {})
    with pytest.raises(Unavailable, match="matrix-game"):
        contracts(TINY, sketch=True)


def faked(what, spec, folder, seconds):
    """What processes would give: figures that are easily reckoned with."""
    if what == "machine":
        return {"by": "hand", "threads": 1, "rates": {"fp32": 1e9}, "missing": {}, "bandwidth": 1e9}
    if what == "survey":
        return {"denoise": {"flops": 2e6, "bytes": dict.fromkeys(("fp32", "bf16", "fp16", "fp8", "int8"), 1e6)}}
    if what == "export":
        return {}
    if spec.engine == "ort":
        return {"failed": "it broke"}
    graphs = {"denoise": {"ms": 4.0, "runs": 2.0}}
    figures = {"fps": 100.0, "p99_p50": 1.5, "chunk_ms": 16.0, "copy_ms": 0.0, "memory_mb": 9.0, "memory_of": "process"}
    return {**figures, "graphs": graphs, "error": 0.25, "picture_error": None, "width": 64, "height": 32}


@pytest.fixture
def facts(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "isolated", faked)
    out = tmp_path / "results" / "figures.json"
    choice = ["--engines", "eager", "ort", "--precisions", "fp32", "bf16", "--device", "cpu", "--attention", "sdpa"]
    table.main(["--worlds", "cloister", *choice, "--out", str(out)])
    return json.loads(out.read_text())


def test_a_table_says_what_was_reached_and_what_broke(facts, capsys):
    exact = facts["rows"][0]
    assert exact["graphs"]["denoise"]["ideal_ms"] == 2.0 and exact["graphs"]["denoise"]["reached"] == 0.5
    assert (exact["ideal_ms"], exact["reached"]) == (4.0, 0.25) and exact["present_ms"] > 0
    assert facts["rows"][1]["reached"] is None, "this machine told no rate in bf16"
    text = report.markdown(facts)
    assert "| cloister | eager | fp32 | - | 4 | - | - | 0 |" in text and "| 4 | 25 % |" in text
    assert "- ort in fp32: it broke" in text and "ort in bf16: does not compute" in text


def test_no_row_is_begun_when_the_time_is_up(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "isolated", faked)
    options = table.build_parser().parse_args(["--worlds", "cloister", "--budget", "0", "--engines", "eager"])
    told: list[str] = []
    assert table.measure(options, told.append)["rows"] == []
    assert told[0] == "cloister: eager fp32: no time left"


def test_a_plot_shows_every_row(facts, tmp_path):
    parts = plot.parts_of(facts["rows"][0])
    assert parts["denoise"] == 8.0 and sum(parts.values()) == 16.0
    beside = plot.parts_of(facts["rows"][0] | {"chunk_ms": 4.0})
    assert (beside["denoise"], beside["the rest"]) == (4.0, 0.0)
    image = plot.picture([facts])
    blue = (np.asarray(image) == plot.PARTS["denoise"]).all(-1)
    bars = np.diff(np.flatnonzero(blue[:-80].any(1))) > 1  # without the legend
    assert bars.sum() + 1 == len(facts["rows"])
    assert plot.nice_step(4946) == 1000 and plot.nice_step(0.07) == pytest.approx(0.02)


def test_a_picture_is_presented_by_the_window():
    ms, driver = present_ms(32, 16, repeats=3)
    assert 0 < ms < 1000 and driver == "dummy"


def test_neighbouring_turns_are_compared():
    found = against.compared([10.0, 20.0, 10.0], [15.0, 26.0, 20.0])
    assert found == {"before": 10.0, "after": 20.0, "ratio": 1.5, "least": 1.3, "most": 2.0}
    with pytest.raises(SystemExit, match="worktree"), against.checked_out("no-such-revision"):
        pass
