"""Slots as files: what comes back, what is refused, and what a write that fails leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from fake_world import ROOT, FakeWorld
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from runtime import slots
from runtime.errors import UserError
from runtime.slots import make_slot, read_slot, require_fits, state_digest, thumbnail_of, write_slot

TYPES = (np.float32, np.float64, np.float16, np.int16, np.int64, np.uint64, np.uint8, np.bool_)
states = st.dictionaries(
    st.text(min_size=1, max_size=12).filter(lambda name: name.isprintable()),
    st.sampled_from(TYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    min_size=1,
    max_size=5,
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def slot_of(state=None, seed=3, prompt="", size=(128, 72), **info):
    world = FakeWorld(size=size)
    world.reset(None, None, seed)
    (*_, picture) = world.step(np.full((4, world.info.control_columns), 0.1, np.float32))
    facts = {"seed": seed, "chunk": 1, "prompt": prompt, "camera": world.camera}
    return make_slot(replace(world.info, **info), world.state() if state is None else state, picture, **facts)


def same(one, two) -> bool:
    assert one.meta == two.meta and set(one.state) == set(two.state)
    pairs = [*((one.state[name], two.state[name]) for name in one.state)]
    pairs += [(one.thumbnail, two.thumbnail), (one.picture, two.picture)]
    return all((a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes()) for a, b in pairs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=states, prompt=words, title=words, seed=st.integers(0, 2**64 - 1), chunk=st.integers(0, 2**53 - 1))
def test_round_trip(tmp_path, state, prompt, title, seed, chunk):
    slot = slot_of(state, prompt=prompt, title=title)
    slot = replace(slot, meta=replace(slot.meta, seed=seed, chunk=chunk))
    write_slot(tmp_path / "a.safetensors", slot)
    back = read_slot(tmp_path / "a.safetensors")
    assert same(slot, back) and state_digest(back.state) == state_digest(slot.state)


def test_a_digest_tells_names_types_shapes_and_bytes():
    array = np.arange(6, dtype=np.int16)
    others = [{"b": array}, {"a": array.view(np.uint16)}, {"a": array.reshape(2, 3)}, {"a": array[::-1]}, {}]
    digests = {state_digest(state) for state in [{"a": array}, *others]}
    assert len(digests) == 6
    assert state_digest({"a": array, "b": array}) == state_digest({"b": array, "a": np.stack([array, array], 1)[:, 0]})


def test_a_thumbnail_is_small_and_keeps_its_colours():
    picture = np.zeros((352, 640, 4), np.uint8)
    picture[...] = (10, 20, 200, 255)
    small = thumbnail_of(picture)
    assert small.shape == (88, 160, 3) and (small == (200, 20, 10)).all()
    assert thumbnail_of(picture[:72, :128]).shape == (72, 128, 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"name": "atlantis"}, "saved in the world 'cloister', and this is 'atlantis'.*load it in"),
        ({"weights_sha256": "1" * 64}, "other weights.*000000000000 then, 111111111111 now"),
        ({"weights_sha256": "1" * 64, "context": 8}, "other weights, or with another --context"),
        ({"width": 64}, "pictures of another size.*128x72 then, 64x72 now"),
        ({"held_columns": ("jump",)}, "other controls.*4 columns then, 5 now"),
    ],
)
def test_a_slot_of_something_else_is_refused_with_the_reason(changes, said):
    info = replace(FakeWorld().info, **changes)
    if not said:
        require_fits(slot_of(), info)
        return
    with pytest.raises(UserError, match=said):
        require_fits(slot_of(), info)


def test_a_write_that_fails_leaves_the_old_slot_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_slot(path, slot_of(seed=1))
    before = path.read_bytes()
    monkeypatch.setattr(slots.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="cannot save the world.*No space left.*older slot"):
        write_slot(path, slot_of(seed=2))
    assert path.read_bytes() == before and not list((tmp_path / slots.DRAFTS).iterdir())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot save the world"):
        write_slot(tmp_path / "file" / "a.safetensors", slot_of())


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")
def test_a_full_disk_and_a_kill_leave_the_old_slot(tmp_path):
    """A file may not grow beyond a limit, as on a full disk; then a process is killed over and over while it writes."""
    path = tmp_path / "a.safetensors"
    write_slot(path, slot_of(seed=1))
    program = f"""
import resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import numpy as np
from pathlib import Path
from test_runtime_slots import slot_of
from runtime.slots import write_slot
slot = slot_of({{"a": np.zeros(2**20)}}, seed=2)
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
    write_slot(Path({str(path)!r}), slot)
print("ready", flush=True)
while True:
    write_slot(Path({str(path)!r}), slot)
"""
    full = subprocess.run([sys.executable, "-c", program, "full"], capture_output=True, text=True, timeout=60)
    assert "UserError: cannot save the world" in full.stderr and read_slot(path).meta.seed == 1
    for wait in (0.01, 0.03, 0.08):
        with subprocess.Popen([sys.executable, "-c", program, "kill"], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.kill()
        assert read_slot(path).meta.seed in (1, 2)
    strays = list((tmp_path / slots.DRAFTS).iterdir())
    for stray in strays:
        os.utime(stray, (0, 0))
    write_slot(path, slot_of())
    assert not list((tmp_path / slots.DRAFTS).iterdir())
