"""Session: bit-exact round trips, logs that were cut, older formats, and what a header has to say."""

import hashlib
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fake_world import FakeWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from session_logs import eventful, write_log

import play
from runtime.errors import UserError
from runtime.logged import Again, Back, Chunk, Engine, Worded
from runtime.messages import Dreamt, Moment, Reset
from runtime.session import read_session
from runtime.session_log import SessionLog, digest
from runtime.versions import reverie_version


@pytest.mark.parametrize("held_columns", [(), ("forward", "jump", "slide")])
def test_round_trip_is_bit_exact(tmp_path, held_columns):
    walked = write_log(tmp_path / "a.session.jsonl", held_columns=held_columns)
    session = read_session(tmp_path / "a.session.jsonl")
    header = session.header
    assert (header.world, header.seed, header.fps, header.size, header.chunk_frames) == (
        "cloister",
        7,
        20.0,
        (128, 72),
        4,
    )
    assert (header.backend, header.weights_sha256, header.image_sha256) == ("numpy", "0" * 64, "")
    assert session.events[4] == Again(8, "") and session.chunks == 6
    chunks = [event for event in session.events if isinstance(event, Chunk)]
    for index, (chunk, (rows, frames)) in enumerate(zip(chunks, walked, strict=True)):
        assert chunk.index == index
        assert chunk.controls.dtype == np.float32 and chunk.controls.tobytes() == rows.tobytes()
        assert chunk.digests == tuple(digest(frame) for frame in frames)


def test_a_log_cut_anywhere_is_used_up_to_the_cut(tmp_path):
    path = tmp_path / "a.session.jsonl"
    write_log(path, chunks=3, reset_at=1)
    whole = path.read_bytes()
    header = whole.index(b"\n")
    for cut in [*range(header + 1, len(whole), 37), len(whole) - 1, len(whole)]:
        path.write_bytes(whole[:cut])
        session = read_session(path)
        # A line that lacks its newline only is whole.
        lines = [line for line in whole[:cut].split(b"\n")[1:] if line]
        whole_lines = whole.split(b"\n")
        assert len(session.events) == sum(line in whole_lines for line in lines)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"walk: 1", b'{"format": "other"}', b"\xff\xfe\x00", b"null"])
def test_what_is_no_session(tmp_path, content):
    path = tmp_path / "a.session.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a session"):
        read_session(path)


def test_a_later_format_and_a_damaged_middle(tmp_path):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].replace('"version": 2', '"version": 3'), *lines[1:]]))
    with pytest.raises(UserError, match="format 3"):
        read_session(path)
    path.write_text("\n".join([lines[0], lines[1][:50], *lines[2:]]))
    with pytest.raises(UserError, match="line 2"):
        read_session(path)


@pytest.mark.parametrize(
    "rows", [[[0, 0, 0]] * 4, [[0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1]], [[0, 0, 0, 0]] * 3, [0, 0, 0, 0], []]
)
def test_rows_that_fit_neither_each_other_nor_the_frames_are_damage(tmp_path, rows):
    path = tmp_path / "a.session.jsonl"
    write_log(path)
    lines = path.read_text().splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), "controls": rows})
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="line 3"):
        read_session(path)


# A log as reverie 1 wrote it: no prompt, no versions, resets without a picture.
FIRST_FORMAT = """\
{"format": "reverie-session", "version": 1, "reverie": "0.1", "world": "cloister", "weights_sha256": "WEIGHTS", \
"backend": "numpy", "device": "CPU", "seed": 2, "image": "", "image_sha256": "", "fps": 20.0, "size": [128, 72], \
"first_chunk_frames": 4, "chunk_frames": 4}
{"chunk": 0, "controls": ROWS, "frames": FRAMES}
{"reset": 3}
{"chunk": 1, "controls": ROWS, "frames": FRAMES}
"""


def first_format(path):
    """Write that log, with the digests of what the world shows."""
    rows, world = np.array([[0, 0.25, 0, 0]] * 2 + [[0, 0.25, 0.5, 0], [0, 0, 0, 0]], np.float32), FakeWorld()
    text = FIRST_FORMAT.replace("WEIGHTS", "0" * 64).replace("ROWS", json.dumps(rows.tolist()))
    for seed in (2, 3):
        world.reset(None, None, seed)
        text = text.replace("FRAMES", json.dumps([digest(frame) for frame in world.step(rows)]), 1)
    path.write_text(text)


def test_the_first_format_is_still_read_and_replayed(tmp_path, capsys):
    path = tmp_path / "old.session.jsonl"
    first_format(path)
    session = read_session(path)
    assert (session.header.prompt, session.header.start, session.header.versions) == ("", "", {})
    assert session.chunks == 2 and session.events[1] == Again(3, None, "", "")
    assert play.main(["--headless", "--replay", str(path)], load_world=lambda *_: FakeWorld()) == 0
    assert capsys.readouterr().out.endswith("replay: 2 chunks, all frames bit-identical\n")
    argv = ["--headless", "--continue", str(path), "--record", str(tmp_path / "o.mp4"), "--frames", "9"]
    assert play.main(argv, load_world=lambda *_: FakeWorld()) == 0
    assert read_session(tmp_path / "o.session.jsonl").events[1] == Again(3, "", "", "")
    assert '"version": 2' in (tmp_path / "o.session.jsonl").read_text()


def test_all_that_is_needed_to_regenerate_is_in_the_log(tmp_path):
    session = eventful(tmp_path / "a.session.jsonl", tmp_path)
    header = session.header
    assert header.reverie == reverie_version() and header.versions["numpy"] == np.__version__
    assert (header.world, header.weights_sha256, header.backend, header.device) == (
        "cloister",
        "0" * 64,
        "numpy",
        "CPU",
    )
    assert header.seed == 7 and header.image == str(tmp_path / "start1.png")
    assert header.image_sha256 == hashlib.sha256((tmp_path / "start1.png").read_bytes()).hexdigest()
    assert datetime.fromisoformat(header.when).tzinfo is not None
    again = [event for event in session.events if isinstance(event, Again)]
    assert [(event.seed, Path(event.image).name) for event in again] == [(11, "start1.png"), (12, "start2.png")]
    assert all(len(event.image_sha256) == 64 for event in again)
    chunks = [event for event in session.events if isinstance(event, Chunk)]
    assert all(len(chunk.digests) == len(chunk.controls) == 4 for chunk in chunks)
    assert [chunk.index for chunk in chunks] == list(range(16))


@pytest.mark.parametrize(
    ("backend", "engine"),
    [("ort int8, 4 threads", ("ort", "int8")), ("numpy", ("auto", "auto")), ("ort", ("auto", "auto"))],
)
def test_the_engine_and_precision_to_ask_for_again(tmp_path, backend, engine):
    write_log(tmp_path / "a.session.jsonl", chunks=1)
    lines = (tmp_path / "a.session.jsonl").read_text()
    (tmp_path / "a.session.jsonl").write_text(lines.replace('"backend": "numpy"', f'"backend": "{backend}"'))
    assert read_session(tmp_path / "a.session.jsonl").header.engine == engine


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
DEEDS = st.one_of(
    st.tuples(st.just("dreamt"), st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=3)),
    st.tuples(st.just("begun"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("reworded"), st.text(st.characters(exclude_categories=["Cs"]))),
    st.tuples(st.just("restored"), st.integers(1, 10**6)),
    st.tuples(st.just("engine"), st.sampled_from(["ort int8", "numpy", "trt fp8, 1 GB"])),
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), deeds=st.lists(DEEDS, max_size=12))
def test_any_sequence_of_events_comes_back_bit_for_bit(tmp_path_factory, seed, deeds):
    path = tmp_path_factory.getbasetemp() / "any.session.jsonl"
    path.unlink(missing_ok=True)
    log, expected, backend = SessionLog(path), [], "numpy"
    log.loaded(FakeWorld().info)
    log.begun(Reset(0, seed))
    opened = ""  # the engine in the header is that of the first chunk
    for number, (what, value) in enumerate(deeds):
        if what == "dreamt":
            rows = np.array(value, np.float32)
            frames = [np.full((2, 2, 4), number + i, np.uint8) for i in range(len(rows))]
            if log.lines and backend != opened:
                expected.append(Engine(backend))
            opened = backend
            log.dreamt(Dreamt(number, rows, frames, backend, Moment))
            expected.append((rows.tobytes(), tuple(map(digest, frames))))
        elif what == "engine":
            backend = value
        elif what == "begun":
            log.begun(Reset(0, value, None, "dusk"))
            expected.append(Again(value, "", "", "dusk"))
        elif what == "reworded":
            log.reworded(value)
            expected.append(Worded(value))
        else:
            # The log takes it as it comes; only what went before can be gone back to.
            deeds_so_far = 1 + sum(not isinstance(event, Engine) for event in expected)
            log.restored(Moment({}, 0, 0, logged=min(value, deeds_so_far)))
            expected.append(Back(min(value, deeds_so_far)))
        opened = opened or ("numpy" if log.lines else "")
    log.close()
    if not expected:
        assert not path.exists()
        return
    session = read_session(path)
    found = [(e.controls.tobytes(), e.digests) if isinstance(e, Chunk) else e for e in session.events]
    assert found == expected and session.header.seed == seed
