"""WorldPlay in the benches, tiny and by arithmetic; and what bench/gpu.sh has compared, without a GPU."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import ceiling, context, families, gpu, plot, possible, report, roofline, row, task  # noqa: E402
from bench.families import Spec, family_of, first_of_each_size, is_reference  # noqa: E402
from bench.synthetic_worldplay import fullest, sketch  # noqa: E402
from bench.worlds import on_engine  # noqa: E402

STAND_IN = """#!/bin/sh
case "$*" in
  *broken*) echo odd; exit 2;;
  *parity*) echo "PASS $*";;
  *) echo "$*";;
esac
"""
ROOT = Path(__file__).resolve().parent.parent
TINY = Spec("worldplay", "eager", "fp32", "sdpa", full=False, seconds=0.0, repeats=1)
FULL = replace(TINY, full=True, device="cuda", precision="bf16")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two rows of the tiny 8B: the one that others are compared with, and it again."""
    folder = tmp_path_factory.mktemp("rows")
    return [task.done("row", TINY, folder) for _ in range(2)], folder


def test_a_row_has_the_pass_over_the_context(rows):
    (found, _), _ = rows
    assert "failed" not in found, found
    runs = {name: graph["runs"] for name, graph in found["graphs"].items()}
    assert runs == {"text": 0, "context": 1, "denoise": 4, "decode": 4}
    assert all(graph["ms"] > 0 for graph in found["graphs"].values()) and found["frames"] == 16
    drawn = {"title": "w", "engine": "e", "precision": "p", "attention": "-", "present_ms": 1.0, "ideal_ms": None}
    drawn |= found | {"reached": None}
    ms = found["graphs"]["context"]["ms"]
    assert report.number(ms) in report.row(drawn), "where others commit, it has its context"
    assert plot.parts_of(drawn)["commit"] == pytest.approx(min(1.0, found["chunk_ms"] / whole(found)) * ms)


def whole(found):
    return sum(graph["ms"] * graph["runs"] for graph in found["graphs"].values())


def test_rows_go_on_from_where_the_window_was_full(rows):
    """To the bit, and without the way there; not those of another precision."""
    (first, again), folder = rows
    assert (first["error"], again["error"]) == (0.0, 0.0)
    for precision, walked in (("fp32", 0), ("bf16", 13 + 4 * 16)):
        spec = replace(TINY, precision=precision)
        world, _ = on_engine(spec, folder)
        assert (len(row.fill(world, spec, folder)), world.chunk) == (walked, 5)


def test_another_context_and_another_size_have_a_title_and_a_window_of_their_own():
    small = replace(TINY, context=8, size="640x352", full=True)
    assert small.title == "worldplay (context 8, 640x352)" and TINY.title == "worldplay (tiny)"
    config = families.worldplay_config(small)
    assert (config.memory.budget, config.memory.recent, config.latent_size) == (8, 4, (22, 40))


def test_there_is_one_world_of_each_size():
    assert first_of_each_size() == ["cloister", "matrix-game-2", "worldplay", "worldplay-5b"]
    assert family_of("worldplay-ar").sizes("worldplay-ar") == "8b, guided"


def test_full_sizes_are_compared_with_bf16_and_built_on_the_sure_engine_only():
    assert is_reference(FULL) and is_reference(TINY) and not is_reference(replace(FULL, precision="fp32"))
    assert possible.reference_of(FULL) == FULL
    assert gpu.wanted(FULL) and gpu.wanted(replace(FULL, engine="graph", attention="sage"))
    assert gpu.wanted(replace(FULL, engine="graph", precision="fp8"))
    assert not gpu.wanted(replace(FULL, engine="compile")) and not gpu.wanted(replace(FULL, engine="trt"))


def few_layers(spec, layers):
    """The operations of a chunk of the full-size network with so many layers, by graph."""
    config = families.worldplay_config(spec)
    name = "hunyuan" if config.network == "8b" else "wan"
    config = replace(config, **{name: replace(config.net, layers=layers)})
    (network, _) = sketch(config, families.torch_placement(spec))
    network = replace(network, graphs={name: network.graphs[name] for name in ("context", "denoise")})
    found = roofline.survey([network], fullest(config))
    return [found[name][kind] for name in ("context", "denoise") for kind in ("flops", "attention")]


@pytest.mark.parametrize(
    "world, layers, whole, context, within",
    [("worldplay", 54, 2.06e15, 1.07e15, 0.005), ("worldplay-5b", 30, 0.61e15, None, 0.03)],
)
def test_full_sizes_cost_what_the_specification_derives(world, layers, whole, context, within):
    """Its section 12, for four steps behind a full context; layers are alike, so two numbers of them tell all."""
    one, two = (few_layers(Spec(world, "eager", "fp32"), count) for count in (1, 2))
    gathered, attention, drawn, _ = (a + (layers - 1) * (b - a) for a, b in zip(one, two, strict=True))
    assert gathered + 4 * drawn == pytest.approx(whole, rel=within)
    assert context is None or gathered == pytest.approx(context, rel=within)
    assert 0.5 < attention / gathered < 0.9


def test_ceilings_by_hand():
    counted = {
        "denoise": {"flops": 60.0, "attention": 20.0, "bytes": {"bf16": 4.0}},
        "decode": {"flops": 30.0, "attention": 30.0, "bytes": {"bf16": 1.0}},
    }
    cost = ceiling.added(counted, {"denoise": 2, "decode": 1}, frames=10)
    assert (cost.linear, cost.attention, cost.decoder, cost.moved, cost.flops) == (80, 40, 30, 9, 150)
    rates = ceiling.Rates(bf16=10.0, fp8=20.0, bandwidth=1e3)
    assert [10 / cost.fps(rates, way) for way in ceiling.WAYS] == pytest.approx([15, 11, 9])
    assert cost.fps(replace(rates, bandwidth=0.1), ceiling.WAYS[0]) == pytest.approx(10 / 90)
    with pytest.raises(SystemExit, match="bench.table"):
        ceiling.main(["--worlds", "cloister"])
    with pytest.raises(SystemExit, match="not a whole number of 16x16 patches"):
        ceiling.main(["--worlds", "worldplay", "--size", "100x100"])


@pytest.fixture
def compared(tmp_path):
    """Runs bench/gpu.sh with a Python that says how it was called, and fails where "broken" is to be compared."""
    python, fixtures = tmp_path / "python", tmp_path / "fixtures"
    python.write_text(
        '#!/bin/sh\ncase "$*" in *broken*) echo odd; exit 2;; *parity*) echo "PASS $*";; *) echo "$*";; esac\n'
    )
    python.chmod(0o755)
    for name in ("matrix_game_2/golden_preprocess", "worldplay/golden_camera", "worldplay/golden_transformer_x"):
        (fixtures / name).parent.mkdir(parents=True, exist_ok=True)
        (fixtures / f"{name}.safetensors").touch()

    def run(**settings):
        own = {"PYTHON": str(python), "FIXTURES": str(fixtures), "OUT": str(tmp_path / "out")}
        done = subprocess.run(["bash", "bench/gpu.sh"], cwd=ROOT, env=os.environ | own | settings, capture_output=True,
                              text=True, timeout=60)  # fmt: skip
        return done.returncode, (tmp_path / "out" / "parity.txt").read_text().splitlines(), done.stdout

    run.fixtures = fixtures
    return run


@pytest.mark.skipif(os.name != "posix", reason="a script for bash")
def test_every_fixture_is_compared_in_the_types_that_it_is_for(compared):
    code, lines, out = compared(ARGS="--dry", BUDGET="7")
    assert code == 0 and [line.partition(":")[0] for line in lines] == [
        "matrix_game_2 golden_preprocess float32",
        "worldplay golden_camera float32",
        "worldplay golden_transformer_x float32",
        "worldplay golden_transformer_x bfloat16",
        "worldplay wan22_vae float32",
        "worldplay wan22_vae bfloat16",
    ]
    assert "worldplay transformer " in lines[2] and "--tolerance 1e-4" in lines[2] and "bfloat16 --t" in lines[3]
    assert "-m bench.gpu --device cuda --budget 7" in out and out.rstrip().endswith("--dry")


@pytest.mark.skipif(os.name != "posix", reason="a script for bash")
def test_worlds_choose_families_and_a_failure_is_told(compared):
    (compared.fixtures / "worldplay" / "golden_vae_broken.safetensors").touch()
    code, lines, out = compared(WORLDS="matrix-game-2")
    assert code == 0 and len(lines) == 1 and "--worlds matrix-game-2" in out
    code, lines, out = compared(WORLDS="worldplay worldplay-5b")
    assert code == 1 and len(lines) == 7 and sum("FAIL: odd" in line for line in lines) == 2


def test_the_choice_of_context_is_timed_and_held_against_counting_all(monkeypatch):
    taken = context.measure("worldplay", "free", chunks=120, last=4, every=2)
    assert len(taken.milliseconds) == 4 and 0 < taken.milliseconds.min() < 1000
    assert len(taken.farther) == 2 and (taken.farther < 0.02).all()
    monkeypatch.setattr(context.History, "choose", lambda self, current: self.memory.context(current, [4]))
    assert context.measure("worldplay", "free", chunks=120, last=4, every=2).farther.max() > 0.05
