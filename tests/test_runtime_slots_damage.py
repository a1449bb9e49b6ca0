"""Damaged slots: each is refused in one line or read right, without a traceback, a wait or memory for absurd claims."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_runtime_slots import same, slot_of

from runtime.errors import UserError
from runtime.slots import SlotMeta, read_slot, write_slot

MUTATIONS = 200


def packed(header: dict | bytes, data: bytes = b"") -> bytes:
    """A safetensors file by hand."""
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + data


def parts(content: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


@pytest.fixture
def content(tmp_path):
    write_slot(tmp_path / "a.safetensors", slot_of(size=(32, 24), prompt="rain"))
    return (tmp_path / "a.safetensors").read_bytes()


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_slot(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("format", "gif"), ("version", "2"), ("version", "x"), ("seed", "-1"), ("seed", "1e9"), ("chunk", "true")),
        *(("camera", "[" * 5000), ("camera", "[[1]]"), ("camera", "[]"), ("size", "[32]"), ("size", "[0, 24]")),
        *(("size", "[64, 24]"), ("when", "yesterday"), ("seed", "9" * 5000), ("weights_sha256", "zz"), ("prompt", "x")),
        *(("control_columns", "2"), ("camera", "[[NaN,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"), ("sha256", "0")),
        *((name, None) for name in (*SlotMeta.__annotations__, "format", "version", "sha256")),
    ],
)
def test_metadata_that_cannot_be_is_refused(tmp_path, content, field, value):
    header, data = parts(content)
    header["__metadata__"] |= {field: value}
    if value is None:
        del header["__metadata__"][field]
    refused(tmp_path / "b.safetensors", packed(header, data))


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"1234567",
            b"\0" * 8,
            b"\xff" * 8,
            b"\xff" * 64,
            packed(b""),
            packed({}),
            packed(b"null"),
            packed(b"{"),
        ),
        *(packed({"__metadata__": {"format": "reverie-slot"}}), packed(b"[" * 4000), (2**62).to_bytes(8, "little")),
        packed({"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}),
        packed({"a": {"dtype": "F64", "shape": [2**63, 2**63], "data_offsets": [0, 8]}}, bytes(8)),
        packed({"a": {"dtype": "F64", "shape": [0, 2**62], "data_offsets": [0, 0]}}),
        packed({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
def test_what_is_no_slot_is_refused(tmp_path, content):
    assert str(tmp_path) in refused(tmp_path / "b.safetensors", content)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(UserError, match="cannot read|no file"):
            read_slot(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UserError, match="no file"):
            read_slot(tmp_path / "pipe")


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """The content with something done to it, header and data alike."""
    header, data = parts(content)
    place = int(random.integers(len(content)))
    length = int.from_bytes(content[:8], "little")
    fields = header["__metadata__"]
    one, two = (str(name) for name in random.choice(list(fields), 2, replace=False))
    tensors = [name for name in header if name != "__metadata__"]
    first, second = (str(name) for name in random.choice(tensors, 2, replace=False))
    absurd = int(random.choice([2**31, 2**32 - 1, 2**53, 2**63 - 1, -1]))
    match random.integers(9):
        case 0:
            return content[:place] + bytes([content[place] ^ (1 << int(random.integers(8)))]) + content[place + 1 :]
        case 1:
            return content[:place]
        case 2:
            return content[:place] + random.bytes(int(random.integers(1, 30))) + content[place:]
        case 3:
            within = 8 + int(random.integers(length))  # somewhere in the header
            return content[:within] + random.bytes(int(random.integers(1, 4))) + content[within + 1 :]
        case 4:
            fields[one], fields[two] = fields[two], fields[one]
        case 5:
            header[first], header[second] = header[second], header[first]
        case 6:
            header[first]["shape"] = [absurd, *header[first]["shape"]]
        case 7:
            header[first]["data_offsets"] = [absurd if random.integers(2) else 0, absurd]
        case _:
            fields[one] = json.dumps(json.loads("[" * 30 + "]" * 30)) if random.integers(2) else random.bytes(9).hex()
    return packed(header, data)


def test_mutated_slots_are_refused_or_read_right(tmp_path, content):
    """And none of them takes more memory than a few files of its size, or time."""
    path, random = tmp_path / "b.safetensors", np.random.default_rng(5)
    whole, told, started = read_slot(tmp_path / "a.safetensors"), 0, time.monotonic()
    tracemalloc.start()
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(content, random))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            assert same(read_slot(path), whole)
        except UserError as error:
            told += 1
            assert "\n" not in str(error) and str(path) in str(error)
        assert tracemalloc.get_traced_memory()[1] - before < 4 * len(content) + 2**20
    tracemalloc.stop()
    assert told > MUTATIONS * 0.9 and time.monotonic() - started < 30
