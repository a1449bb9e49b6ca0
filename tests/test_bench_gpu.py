"""bench/gpu.py on tiny sizes and a CPU: that the script works, so that a call on a GPU is not spent on mending it."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from bench import gpu  # noqa: E402


def test_rows_and_profile_of_a_dry_run(tmp_path, capsys):
    out = tmp_path / "results" / "figures.json"
    rows = ["eager", "graph, flash"]
    gpu.main(["--dry", "--device", "cpu", "--dtype", "float32", "--repeats", "1", "--out", str(out), "--rows", *rows])
    facts = json.loads(out.read_text())
    assert list(facts["rows"]) == ["eager"], "graphs need a GPU"
    eager = facts["rows"]["eager"]
    assert all(
        eager[key] > 0 for key in ("denoise_ms", "commit_ms", "decode_ms", "chunk_ms", "first_picture_ms", "fps")
    )
    assert eager["denoise_ms"] < eager["chunk_ms"]
    assert {"name", "calls", "ms"} == set(facts["profile of a chunk, eager"][0])


def test_no_row_is_begun_when_the_time_is_up(tmp_path, capsys):
    gpu.main(["--dry", "--device", "cpu", "--budget", "0", "--repeats", "1", "--rows", "eager"])
    assert '"skipped": "no time left"' in capsys.readouterr().out
