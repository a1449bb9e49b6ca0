"""bench/gpu.py on tiny sizes and a CPU: that the script works, so that a call on a GPU is not spent on mending it."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import gpu  # noqa: E402
from bench.families import Spec  # noqa: E402


def test_rows_and_profile_of_a_dry_run(dry_run):
    said, facts = dry_run
    assert [(row["title"], row["engine"]) for row in facts["rows"]] == [("matrix-game-2 (tiny)", "eager")]
    eager = facts["rows"][0]
    assert all(eager["graphs"][name]["ms"] > 0 for name in ("denoise", "commit", "decode"))
    assert eager["graphs"]["denoise"]["ms"] < eager["chunk_ms"] and eager["fps"] > 0
    assert eager["error"] > 0, "fp32 was run to compare with, though it has no row"
    assert [each["why"] for each in facts["cannot_run"]] == ["needs an NVIDIA GPU"]
    assert "graph" in facts["cannot_run"][0]["what"]
    assert {"name", "calls", "ms"} == set(facts["profiles"]["matrix-game-2 (tiny)"][0])
    assert "needs an NVIDIA GPU" in said


def test_attention_back_ends_are_compared_on_one_engine():
    spec = Spec("matrix-game-2", "graph", "bf16", "sage", "cuda")
    assert gpu.wanted(spec) and not gpu.wanted(replace(spec, engine="eager"))
    assert gpu.wanted(replace(spec, engine="trt", precision="fp8", attention="-"))
    assert not gpu.wanted(replace(spec, precision="fp8"))


def test_a_gpu_runs_full_sizes_and_a_dry_run_tiny_ones():
    full, dry = gpu.parse(["--device", "cuda"]), gpu.parse(["--device", "cuda", "--dry"])
    assert (full.full, full.tiny) == (True, False) and (dry.full, dry.tiny) == (False, True)
    assert full.worlds == ["matrix-game-2", "worldplay", "worldplay-5b"]
    assert full.budget + full.grace + 2 * gpu.PROFILES_S < 9 * 60 - 2 * 50, "parity and starting take some time too"
